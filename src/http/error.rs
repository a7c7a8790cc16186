//! Refusals by the HTTP layer, in the shape of a GraphQL error, a message and `extensions.code`, or in
//! Prometheus' shape on its paths.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

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
        match is_prometheus(request) {
            true => self.begin(None).json(self.as_prometheus(message)),
            false => self.respond(message),
        }
    }

    pub fn respond(self, message: &str) -> HttpResponse {
        self.respond_as("application/json; charset=utf-8", message)
    }

    pub fn respond_as(self, content_type: &'static str, message: &str) -> HttpResponse {
        let (_, code) = self.parts();
        let error = json!({ "message": message, "extensions": { "code": code.as_str() } });
        let mut answer = self.begin(None);
        answer.content_type(content_type);
        answer.json(json!({ "errors": [error] }))
    }

    /// 429 with the time after which it is worth trying again. Only GraphQL has other content types.
    pub fn limited(request: &HttpRequest, content_type: &'static str, problem: &Problem) -> HttpResponse {
        let mut answer = Self::OwnShare.begin(problem.extensions.get("retryAfter"));
        if is_prometheus(request) {
            return answer.json(Self::OwnShare.as_prometheus(&problem.message));
        }
        answer.content_type(content_type);
        answer.json(json!({ "errors": [problem] }))
    }

    fn begin(self, retry_after: Option<&Value>) -> HttpResponseBuilder {
        let mut answer = HttpResponse::build(self.status());
        if matches!(
            self.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            let after = retry_after.map_or(Problem::RETRY_AFTER.to_string(), Value::to_string);
            answer.insert_header((header::RETRY_AFTER, after));
        }
        answer
    }

    fn as_prometheus(self, message: &str) -> Value {
        json!({ "status": "error", "errorType": self.kind(), "error": message })
    }
}

fn is_prometheus(request: &HttpRequest) -> bool {
    request.path().starts_with("/prometheus/")
}

pub(super) async fn nothing_here() -> HttpResponse {
    HttpError::NotFound.respond("not found; the API is at /graphql and /api/v1/openapi.json")
}
