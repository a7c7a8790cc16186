//! A document's operations and the fragments they reach. No function recurses.

use std::collections::HashSet;

use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Value};

/// The operation of this name, or the only one.
pub fn selected<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a Positioned<OperationDefinition>> {
    let mut operations = document.operations.iter();
    let selected = match name {
        Some(name) => operations.find(|(given, _)| given.is_some_and(|given| given == name)),
        None if operations.len() == 1 => operations.next(),
        None => None,
    };
    selected.map(|(_, operation)| operation)
}

/// The same, to be changed.
pub fn selected_mut<'a>(
    document: &'a mut ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a mut OperationDefinition> {
    selected(document, name)?;
    let operation = match (&mut document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name),
        (DocumentOperations::Multiple(operations), None) => operations.values_mut().next(),
    };
    operation.map(|operation| &mut operation.node)
}

/// The fields of a selection set and of the fragments in it, each as often as it is spread, which
/// is bounded.
pub fn fields<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet) -> Vec<&'a Positioned<Field>> {
    let mut fields = Vec::new();
    let mut sets = vec![set];
    while let Some(set) = sets.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => fields.push(field),
                Selection::InlineFragment(fragment) => sets.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let fragment = document.fragments.get(&spread.node.fragment_name.node);
                    sets.extend(fragment.map(|fragment| &fragment.node.selection_set.node));
                }
            }
        }
    }
    fields
}

/// Gives an operation that is not alone its own fragments, so that they can be changed for it.
pub fn isolate(document: &mut ExecutableDocument, name: Option<&str>) {
    if document.operations.iter().len() == 1 {
        return;
    }
    let Some(operation) = selected_mut(document, name) else {
        return;
    };
    // A name in a document cannot have an apostrophe.
    let own = |name: &Name| Name::new(format!("{name}'"));
    let mut names = rename(&mut operation.selection_set.node, &own);
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

/// Gives `Int` variables without a default one. async-graphql computes the
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

/// Returns the old names.
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
