//! Refusals by the HTTP layer, in the shape of a GraphQL error, a message and `extensions.code`, or in
//! Prometheus' shape on its paths.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::retry::begin;
use super::write::Shape;
use crate::data::{Code, Problem};

/// Why a request goes no further.
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
    Overloaded,
    Unavailable,
    /// The client has used up its own share.
    OwnShare,
}

impl HttpError {
    const fn parts(self) -> (StatusCode, Code) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, Code::BadRequest),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
            Self::Forbidden => (StatusCode::FORBIDDEN, Code::Forbidden),
            Self::ForbiddenHost => (StatusCode::FORBIDDEN, Code::ForbiddenHost),
            Self::ForbiddenOrigin => (StatusCode::FORBIDDEN, Code::ForbiddenOrigin),
            Self::NotFound => (StatusCode::NOT_FOUND, Code::NotFound),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed),
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, Code::NotAcceptable),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, Code::RequestTimeout),
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::PayloadTooLarge),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType),
            Self::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, Code::UpgradeRequired),
            Self::TooManyConnections => (StatusCode::TOO_MANY_REQUESTS, Code::TooManyConnections),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, Code::Overloaded),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
            Self::OwnShare => (StatusCode::TOO_MANY_REQUESTS, Code::Overloaded),
        }
    }

    pub fn status(self) -> StatusCode {
        self.parts().0
    }

    /// For an answer that is nothing but this error, whatever its shape.
    pub fn problem(self, message: &str) -> Problem {
        let problem = Problem::new(self.parts().1, message);
        match self {
            Self::OwnShare => problem.with("ownShare", true),
            _ => problem,
        }
    }

    /// Prometheus' `errorType`.
    pub fn kind(self) -> &'static str {
        match self.status() {
            StatusCode::UNAUTHORIZED => "unauthorized",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            _ => "bad_data",
        }
    }

    /// In the shape that clients of the path expect.
    pub fn respond_to(self, request: &HttpRequest, message: &str) -> HttpResponse {
        if let Some(shape) = Shape::of(request) {
            return shape.respond(self.status(), None, message);
        }
        match is_prometheus(request) {
            true => begin(self.status(), None).json(self.as_prometheus(message)),
            false => self.respond(message),
        }
    }

    pub fn respond(self, message: &str) -> HttpResponse {
        self.respond_as("application/json; charset=utf-8", message)
    }

    pub fn respond_as(self, content_type: &'static str, message: &str) -> HttpResponse {
        let (_, code) = self.parts();
        let error = json!({ "message": message, "extensions": { "code": code.as_str() } });
        let mut answer = begin(self.status(), None);
        answer.content_type(content_type);
        answer.json(json!({ "errors": [error] }))
    }

    /// 429 with the time after which it is worth trying again. Only GraphQL has other content types.
    pub fn limited(request: &HttpRequest, content_type: &'static str, problem: &Problem) -> HttpResponse {
        let retry_after = problem.extensions.get("retryAfter");
        if let Some(shape) = Shape::of(request) {
            return shape.respond(Self::OwnShare.status(), retry_after, &problem.message);
        }
        let mut answer = begin(Self::OwnShare.status(), retry_after);
        if is_prometheus(request) {
            return answer.json(Self::OwnShare.as_prometheus(&problem.message));
        }
        answer.content_type(content_type);
        answer.json(json!({ "errors": [problem] }))
    }

    fn as_prometheus(self, message: &str) -> Value {
        json!({ "status": "error", "errorType": self.kind(), "error": message })
    }
}

/// Of an answer that is nothing but this error.
pub(super) fn status_of(problem: &Problem) -> StatusCode {
    match problem.code {
        Code::BadUserInput | Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::NotAvailableAtThisAge => StatusCode::GONE,
        Code::TooManyRows => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Overloaded if problem.extensions.get("ownShare") == Some(&true.into()) => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Code::Unavailable | Code::Overloaded | Code::StreamPaused => StatusCode::SERVICE_UNAVAILABLE,
        Code::QueryTimeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn is_prometheus(request: &HttpRequest) -> bool {
    request.path().starts_with("/prometheus/")
}

pub(super) async fn nothing_here() -> HttpResponse {
    HttpError::NotFound.respond("not found; the API is at /graphql and /api/v1/openapi.json")
}
