//! What the answers to those who write have in common.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use super::shape::Shape;
use super::store::Written;
use crate::data::Problem;
use crate::http::error::{HttpError, status_of};
use crate::http::retry::begin;

/// Refusals that are named in a message.
const NAMED: usize = 5;

/// With `Retry-After` where the same request may succeed later.
pub(super) fn failed(problem: &Problem) -> HttpResponseBuilder {
    begin(status_of(problem), problem.extensions.get("retryAfter"))
}

/// The same in the shape of a protocol.
pub(super) fn refused(shape: Shape, problem: &Problem) -> HttpResponse {
    let after = problem.extensions.get("retryAfter");
    shape.respond(status_of(problem), after, &problem.message)
}

impl Written {
    /// What all of it comes to: 403 where only the role is in the way.
    pub fn status(&self) -> StatusCode {
        match (self.refusals.is_empty(), self.is_forbidden && self.points == 0) {
            (true, _) => StatusCode::NO_CONTENT,
            (false, true) => StatusCode::FORBIDDEN,
            (false, false) => StatusCode::BAD_REQUEST,
        }
    }

    /// In one text.
    pub fn told(&self) -> String {
        let (refused, kept) = (self.refusals.count(), self.points);
        let named = self.named();
        format!("partial write: {refused} refused, {kept} points stored: {named}")
    }

    /// The first refusals.
    pub fn named(&self) -> String {
        let told = self.refusals.told();
        let named = told.iter().take(NAMED).map(ToString::to_string);
        let named = named.collect::<Vec<_>>().join("; ");
        let more = if told.len() > NAMED { "; …" } else { "" };
        format!("{named}{more}")
    }
}

pub(super) async fn post_only(request: HttpRequest) -> HttpResponse {
    let mut response = HttpError::MethodNotAllowed.respond_to(&request, "use POST");
    let allowed = HeaderValue::from_static("POST");
    response.headers_mut().insert(ALLOW, allowed);
    response
}
