//! `Last-Event-ID`: a browser reconnects with the cursor of the last event it got.

use actix_web::HttpRequest;
use async_graphql::ServerError;

use crate::graphql::Checked;
use crate::graphql::errors::{Code, of_request};

/// Continues a subscription after the cursor in the header, if there is one.
///
/// # Errors
/// The subscription declares no variable `after`, so it would restart and miss points.
pub(super) fn from_last_event(http: &HttpRequest, checked: &mut Checked) -> Result<(), ServerError> {
    let last = http.headers().get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    match last {
        Some(last) if checked.is_subscription() && !checked.resume(last) => {
            let why = "to be resumed by Last-Event-ID the subscription must have a variable named 'after' and use it";
            Err(of_request(why, Code::BadUserInput))
        }
        _ => Ok(()),
    }
}
