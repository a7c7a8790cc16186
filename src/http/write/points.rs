//! `POST /api/v1/points`: the points of a JSON, NDJSON or CSV body.

use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::failed;
use super::body::{self, media_type};
use super::params::{params, unit};
use super::store::{Writes, Written};
use super::stream::Named;
use crate::data::{Code, TimeUnit};
use crate::graphql::Operations;
use crate::http::error::HttpError;
use crate::http::worker::Worker;
use crate::transform::Taking;
use crate::write::points::{self, Format};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    stream: Option<String>,
    precision: Option<String>,
}

pub(in crate::http) async fn post<E: Operations>(
    request: HttpRequest,
    worker: web::Data<Worker<E>>,
    writes: web::Data<Writes>,
    payload: web::Payload,
) -> HttpResponse {
    let stored = async {
        let params: Params = params(&request)?;
        let format = format(&media_type(&request)).ok_or_else(|| {
            let why = "Content-Type must be application/json, application/x-ndjson or text/csv";
            HttpError::UnsupportedMediaType.problem(why)
        })?;
        let unit = unit(params.precision.as_deref(), TimeUnit::Ms)?;
        let most = writes.settings().body_bytes;
        let body = body::read(&request, &worker, payload, most).await?;
        let named = Named::of(&request, params.stream.as_deref(), None);
        let read = move |body: &[u8], taking: &mut Taking<'_>| points::read(body, format, unit, taking);
        let asked = (&request, &**worker);
        writes.store(asked, "/api/v1/points", named, body, read).await
    };
    match stored.await {
        Ok(written) => answer(&written),
        Err(problem) => failed(&problem).json(json!({ "errors": [problem] })),
    }
}

/// `curl -d` says that it sends a form.
fn format(media_type: &str) -> Option<Format> {
    Some(match media_type {
        "" | "application/json" | "application/x-www-form-urlencoded" => Format::Json,
        "application/x-ndjson" | "application/jsonl" | "application/json-lines" => Format::Ndjson,
        "text/csv" => Format::Csv,
        _ => return None,
    })
}

fn answer(written: &Written) -> HttpResponse {
    let mut body = json!({ "stored": written.points, "refused": written.refusals.count() });
    let code = match written.status() {
        StatusCode::NO_CONTENT => return HttpResponse::Ok().json(body),
        StatusCode::FORBIDDEN => Code::Forbidden,
        _ => Code::BadUserInput,
    };
    let errors = written.refusals.told().iter().map(|refusal| {
        let extensions = json!({ "code": code.as_str(), "reason": refusal.reason, "place": refusal.place });
        json!({ "message": refusal.to_string(), "extensions": extensions })
    });
    body["errors"] = Value::Array(errors.collect());
    HttpResponse::build(written.status()).json(body)
}
