//! Answers to requests that are not let in, in the shape that clients of the path expect: GraphQL's, or
//! Prometheus' on its paths.

use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use super::accept::{Accepted, Media};
use super::audit;
use super::error::HttpError;
use super::prometheus::answer::Failure;
use crate::access::Denied;

/// The request has no credential, or not a valid one.
pub(super) fn denied(request: &HttpRequest, denied: Denied) -> HttpResponse {
    let error = match denied {
        Denied::Missing | Denied::Invalid | Denied::Expired => HttpError::Unauthenticated,
        Denied::TooMany(_) | Denied::OverLimit(_) => {
            audit::denied(request, &denied.to_string());
            return HttpError::limited(&denied.into());
        }
        Denied::Unavailable => HttpError::Overloaded,
    };
    respond(request, error, &denied.to_string())
}

/// The role does not allow it.
pub(super) fn forbidden(request: &HttpRequest, why: &str) -> HttpResponse {
    respond(request, HttpError::Forbidden, why)
}

/// Says how to sign in.
pub(super) fn challenge(response: &mut HttpResponse) {
    let challenge = HeaderValue::from_static("Bearer realm=\"streamsync\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
}

fn respond(request: &HttpRequest, error: HttpError, why: &str) -> HttpResponse {
    if matches!(
        error,
        HttpError::Unauthenticated | HttpError::Forbidden | HttpError::OwnShare
    ) {
        audit::denied(request, why);
    }
    let pattern = request.match_pattern().unwrap_or_default();
    let mut response = match &*pattern {
        path if path.starts_with("/prometheus/") => Failure::refused(error, why).error_response(),
        "/graphql" => {
            let media = Accepted::of(request.headers()).media;
            error.respond_as(media.unwrap_or(Media::Json).content_type(), why)
        }
        _ => error.respond(why),
    };
    if error == HttpError::Unauthenticated {
        challenge(&mut response);
    }
    response
}
