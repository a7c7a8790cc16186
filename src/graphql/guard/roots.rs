//! The root of an operation: a subscription has one field there, which may stand in fragments, and
//! the size of introspection's answer is bounded.

use std::collections::HashSet;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Positioned, ServerError};

use super::errors::refused;
use super::fragments;
use super::overlaps::are_alike;
use super::types::Types;
use crate::graphql::errors::Code;
use crate::graphql::limits::INTROSPECTED_MAX;

/// Subscriptions of the document have one root field, and the one to be executed has nothing else.
///
/// # Errors
/// There are more, or they depend on variables; or introspection would answer with too much.
pub fn gather(
    document: &mut ExecutableDocument,
    name: Option<&str>,
    types: &Types,
) -> Result<(), Vec<ServerError>> {
    for (_, operation) in document.operations.iter() {
        match operation.node.ty {
            OperationType::Subscription => {
                if let Some(fields) = root_fields(document, &operation.node, types)? {
                    judge(&operation.node, &fields)?;
                }
            }
            OperationType::Query => {
                if introspected(document, &operation.node, types) > INTROSPECTED_MAX {
                    let why =
                        format!("about the schema more than {INTROSPECTED_MAX} objects would be answered");
                    return Err(refused(Code::GraphqlValidationFailed, why, operation.pos));
                }
            }
            OperationType::Mutation => {}
        }
    }
    let Some(operation) = fragments::selected(document, name) else {
        return Ok(());
    };
    let items = &operation.node.selection_set.node.items;
    let is_plain = items.len() == 1 && matches!(items[0].node, Selection::Field(_));
    if operation.node.ty != OperationType::Subscription || is_plain {
        return Ok(());
    }
    let Some(fields) = root_fields(document, &operation.node, types)? else {
        return Ok(());
    };
    let mut fields = fields.into_iter();
    let Some(mut field) = fields.next().cloned() else {
        return Ok(());
    };
    for other in fields {
        let more = other.node.selection_set.node.items.iter().cloned();
        field.node.selection_set.node.items.extend(more);
    }
    if let Some(operation) = fragments::selected_mut(document, name) {
        let pos = field.pos;
        operation.selection_set.node.items = vec![Positioned::new(Selection::Field(field), pos)];
    }
    fragments::forget_unused(document);
    Ok(())
}

/// In the order of the document; `None` where validation refuses how they are gathered.
fn root_fields<'a>(
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    types: &Types,
) -> Result<Option<Vec<&'a Positioned<Field>>>, Vec<ServerError>> {
    let root = types.subscription.as_deref().unwrap_or_default();
    let mut fields = Vec::new();
    let mut seen = HashSet::new();
    let mut selections = vec![operation.selection_set.node.items.iter()];
    while let Some(last) = selections.last_mut() {
        let Some(selection) = last.next() else {
            selections.pop();
            continue;
        };
        let directives = selection.node.directives();
        let mut names = directives
            .iter()
            .map(|directive| directive.node.name.node.as_str());
        if names.any(|name| name == "skip" || name == "include") {
            let why = "@skip and @include cannot stand at the root of a subscription";
            return Err(refused(Code::GraphqlValidationFailed, why, selection.pos));
        }
        if !directives.is_empty() {
            return Ok(None);
        }
        let fits = match &selection.node {
            Selection::Field(field) => {
                fields.push(field);
                true
            }
            Selection::InlineFragment(fragment) => {
                let fragment = &fragment.node;
                selections.push(fragment.selection_set.node.items.iter());
                let condition = fragment.type_condition.as_ref();
                condition.is_none_or(|condition| condition.node.on.node == root)
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let Some(fragment) = document.fragments.get(name) else {
                    return Ok(None);
                };
                let fragment = &fragment.node;
                if seen.insert(name) {
                    selections.push(fragment.selection_set.node.items.iter());
                }
                fragment.directives.is_empty() && fragment.type_condition.node.on.node == root
            }
        };
        if !fits {
            return Ok(None);
        }
    }
    Ok(Some(fields))
}

fn judge(operation: &OperationDefinition, fields: &[&Positioned<Field>]) -> Result<(), Vec<ServerError>> {
    let mut fields = fields.iter();
    let Some(first) = fields.next() else {
        return Ok(());
    };
    let alike = fields.all(|field| {
        let (first, field) = (&first.node, &field.node);
        first.response_key() == field.response_key() && are_alike(first, field)
    });
    if !alike || first.node.name.node.starts_with("__") {
        let why = "a subscription must select one field at its root";
        return Err(refused(
            Code::GraphqlValidationFailed,
            why,
            operation.selection_set.pos,
        ));
    }
    Ok(())
}

/// The type of introspection that a selection set belongs to.
#[derive(Clone, Copy)]
enum About {
    Root,
    Schema,
    /// `true`: of all types, each once.
    Type(bool),
    Field(bool),
    Input,
    Directive,
    Nothing,
}

/// The maximum number of objects and values in the answers of `__schema` and `__type`. Each selection
/// counts as often as it is spread.
pub(super) fn introspected(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    types: &Types,
) -> usize {
    let mut count: usize = 0;
    let mut sets: Vec<(&SelectionSet, About, usize)> = vec![(&operation.selection_set.node, About::Root, 1)];
    while let Some((set, about, times)) = sets.pop() {
        for field in fragments::fields(document, set) {
            let (about, times) = step(about, times, &field.node.name.node, types);
            if !matches!(about, About::Root) {
                count = count.saturating_add(times);
                sets.push((&field.node.selection_set.node, about, times));
            }
        }
    }
    count
}

/// The type that a field of introspection leads to, and how often. `About::Root` for other fields.
fn step(about: About, times: usize, field: &str, types: &Types) -> (About, usize) {
    let sizes = &types.sizes;
    let list = |of_all: bool, (all, longest): (usize, usize), per: usize| match of_all {
        // For all types, `times` is how often each of them occurs.
        true => times.saturating_mul(all) / per.max(1),
        false => times.saturating_mul(longest),
    };
    match (about, field) {
        (About::Root, "__schema") => (About::Schema, times),
        (About::Root, "__type") => (About::Type(false), times),
        (About::Root, _) => (About::Root, 0),
        (About::Schema, "types") => (About::Type(true), times.saturating_mul(sizes.types)),
        (About::Schema, "queryType" | "mutationType" | "subscriptionType") => (About::Type(false), times),
        (About::Schema, "directives") => (About::Directive, times.saturating_mul(sizes.directives)),
        (About::Type(all), "fields") => (About::Field(all), list(all, sizes.fields, sizes.types)),
        (About::Type(all), "inputFields") => (About::Input, list(all, sizes.input_fields, sizes.types)),
        (About::Type(all), "enumValues") => (About::Nothing, list(all, sizes.enum_values, sizes.types)),
        (About::Type(_), "ofType" | "interfaces" | "possibleTypes") => (About::Type(false), times),
        (About::Field(all), "args") => (About::Input, list(all, sizes.arguments, sizes.fields.0)),
        (About::Field(_) | About::Input, "type") => (About::Type(false), times),
        (About::Directive, "args") => (About::Input, times),
        _ => (About::Nothing, times),
    }
}
