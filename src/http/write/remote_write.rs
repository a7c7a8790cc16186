//! `/prometheus/api/v1/write`: remote write 1.0 and 2.0, as Prometheus and others send it.
//!
//! Answers say in plain text what was refused. A sender of 2.0 is told how much was stored.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};

use super::answer::refused;
use super::body;
use super::params::{StreamParam, params};
use super::shape::{REMOTE_WRITE_2, Shape, TEXT, counts};
use super::store::{Writes, Written};
use super::stream::Named;
use crate::graphql::Operations;
use crate::http::error::HttpError;
use crate::http::worker::Worker;
use crate::transform::Taking;
use crate::write::remote_write::{self, Version};

pub(super) async fn write<E: Operations>(
    request: HttpRequest,
    worker: web::Data<Worker<E>>,
    writes: web::Data<Writes>,
    payload: web::Payload,
) -> HttpResponse {
    let version = version(&request);
    let stored = async {
        let version = version.ok_or_else(|| {
            let why = "Content-Type must be application/x-protobuf, with proto=prometheus.WriteRequest or \
                       proto=io.prometheus.write.v2.Request";
            HttpError::UnsupportedMediaType.problem(why)
        })?;
        let StreamParam { stream } = params(&request)?;
        let most = writes.settings().body_bytes;
        let body = body::read_snappy(&request, &worker, payload, most).await?;
        let named = Named::of(&request, stream.as_deref(), None);
        let read = move |body: &[u8], taking: &mut Taking<'_>| remote_write::read(body, version, taking);
        writes.store((&request, &**worker), PATH, named, body, read).await
    };
    match stored.await {
        Ok(written) => answer(version, &written),
        Err(problem) => {
            let is_told = version == Some(Version::V2);
            refused(Shape::RemoteWrite { is_told }, &problem)
        }
    }
}

const PATH: &str = "/prometheus/api/v1/write";

/// Old senders say nothing, or nothing of the message.
fn version(request: &HttpRequest) -> Option<Version> {
    let given = request.headers().get(CONTENT_TYPE);
    let given = given.map_or("", |value| value.to_str().unwrap_or("?"));
    let mut parts = given.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if !essence.is_empty() && !essence.eq_ignore_ascii_case("application/x-protobuf") {
        return None;
    }
    let mut parameters = parts.filter_map(|part| part.split_once('='));
    let proto = parameters.find(|(name, _)| name.trim_end().eq_ignore_ascii_case("proto"));
    match proto.map(|(_, value)| value.trim().trim_matches('"')) {
        None | Some("prometheus.WriteRequest") => Some(Version::V1),
        Some(REMOTE_WRITE_2) => Some(Version::V2),
        Some(_) => None,
    }
}

/// What says that there is no value is as good as stored: it looks like that here.
fn answer(version: Option<Version>, written: &Written) -> HttpResponse {
    let without_value = written.left_out.counts().map(|(_, n)| n);
    let stored = written.points as u64 + without_value.sum::<u64>();
    let mut response = HttpResponse::build(written.status());
    if version == Some(Version::V2) {
        counts(&mut response, stored);
    }
    match written.status() {
        StatusCode::NO_CONTENT => response.finish(),
        _ => response.content_type(TEXT).body(written.told()),
    }
}
