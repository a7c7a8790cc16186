//! Errors on the paths of senders: in the shape of their protocol, whoever refuses the request.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::status;
use crate::decode::Otlp;
use crate::http::retry::begin;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// The message of remote write 2.0.
pub(super) const REMOTE_WRITE_2: &str = "io.prometheus.write.v2.Request";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Shape {
    Influx1,
    Influx2,
    /// A sender of 2.0 is told how much was stored.
    RemoteWrite {
        is_told: bool,
    },
    Otlp(Otlp),
}

impl Shape {
    /// `None` on the paths of others.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        let given = request.headers().get(CONTENT_TYPE);
        let given = given.map_or("", |value| value.to_str().unwrap_or_default());
        Some(match request.path() {
            "/write" => Self::Influx1,
            "/api/v2/write" => Self::Influx2,
            "/prometheus/api/v1/write" => Self::RemoteWrite {
                is_told: given.contains(REMOTE_WRITE_2),
            },
            "/otlp/v1/metrics" => Self::Otlp(match given.contains("json") {
                true => Otlp::Json,
                false => Otlp::Protobuf,
            }),
            _ => return None,
        })
    }

    pub fn respond(self, status: StatusCode, retry_after: Option<&Value>, why: &str) -> HttpResponse {
        let status = self.status(status);
        let mut response = begin(status, retry_after);
        match self {
            Self::Influx1 => response.json(json!({ "error": why })),
            Self::Influx2 => response.json(json!({ "code": code(status), "message": why })),
            Self::RemoteWrite { is_told } => {
                if is_told {
                    counts(&mut response, 0);
                }
                response.content_type(TEXT).body(why.to_owned())
            }
            Self::Otlp(form) => status::respond(response, form, status, why),
        }
    }

    /// Some senders drop the points of a request that they could send again later.
    fn status(self, status: StatusCode) -> StatusCode {
        match (self, status) {
            (_, StatusCode::REQUEST_TIMEOUT)
            | (Self::Influx1 | Self::RemoteWrite { .. }, StatusCode::TOO_MANY_REQUESTS) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => status,
        }
    }
}

/// Of samples; neither histograms nor exemplars are stored.
pub(super) fn counts(response: &mut actix_web::HttpResponseBuilder, samples: u64) {
    response
        .insert_header(("x-prometheus-remote-write-samples-written", samples))
        .insert_header(("x-prometheus-remote-write-histograms-written", 0))
        .insert_header(("x-prometheus-remote-write-exemplars-written", 0));
}

/// As InfluxDB 2 names them.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "invalid",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not found",
        StatusCode::PAYLOAD_TOO_LARGE => "request too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported media type",
        StatusCode::TOO_MANY_REQUESTS => "too many requests",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "internal error",
    }
}
