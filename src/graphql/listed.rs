//! Whether the documents of an operator's list could be executed.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::parser::types::BaseType;
use async_graphql::{ServerError, ValidationResult, Value};
use futures_util::FutureExt;

use super::guard::Checked;
use super::guard::documents::List;
use super::schema::builder;

const FITS: &str = "the document fits the schema";
/// More mistakes than these are not told.
const MOST: usize = 20;

/// Refuses every document that fits the schema, so that none is executed.
struct OnlyValidates;

/// What the guard or the schema says against them, each with its id.
pub fn mistakes(list: &List) -> Vec<String> {
    let schema = builder().extension(OnlyValidates).finish();
    let wrong = |text: &str| -> Option<String> {
        let message = |errors: &[ServerError]| errors.first().map(|error| error.message.clone());
        let checked = match Checked::of(text.into()) {
            Ok(checked) => checked,
            Err(errors) => return message(&errors),
        };
        let mut request = checked.unsettled();
        // The weight of a page looks at its length.
        for (name, of) in variables(&mut request) {
            if of == "Int" {
                request.variables.insert(name, Value::from(1));
            }
        }
        let response = schema.execute(request).now_or_never()?;
        message(&response.errors).filter(|message| message != FITS)
    };
    let documents = list.documents();
    let mistakes = documents.filter_map(|(id, text)| Some(format!("document '{id}': {}", wrong(text)?)));
    mistakes.take(MOST).collect()
}

/// The variables of all operations, with their types.
fn variables(request: &mut async_graphql::Request) -> Vec<(async_graphql::Name, String)> {
    let Ok(document) = request.parsed_query() else {
        return Vec::new();
    };
    let operations = document.operations.iter();
    let all = operations.flat_map(|(_, operation)| &operation.node.variable_definitions);
    let named = all.filter_map(|variable| match &variable.node.var_type.node.base {
        BaseType::Named(of) => Some((variable.node.name.node.clone(), of.to_string())),
        BaseType::List(_) => None,
    });
    named.collect()
}

impl ExtensionFactory for OnlyValidates {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for OnlyValidates {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        next.run(ctx).await?;
        Err(vec![ServerError::new(FITS, None)])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listed_document_that_does_not_fit_the_schema_is_told_with_its_id() {
        let list = json!({
            "good": "query($first: Int!, $s: SeriesSelector!) { series(selector: $s, first: $first) { nodes { key } } }",
            "live": "subscription($s: SeriesSelector!) { points(selector: $s) { cursor } }",
            "other field": "{ nothing }",
            "not GraphQL": "{",
        });
        let list = List::parse(list.to_string().as_bytes()).unwrap();
        let mistakes = mistakes(&list);
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
        assert!(
            mistakes[0].starts_with("document 'not GraphQL': "),
            "{mistakes:?}"
        );
        assert!(
            mistakes[1].contains("'other field'") && mistakes[1].contains("nothing"),
            "{mistakes:?}"
        );
    }
}
