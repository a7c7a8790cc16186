//! `/otlp/v1/metrics`: exports of OpenTelemetry's SDKs and Collectors.
//!
//! What is refused is told in a partial success, which no sender sends again. Errors are messages
//! `google.rpc.Status`; senders come back after 429, 502, 503 and 504 alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::answer::refused;
use super::body::{self, media_type};
use super::params::{StreamParam, params};
use super::shape::Shape;
use super::status::{self, number, text};
use super::store::{Writes, Written};
use super::stream::Named;
use crate::decode::Otlp;
use crate::graphql::Operations;
use crate::http::error::HttpError;
use crate::http::worker::Worker;
use crate::transform::Taking;
use crate::write::otlp;

pub(super) async fn metrics<E: Operations>(
    request: HttpRequest,
    worker: web::Data<Worker<E>>,
    writes: web::Data<Writes>,
    payload: web::Payload,
) -> HttpResponse {
    let form = match &*media_type(&request) {
        "application/x-protobuf" | "application/protobuf" => Otlp::Protobuf,
        "application/json" => Otlp::Json,
        _ => {
            let why = "Content-Type must be application/x-protobuf or application/json";
            return HttpError::UnsupportedMediaType.respond_to(&request, why);
        }
    };
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let stored = async {
        let StreamParam { stream } = params(&request)?;
        let body = body::read(&request, &worker, payload, writes.settings().body_bytes).await?;
        let named = Named::of(&request, stream.as_deref(), None);
        let read = move |body: &[u8], taking: &mut Taking<'_>| {
            let export = otlp::read(body, form, taking)?;
            counted.store(export.data_points, Ordering::Relaxed);
            Ok(export.refusals)
        };
        writes.store((&request, &**worker), PATH, named, body, read).await
    };
    match stored.await {
        Ok(written) => Answer(form).written(&written, sent.load(Ordering::Relaxed)),
        Err(problem) => refused(Shape::Otlp(form), &problem),
    }
}

const PATH: &str = "/otlp/v1/metrics";

/// In the form of the request.
#[derive(Clone, Copy)]
struct Answer(Otlp);

impl Answer {
    /// `sent`: all data points of the request.
    fn written(self, written: &Written, sent: u64) -> HttpResponse {
        if written.status() == StatusCode::FORBIDDEN {
            return Shape::Otlp(self.0).respond(StatusCode::FORBIDDEN, None, &written.named());
        }
        if written.refusals.is_empty() {
            return status::body(HttpResponse::Ok(), self.0, "{}".to_owned(), Vec::new());
        }
        // Of a series that is refused each point counts, and a data point may have several.
        let rejected = written.refusals.count().min(sent);
        let message = format!(
            "{rejected} of {sent} data points were refused: {}",
            written.named()
        );
        let partial = json!({ "rejectedDataPoints": rejected.to_string(), "errorMessage": message });
        let mut bytes = Vec::new();
        number(&mut bytes, 1, rejected);
        text(&mut bytes, 2, message.as_bytes());
        let mut whole = Vec::new();
        text(&mut whole, 1, &bytes);
        let json = json!({ "partialSuccess": partial }).to_string();
        status::body(HttpResponse::Ok(), self.0, json, whole)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::http::header::RETRY_AFTER;

    use super::*;
    use crate::data::{Code, Problem, Reason, RecordError};

    async fn body(response: HttpResponse) -> Vec<u8> {
        to_bytes(response.into_body()).await.unwrap().to_vec()
    }

    fn with_refusals(count: u64) -> Written {
        let mut written = Written::default();
        let error = RecordError::new(Reason::WrongType, "no");
        written.refusals.add_some(count, || "m".to_owned(), error);
        written
    }

    #[actix_web::test]
    async fn all_that_is_stored_is_an_empty_answer_in_the_form_of_the_request() {
        let written = Written::default();
        let response = Answer(Otlp::Protobuf).written(&written, 3);
        assert_eq!(
            response.headers().get("content-type").unwrap(),
            "application/x-protobuf"
        );
        assert_eq!(
            (response.status(), body(response).await),
            (StatusCode::OK, vec![])
        );
        let response = Answer(Otlp::Json).written(&written, 3);
        assert_eq!(
            response.headers().get("content-type").unwrap(),
            "application/json"
        );
        assert_eq!(
            (response.status(), body(response).await),
            (StatusCode::OK, b"{}".to_vec())
        );
    }

    #[actix_web::test]
    async fn a_partial_success_counts_data_points_and_names_some() {
        // Series count points, of which a data point may have several.
        let response = Answer(Otlp::Json).written(&with_refusals(500), 300);
        assert_eq!(response.status(), StatusCode::OK);
        let message = "300 of 300 data points were refused: m: wrong_type: no";
        let partial = json!({ "rejectedDataPoints": "300", "errorMessage": message });
        let told: serde_json::Value = serde_json::from_slice(&body(response).await).unwrap();
        assert_eq!(told, json!({ "partialSuccess": partial }));
        let response = Answer(Otlp::Protobuf).written(&with_refusals(500), 300);
        let length = message.len() as u8;
        let expected = [
            &[0x0a, length + 5, 0x08, 0xac, 0x02, 0x12, length][..],
            message.as_bytes(),
        ];
        assert_eq!(body(response).await, expected.concat());
    }

    #[actix_web::test]
    async fn an_error_is_a_status_and_what_may_succeed_later_says_when() {
        let problem = Problem::new(Code::Unavailable, "away");
        let response = refused(Shape::Otlp(Otlp::Protobuf), &problem);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(RETRY_AFTER));
        assert_eq!(body(response).await, b"\x08\x0e\x12\x04away");
        let slow = Problem::new(Code::RequestTimeout, "slow");
        let response = refused(Shape::Otlp(Otlp::Json), &slow);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(RETRY_AFTER));
        assert_eq!(body(response).await, br#"{"code":14,"message":"slow"}"#);
        let mut forbidden = with_refusals(1);
        forbidden.is_forbidden = true;
        let response = Answer(Otlp::Json).written(&forbidden, 1);
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
    }
}
