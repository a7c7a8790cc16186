//! Fields that answer under one name must ask for one thing. async-graphql looks at one selection
//! set at a time, and not at what two fields of that name select below.

use std::collections::{HashMap, HashSet};

use async_graphql::ServerError;
use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};

use super::errors::refused;
use super::fragments;
use crate::graphql::errors::Code;

/// A field under its response key, with the selections of all that share it.
type Merged<'a> = (&'a Field, Vec<&'a SelectionSet>);

/// Of the operation that is executed, when its variables are settled. No type here has several
/// possible types, so what stands together belongs to the same one.
///
/// # Errors
/// Two fields or their arguments differ.
pub fn refuse(document: &mut ExecutableDocument, name: Option<&str>) -> Result<(), Vec<ServerError>> {
    let Some(operation) = fragments::selected(&mut document.operations, name) else {
        return Ok(());
    };
    let mut together = vec![vec![&operation.node.selection_set.node]];
    while let Some(mut sets) = together.pop() {
        let mut fields: HashMap<&str, Merged<'_>> = HashMap::new();
        let mut seen = HashSet::new();
        while let Some(set) = sets.pop() {
            for selection in &set.items {
                match &selection.node {
                    Selection::Field(field) => {
                        let key = field.node.response_key().node.as_str();
                        let (first, below) = fields.entry(key).or_insert((&field.node, Vec::new()));
                        if !are_alike(first, &field.node) {
                            let why = format!("two fields that differ would both be answered as \"{key}\"");
                            return Err(refused(Code::GraphqlValidationFailed, why, field.pos));
                        }
                        below.push(&field.node.selection_set.node);
                    }
                    Selection::InlineFragment(fragment) => sets.push(&fragment.node.selection_set.node),
                    Selection::FragmentSpread(spread) => {
                        let name = &spread.node.fragment_name.node;
                        if let Some(fragment) = document.fragments.get(name)
                            && seen.insert(name)
                        {
                            sets.push(&fragment.node.selection_set.node);
                        }
                    }
                }
            }
        }
        together.extend(fields.into_values().map(|(_, below)| below));
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
