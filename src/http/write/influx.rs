//! `/write` of InfluxDB 1 and `/api/v2/write` of InfluxDB 2: line protocol.

use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::answer::refused;
use super::body;
use super::params::{params, unit};
use super::shape::Shape;
use super::store::{Writes, Written};
use super::stream::Named;
use crate::data::TimeUnit;
use crate::graphql::Operations;
use crate::http::worker::Worker;
use crate::transform::Taking;
use crate::write::line_protocol;

#[derive(Debug, Deserialize)]
struct Params {
    stream: Option<String>,
    db: Option<String>,
    bucket: Option<String>,
    precision: Option<String>,
}

/// The errors of the two versions differ in their shape.
#[derive(Clone, Copy)]
enum Version {
    V1,
    V2,
}

pub(super) async fn version_1<E: Operations>(
    request: HttpRequest,
    worker: web::Data<Worker<E>>,
    writes: web::Data<Writes>,
    payload: web::Payload,
) -> HttpResponse {
    write(request, worker, writes, payload, Version::V1).await
}

pub(super) async fn version_2<E: Operations>(
    request: HttpRequest,
    worker: web::Data<Worker<E>>,
    writes: web::Data<Writes>,
    payload: web::Payload,
) -> HttpResponse {
    write(request, worker, writes, payload, Version::V2).await
}

async fn write<E: Operations>(
    request: HttpRequest,
    worker: web::Data<Worker<E>>,
    writes: web::Data<Writes>,
    payload: web::Payload,
    version: Version,
) -> HttpResponse {
    let stored = async {
        let params: Params = params(&request)?;
        // The words of version 1.
        let precision = match params.precision.as_deref() {
            Some("") => None,
            Some("n") => Some("ns"),
            Some("u" | "µ") => Some("us"),
            other => other,
        };
        let unit = unit(precision, TimeUnit::Ns)?;
        let most = writes.settings().body_bytes;
        let body = body::read(&request, &worker, payload, most).await?;
        let database = params.db.as_deref().or(params.bucket.as_deref());
        let named = Named::of(&request, params.stream.as_deref(), database);
        let read = move |body: &[u8], taking: &mut Taking<'_>| Ok(line_protocol::read(body, unit, taking));
        let asked = (&request, &**worker);
        writes.store(asked, version.path(), named, body, read).await
    };
    match stored.await {
        Ok(written) => version.written(&written),
        Err(problem) => refused(version.shape(), &problem),
    }
}

impl Version {
    const fn path(self) -> &'static str {
        match self {
            Self::V1 => "/write",
            Self::V2 => "/api/v2/write",
        }
    }

    const fn shape(self) -> Shape {
        match self {
            Self::V1 => Shape::Influx1,
            Self::V2 => Shape::Influx2,
        }
    }

    fn written(self, written: &Written) -> HttpResponse {
        let status = match (self, written.status()) {
            (_, StatusCode::NO_CONTENT) => return HttpResponse::NoContent().finish(),
            // Clients send again, for ever, what is answered 403.
            (Self::V2, StatusCode::FORBIDDEN) => StatusCode::BAD_REQUEST,
            (_, status) => status,
        };
        self.shape().respond(status, None, &written.told())
    }
}

/// Clients ask this before they write.
pub(super) async fn ping() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("x-influxdb-build", "StreamSync"))
        .insert_header(("x-influxdb-version", env!("CARGO_PKG_VERSION")))
        .finish()
}
