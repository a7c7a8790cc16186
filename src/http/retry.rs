//! Answers that say when it is worth trying again.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use crate::data::Problem;

/// With `Retry-After` where the status has it; `after`: in seconds, if somebody knows.
pub(super) fn begin(status: StatusCode, after: Option<&Value>) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    if matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        let after = after.map_or(Problem::RETRY_AFTER.to_string(), Value::to_string);
        answer.insert_header((RETRY_AFTER, after));
    }
    answer
}
