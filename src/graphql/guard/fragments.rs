//! A document's operations and the fragments they reach; nothing recurses.

use std::collections::HashSet;

use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Value};

/// The operation of this name, or the only one.
pub fn selected<'a>(
    operations: &'a mut DocumentOperations,
    name: Option<&str>,
) -> Option<&'a mut Positioned<OperationDefinition>> {
    match (operations, name) {
        (DocumentOperations::Single(operation), None) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values_mut().next()
        }
        _ => None,
    }
}

/// Gives an operation that is not alone its own fragments, so that they can be changed for it.
pub fn isolate(document: &mut ExecutableDocument, name: Option<&str>) {
    if document.operations.iter().len() == 1 {
        return;
    }
    let Some(operation) = selected(&mut document.operations, name) else {
        return;
    };
    // No name of a document has an apostrophe.
    let own = |name: &Name| Name::new(format!("{name}'"));
    let mut names = rename(&mut operation.node.selection_set.node, &own);
    let mut seen = HashSet::new();
    while let Some(name) = names.pop() {
        if let Some(fragment) = document.fragments.get(&name)
            && seen.insert(name.clone())
        {
            let mut fragment = fragment.clone();
            names.extend(rename(&mut fragment.node.selection_set.node, &own));
            document.fragments.insert(own(&name), fragment);
        }
    }
    forget_unused(document);
}

/// Gives the numbers that are variables a default, where they have none. async-graphql computes the
/// complexity of operations that are not executed too, and refuses a variable that nobody gave.
pub fn complete_numbers(operations: &mut DocumentOperations) {
    let DocumentOperations::Multiple(operations) = operations else {
        return;
    };
    for operation in operations.values_mut() {
        for definition in &mut operation.node.variable_definitions {
            let (pos, definition) = (definition.pos, &mut definition.node);
            let is_number = matches!(&definition.var_type.node.base, BaseType::Named(name) if name == "Int");
            if is_number && definition.default_value.is_none() {
                definition.default_value = Some(Positioned::new(Value::from(1), pos));
            }
        }
    }
}

/// Drops the fragments that no operation reaches.
pub fn forget_unused(document: &mut ExecutableDocument) {
    let operations = document.operations.iter();
    let mut sets: Vec<&SelectionSet> = operations.map(|(_, o)| &o.node.selection_set.node).collect();
    let mut used = HashSet::new();
    while let Some(set) = sets.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => sets.push(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => sets.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name)
                        && used.insert(name.clone())
                    {
                        sets.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    document.fragments.retain(|name, _| used.contains(name));
}

/// Returns the names that were.
fn rename(set: &mut SelectionSet, new: &impl Fn(&Name) -> Name) -> Vec<Name> {
    let mut names = Vec::new();
    let mut sets = vec![set];
    while let Some(set) = sets.pop() {
        for selection in &mut set.items {
            match &mut selection.node {
                Selection::Field(field) => sets.push(&mut field.node.selection_set.node),
                Selection::InlineFragment(fragment) => sets.push(&mut fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &mut spread.node.fragment_name.node;
                    names.push(name.clone());
                    *name = new(name);
                }
            }
        }
    }
    names
}
