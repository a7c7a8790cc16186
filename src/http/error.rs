//! Refusals by the HTTP layer, in the shape of a GraphQL error: a message and `extensions.code`.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde_json::json;

use crate::data::{Code, Problem};

/// The codes that the schema itself never gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpError {
    BadRequest,
    Unauthenticated,
    Forbidden,
    ForbiddenHost,
    ForbiddenOrigin,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    BodyTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
    UpgradeRequired,
    TooManyConnections,
    /// Answered with `Retry-After`, as the next one.
    Overloaded,
    /// The client has used up its own share.
    OwnShare,
}

impl HttpError {
    const fn parts(self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, Code::Unauthenticated.as_str()),
            Self::Forbidden => (StatusCode::FORBIDDEN, Code::Forbidden.as_str()),
            Self::ForbiddenHost => (StatusCode::FORBIDDEN, "FORBIDDEN_HOST"),
            Self::ForbiddenOrigin => (StatusCode::FORBIDDEN, "FORBIDDEN_ORIGIN"),
            Self::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE"),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT"),
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
            Self::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED"),
            Self::TooManyConnections => (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_CONNECTIONS"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED"),
            Self::OwnShare => (StatusCode::TOO_MANY_REQUESTS, "OVERLOADED"),
        }
    }

    pub fn status(self) -> StatusCode {
        self.parts().0
    }

    pub fn respond(self, message: &str) -> HttpResponse {
        self.respond_as("application/json; charset=utf-8", message)
    }

    /// 429 with the time after which it is worth trying again.
    pub fn limited(problem: &Problem) -> HttpResponse {
        let mut answer = HttpResponse::TooManyRequests();
        if let Some(after) = problem.extensions.get("retryAfter") {
            answer.insert_header((header::RETRY_AFTER, after.to_string()));
        }
        answer.json(json!({ "errors": [problem] }))
    }

    pub fn respond_as(self, content_type: &'static str, message: &str) -> HttpResponse {
        let (status, code) = self.parts();
        let error = json!({ "message": message, "extensions": { "code": code } });
        let mut answer = HttpResponse::build(status);
        if matches!(self, Self::Overloaded | Self::OwnShare) {
            answer.insert_header((header::RETRY_AFTER, Problem::RETRY_AFTER));
        }
        answer
            .content_type(content_type)
            .body(json!({ "errors": [error] }).to_string())
    }
}

pub(super) async fn nothing_here() -> HttpResponse {
    HttpError::NotFound.respond("not found; the API is at /graphql and /api/v1/openapi.json")
}
