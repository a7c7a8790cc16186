//! `Last-Event-ID`: a browser comes back with the cursor of the last event it had.

use actix_web::HttpRequest;
use async_graphql::parser::types::{OperationDefinition, OperationType};
use async_graphql::{ErrorExtensionValues, Name, Request, ServerError, Value};

use crate::graphql::errors::Code;

/// Sets the variable `after` of a subscription to the cursor in the header, if there is one. A
/// variable `backfill` was for the first time only.
///
/// # Errors
/// The subscription declares no such variable, so that it would begin anew and miss something.
pub(super) fn from_last_event(
    http: &HttpRequest,
    operation: Option<&OperationDefinition>,
    request: &mut Request,
) -> Result<(), ServerError> {
    let last = http.headers().get("last-event-id");
    let Some(last) = last.and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty()) else {
        return Ok(());
    };
    let Some(operation) = operation.filter(|operation| operation.ty == OperationType::Subscription) else {
        return Ok(());
    };
    let declares = |name: &str| {
        let mut variables = operation.variable_definitions.iter();
        variables.any(|variable| variable.node.name.node == name)
    };
    if !declares("after") {
        return Err(cannot_resume());
    }
    let variables = &mut *request.variables;
    variables.insert(Name::new("after"), Value::from(last));
    variables.remove("backfill");
    Ok(())
}

fn cannot_resume() -> ServerError {
    let why = "to be resumed by Last-Event-ID the subscription must have a variable named 'after' and use it";
    let mut error = ServerError::new(why, None);
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set("code", Code::BadUserInput.as_str());
    error
}
