//! What each field of the roots needs. A field that is not listed needs the most.

use std::any::TypeId;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Data, Positioned, ServerError};

use super::errors::refused;
use super::fragments;
use super::types::Types;
use crate::data::{Code, Operation, Viewer};
use Operation::{Admin, Operate, Publish, Read};

/// In the order of the schema: root, field, and what the viewer must be allowed.
pub const FIELDS: [(OperationType, &str, Operation); 23] = [
    (OperationType::Query, "latest", Read),
    (OperationType::Query, "history", Read),
    (OperationType::Query, "points", Read),
    (OperationType::Query, "metrics", Read),
    (OperationType::Query, "series", Read),
    (OperationType::Query, "labels", Read),
    (OperationType::Query, "labelValues", Read),
    (OperationType::Query, "pipeline", Read),
    (OperationType::Query, "deadLetters", Read),
    (OperationType::Query, "deadLetterReasons", Read),
    (OperationType::Query, "records", Operate),
    (OperationType::Query, "apiKeys", Admin),
    (OperationType::Query, "audit", Admin),
    (OperationType::Mutation, "publish", Publish),
    (OperationType::Mutation, "redriveDeadLetters", Operate),
    (OperationType::Mutation, "resumeStream", Operate),
    (OperationType::Mutation, "reloadConfiguration", Operate),
    (OperationType::Mutation, "createApiKey", Admin),
    (OperationType::Mutation, "revokeApiKey", Admin),
    (OperationType::Mutation, "rotateApiKey", Admin),
    (OperationType::Subscription, "points", Read),
    (OperationType::Subscription, "aggregates", Read),
    (OperationType::Subscription, "pipeline", Read),
];

/// What everybody may ask who was let in.
pub const ANYBODY: [(OperationType, &str); 1] = [(OperationType::Query, "me")];

/// The viewer of a request, or else of its connection.
pub fn viewer<'a>(request: &'a Data, session: Option<&'a Data>) -> Option<&'a Viewer> {
    let of = |data: &'a Data| data.get(&TypeId::of::<Viewer>())?.downcast_ref::<Viewer>();
    of(request).or_else(|| session.and_then(of))
}

/// # Errors
/// The operation has a field that the viewer may not use. Nothing of it is executed then.
pub(super) fn check(
    document: &ExecutableDocument,
    operation: &Positioned<OperationDefinition>,
    types: &Types,
    viewer: Option<&Viewer>,
) -> Result<(), Vec<ServerError>> {
    let root = operation.node.ty;
    // Every role allows something; who was not let in may not even ask about the schema.
    let Some(viewer) = viewer.filter(|viewer| !viewer.grant().operations.is_empty()) else {
        return Err(refused(
            Code::Unauthenticated,
            "a credential is needed",
            operation.pos,
        ));
    };
    for field in fragments::fields(document, &operation.node.selection_set.node) {
        if let Some(needed) = needed(root, &field.node.name.node, types) {
            viewer
                .may(needed)
                .map_err(|problem| refused(problem.code, problem.message, field.pos))?;
        }
    }
    Ok(())
}

/// `None`: what everybody may ask, the schema itself, or a field that it does not have, which validation refuses. A field of the
/// schema that was forgotten here needs the most.
fn needed(root: OperationType, field: &str, types: &Types) -> Option<Operation> {
    let of = match root {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    };
    let of_schema = field.starts_with("__");
    if of_schema || !types.fields(of)?.contains_key(field) || ANYBODY.contains(&(root, field)) {
        return None;
    }
    let listed = FIELDS.iter().find(|(of, name, _)| *of == root && *name == field);
    Some(listed.map_or(Operation::Admin, |(_, _, needed)| *needed))
}
