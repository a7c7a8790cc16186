//! Limits the regular expressions of a request: each is compiled when it is resolved, which takes up
//! to some milliseconds.

use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition};
use async_graphql::{Positioned, ServerError};
use async_graphql_value::Value;

use super::errors::refused;
use super::fragments;
use crate::graphql::errors::Code;
use crate::graphql::limits::EXPRESSIONS_MAX;

/// Counts those of the operation that is executed, when its variables are settled. Each counts as
/// often as it is spread.
///
/// # Errors
/// There are more than the limit.
pub fn bounded(
    document: &ExecutableDocument,
    operation: &Positioned<OperationDefinition>,
) -> Result<(), Vec<ServerError>> {
    let mut count = 0;
    let mut sets = vec![&operation.node.selection_set.node];
    while let Some(set) = sets.pop() {
        for field in fragments::fields(document, set) {
            count += of(&field.node);
            sets.push(&field.node.selection_set.node);
        }
        if count > EXPRESSIONS_MAX {
            let why = format!("more than {EXPRESSIONS_MAX} regular expressions in one request");
            return Err(refused(Code::GraphqlValidationFailed, why, operation.pos));
        }
    }
    Ok(())
}

/// The members `op` of its arguments, as in `LabelMatcher`, that make a text a regular expression.
fn of(field: &Field) -> usize {
    let mut values: Vec<&Value> = field.arguments.iter().map(|(_, value)| &value.node).collect();
    let mut count = 0;
    while let Some(value) = values.pop() {
        match value {
            Value::List(items) => values.extend(items),
            Value::Object(members) => {
                // The name of an enum value may come as a string.
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
