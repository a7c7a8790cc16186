//! Fields with the same response key must ask for the same thing. async-graphql looks at one
//! selection set at a time, and not at what two such fields select below.

use std::collections::HashMap;

use async_graphql::ServerError;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, SelectionSet};

use super::errors::refused;
use super::fragments;
use crate::graphql::errors::Code;

/// Looks at the operation that is executed, when its variables are settled. No type here has several
/// possible types, so fields that stand together belong to the same one.
///
/// # Errors
/// Two fields or their arguments differ.
pub fn refuse(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Result<(), Vec<ServerError>> {
    let mut together = vec![vec![&operation.selection_set.node]];
    while let Some(sets) = together.pop() {
        // By response key: the first field, and the selections of all that share it.
        let mut keys: HashMap<&str, (&Field, Vec<&SelectionSet>)> = HashMap::new();
        let fields = sets.iter().rev().flat_map(|set| fragments::fields(document, set));
        for field in fields {
            let key = field.node.response_key().node.as_str();
            let (first, below) = keys.entry(key).or_insert((&field.node, Vec::new()));
            if !are_alike(first, &field.node) {
                let why = format!("two fields that differ would both be answered as \"{key}\"");
                return Err(refused(Code::GraphqlValidationFailed, why, field.pos));
            }
            below.push(&field.node.selection_set.node);
        }
        together.extend(keys.into_values().map(|(_, below)| below));
    }
    Ok(())
}

/// The same field with the same arguments.
pub fn are_alike(one: &Field, other: &Field) -> bool {
    one.name == other.name
        && one.arguments.len() == other.arguments.len()
        && one
            .arguments
            .iter()
            .all(|(name, value)| other.get_argument(&name.node) == Some(value))
}
