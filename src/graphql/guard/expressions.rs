//! How many regular expressions a request has: each is compiled where it is resolved, for up to some
//! milliseconds.

use async_graphql::ServerError;
use async_graphql::parser::types::{ExecutableDocument, Field, Selection};
use async_graphql_value::Value;

use super::errors::refused;
use super::fragments;
use crate::graphql::errors::Code;
use crate::graphql::limits::EXPRESSIONS_MAX;

/// Of the operation that is executed, when its variables are settled. Each counts as often as it is
/// spread, which is bounded.
///
/// # Errors
/// There are more than the limit.
pub fn bounded(document: &mut ExecutableDocument, name: Option<&str>) -> Result<(), Vec<ServerError>> {
    let Some(operation) = fragments::selected(&mut document.operations, name) else {
        return Ok(());
    };
    let pos = operation.pos;
    let mut count = 0;
    let mut sets = vec![&operation.node.selection_set.node];
    while let Some(set) = sets.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    count += of(&field.node);
                    sets.push(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => sets.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                        sets.push(&fragment.node.selection_set.node);
                    }
                }
            }
            if count > EXPRESSIONS_MAX {
                let why = format!("more than {EXPRESSIONS_MAX} regular expressions in one request");
                return Err(refused(Code::GraphqlValidationFailed, why, pos));
            }
        }
    }
    Ok(())
}

/// The members `op` of its arguments that make one of a text, as `LabelMatcher` has them.
fn of(field: &Field) -> usize {
    let mut values: Vec<&Value> = field.arguments.iter().map(|(_, value)| &value.node).collect();
    let mut count = 0;
    while let Some(value) = values.pop() {
        match value {
            Value::List(items) => values.extend(items),
            Value::Object(members) => {
                // A name of an enumeration may come as a string.
                let op = match members.get("op") {
                    Some(Value::Enum(op)) => op.as_str(),
                    Some(Value::String(op)) => op,
                    _ => "",
                };
                count += usize::from(matches!(op, "MATCHES" | "NOT_MATCHES"));
                values.extend(members.values());
            }
            _ => {}
        }
    }
    count
}
