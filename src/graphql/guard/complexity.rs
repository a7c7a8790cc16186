//! The complexity of what is executed, which principals have so much of a minute. async-graphql counts
//! the same by the attributes of the fields, but keeps it to itself.

use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, SelectionSet};
use async_graphql::{Positioned, Value};

use super::fragments;
use crate::graphql::limits::{COMPLEXITY, MUTATION, SAMPLES, WHOLE_ANSWER, page_weight};

#[derive(Clone, Copy)]
enum Weight {
    /// So much, and the fields selected in it.
    Plus(usize),
    /// So much for each field selected in it.
    Times(usize),
    /// A page, by its argument `first`.
    Page,
}

use Weight::{Page, Plus, Times};

/// Of fields of the roots and just below.
const WEIGHTS: [(&str, Weight); 15] = [
    ("latest", Plus(WHOLE_ANSWER)),
    ("history", Plus(WHOLE_ANSWER)),
    ("points", Page),
    ("metrics", Plus(WHOLE_ANSWER)),
    ("series", Page),
    ("labels", Plus(WHOLE_ANSWER)),
    ("labelValues", Plus(WHOLE_ANSWER)),
    ("deadLetters", Page),
    ("deadLetterReasons", Plus(WHOLE_ANSWER)),
    ("records", Plus(WHOLE_ANSWER)),
    ("publish", Plus(MUTATION)),
    ("redriveDeadLetters", Plus(MUTATION)),
    ("resumeStream", Plus(MUTATION)),
    ("reloadConfiguration", Plus(MUTATION)),
    ("pipeline.samples", Times(SAMPLES)),
];

/// Of a subscription only its fields count: what it sends is counted in bytes. At most what a document may
/// have in all; variables must be settled.
pub fn of(document: &ExecutableDocument, operation: &OperationDefinition) -> usize {
    use async_graphql::parser::types::OperationType::Subscription;
    let weighed = operation.ty != Subscription;
    let set = &operation.selection_set.node;
    sum(document, set, if weighed { Some("") } else { None }).clamp(1, COMPLEXITY)
}

/// `within`: the field of the root that the selection is in, if fields in it can have a weight.
fn sum(document: &ExecutableDocument, set: &SelectionSet, within: Option<&str>) -> usize {
    let fields = fragments::fields(document, set).into_iter();
    let costs = fields.map(|field| of_field(document, field, within));
    costs.fold(0, usize::saturating_add)
}

fn of_field(document: &ExecutableDocument, field: &Positioned<Field>, within: Option<&str>) -> usize {
    let name = field.node.name.node.as_str();
    if name == "__typename" {
        return 0;
    }
    let below = match within {
        Some("") => Some(name),
        _ => None,
    };
    let inner = sum(document, &field.node.selection_set.node, below);
    let weight = within.and_then(|within| {
        let is_it = |known: &str| match within {
            "" => known == name,
            root => known.split_once('.') == Some((root, name)),
        };
        WEIGHTS.iter().find(|(known, _)| is_it(known))
    });
    match weight {
        Some((_, Plus(n))) => inner.saturating_add(*n),
        Some((_, Times(n))) => inner.saturating_mul(*n),
        Some((_, Page)) => inner.saturating_mul(page_weight(first(field))),
        None => inner.saturating_add(1),
    }
}

fn first(field: &Positioned<Field>) -> Option<i32> {
    let given = field.node.get_argument("first")?.node.clone().into_const()?;
    match given {
        Value::Number(number) => number.as_i64().map(|n| i32::try_from(n).unwrap_or(i32::MAX)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
    use async_graphql::{Request, ServerError, ValidationResult};
    use futures_util::FutureExt;

    use super::*;
    use crate::graphql::guard::{Checked, fragments};
    use crate::graphql::schema::builder;

    /// Refuses every document with its complexity.
    struct Tells;

    impl ExtensionFactory for Tells {
        fn create(&self) -> Arc<dyn Extension> {
            Arc::new(Self)
        }
    }

    #[async_graphql::async_trait::async_trait]
    impl Extension for Tells {
        async fn validation(
            &self,
            ctx: &ExtensionContext<'_>,
            next: NextValidation<'_>,
        ) -> Result<ValidationResult, Vec<ServerError>> {
            let found = next.run(ctx).await?;
            Err(vec![ServerError::new(found.complexity.to_string(), None)])
        }
    }

    #[test]
    fn it_is_what_async_graphql_counts() {
        let schema = builder().extension(Tells).finish();
        for text in [
            "{ metrics { name __typename } }",
            r#"{ series(selector: {metric: "m"}) { nodes { key } pageInfo { hasNextPage } } }"#,
            r#"{ series(selector: {metric: "m"}, first: 2500) { nodes { key } } }"#,
            r#"{ a: latest(selector: {metric: "m"}) { value } b: metrics { name } }"#,
            r#"{ points(selector: {metric: "m"}, from: "2026-01-01T00:00:00Z", first: 500) { nodes { value } } }"#,
            "{ pipeline { samples { at } partitions { topic } } }",
            "query { ...q } fragment q on Query { pipeline { ...p } } fragment p on PipelineStatus { samples { at } }",
            r#"{ labels(selector: {}) { name } labelValues(selector: {}, name: "a") { value } }"#,
            "{ deadLetters(first: 300) { nodes { attempts } } deadLetterReasons { reason } }",
            r#"{ history(selector: {metric: "m"}, from: "2026-01-01T00:00:00Z", step: "1m") { points { ts value } } }"#,
            r#"mutation { publish(stream: "s", points: []) { accepted } }"#,
            r#"mutation { resumeStream(stream: "s") { wasPaused } redriveDeadLetters(ids: []) { sent } }"#,
        ] {
            let checked = Checked::of(Request::new(text)).unwrap();
            let operation = fragments::selected(&checked.document, None).unwrap();
            let own = of(&checked.document, &operation.node);
            let told = schema.execute(Request::new(text)).now_or_never().unwrap();
            assert_eq!(told.errors[0].message, own.to_string(), "{text}");
        }
    }
}
