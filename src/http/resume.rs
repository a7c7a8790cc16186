//! `Last-Event-ID`: a browser comes back with the cursor of the last event it had.

use actix_web::HttpRequest;
use async_graphql::{ErrorExtensionValues, ServerError};

use crate::graphql::Checked;
use crate::graphql::errors::Code;

/// Has a subscription go on after the cursor in the header, if there is one.
///
/// # Errors
/// The subscription declares no variable `after`, so it would restart and miss points.
pub(super) fn from_last_event(http: &HttpRequest, checked: &mut Checked) -> Result<(), ServerError> {
    let last = http.headers().get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    match last {
        Some(last) if checked.is_subscription() && !checked.resume(last) => Err(cannot_resume()),
        _ => Ok(()),
    }
}

fn cannot_resume() -> ServerError {
    let why = "to be resumed by Last-Event-ID the subscription must have a variable named 'after' and use it";
    let mut error = ServerError::new(why, None);
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set("code", Code::BadUserInput.as_str());
    error
}
