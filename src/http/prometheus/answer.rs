//! Answers and errors as Prometheus writes them.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde::ser::{SerializeTuple, Serializer};
use serde_json::json;

use crate::data::Problem;
use crate::history::promql::{Labels, PromqlError, Sample, Sampled};
use crate::http::body::BodyError;
use crate::http::connections::Full;
use crate::http::refusal;
use crate::store::read::ReadError;

/// What went wrong, with Prometheus' `errorType`.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {why}")]
pub(in crate::http) struct Failure {
    status: StatusCode,
    kind: &'static str,
    why: String,
    /// The answer has `Retry-After`.
    retry: bool,
}

#[derive(Serialize)]
struct Envelope<T> {
    status: &'static str,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<[&'static str; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Typed<T> {
    result_type: &'static str,
    result: T,
}

#[derive(Serialize)]
struct Range {
    metric: Labels,
    values: Vec<Point>,
}

#[derive(Serialize)]
struct Instant {
    metric: Labels,
    value: Point,
}

struct Point(Sample);

pub(super) fn success(data: impl Serialize) -> HttpResponse {
    enveloped(data, false)
}

/// The first `limit` of a list, with a warning if that is not all.
pub(super) fn list(mut items: Vec<impl Serialize>, limit: Option<usize>) -> HttpResponse {
    let is_cut = cut(&mut items, limit);
    enveloped(items, is_cut)
}

pub(super) fn scalar(lines: &[Sampled]) -> HttpResponse {
    let sample = lines.first().and_then(|line| line.samples.first());
    success(Typed {
        result_type: "scalar",
        result: sample.map(|sample| Point(*sample)),
    })
}

/// Each line has one sample.
pub(super) fn vector(lines: Vec<Sampled>, limit: Option<usize>) -> HttpResponse {
    typed("vector", lines, limit, |line| {
        Some(Instant {
            value: Point(*line.samples.first()?),
            metric: line.labels,
        })
    })
}

pub(super) fn matrix(lines: Vec<Sampled>, limit: Option<usize>) -> HttpResponse {
    typed("matrix", lines, limit, |line| {
        Some(Range {
            metric: line.labels,
            values: line.samples.into_iter().map(Point).collect(),
        })
    })
}

fn typed<T: Serialize>(
    result_type: &'static str,
    mut lines: Vec<Sampled>,
    limit: Option<usize>,
    result: impl Fn(Sampled) -> Option<T>,
) -> HttpResponse {
    let is_cut = cut(&mut lines, limit);
    let result: Vec<T> = lines.into_iter().filter_map(result).collect();
    enveloped(Typed { result_type, result }, is_cut)
}

fn cut<T>(items: &mut Vec<T>, limit: Option<usize>) -> bool {
    let limit = limit.unwrap_or(usize::MAX);
    let is_cut = items.len() > limit;
    items.truncate(limit);
    is_cut
}

fn enveloped(data: impl Serialize, is_cut: bool) -> HttpResponse {
    HttpResponse::Ok().json(Envelope {
        status: "success",
        data,
        warnings: is_cut.then_some(["results truncated due to limit"]),
    })
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (at, value) = self.0;
        let mut pair = serializer.serialize_tuple(2)?;
        match at.as_millis() {
            whole if whole % 1_000 == 0 => pair.serialize_element(&(whole / 1_000))?,
            // Exact to the millisecond for all times that are allowed.
            millis => pair.serialize_element(&(millis as f64 / 1e3))?,
        }
        pair.serialize_element(&text(value))?;
        pair.end()
    }
}

/// The shortest text that reads as the same value, in Prometheus' form.
fn text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    if size < 1.0 { text } else { text.replace('e', "e+") }
}

impl Failure {
    fn new(status: StatusCode, kind: &'static str, why: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            why: why.into(),
            retry: false,
        }
    }

    pub fn bad_data(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_data", why)
    }

    pub fn timeout(why: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", why)
    }

    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", why)
    }

    fn execution(why: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "execution", why)
    }

    fn too_many(status: StatusCode, why: String) -> Self {
        Self {
            retry: true,
            ..Self::new(status, "unavailable", why)
        }
    }

    fn overloaded(own_share: bool) -> Self {
        let (status, whose) = match own_share {
            true => (StatusCode::TOO_MANY_REQUESTS, " of this client"),
            false => (StatusCode::SERVICE_UNAVAILABLE, ""),
        };
        let after = Problem::RETRY_AFTER;
        let why = format!("too many queries{whose} are open, try again in {after} s");
        Self::too_many(status, why)
    }
}

impl ResponseError for Failure {
    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        if self.retry {
            answer.insert_header((RETRY_AFTER, Problem::RETRY_AFTER));
        }
        let mut answer = answer.json(json!({"status": "error", "errorType": self.kind, "error": self.why}));
        if self.status == StatusCode::UNAUTHORIZED {
            refusal::challenge(&mut answer);
        }
        answer
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::BrokeOff | BodyError::TooSlow => Self::bad_data(error.to_string()),
            BodyError::Overloaded(full) => Self::overloaded(full == Full::Client),
            BodyError::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "bad_data", error.to_string()),
        }
    }
}

impl From<PromqlError> for Failure {
    fn from(error: PromqlError) -> Self {
        match error {
            PromqlError::Refused(why) => Self::bad_data(why),
            PromqlError::Failed(why) => Self::execution(why),
            PromqlError::Read(error) => error.into(),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let why = error.to_string();
        match error {
            ReadError::Timeout => Self::timeout(why),
            ReadError::Unavailable(_) => Self::unavailable(why),
            ReadError::Overloaded { own_share } => Self::overloaded(own_share),
            ReadError::OverLimit(_) => Self::too_many(StatusCode::TOO_MANY_REQUESTS, why),
            ReadError::Other(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", why),
            ReadError::TooManyRows { .. }
            | ReadError::TooManySeries { .. }
            | ReadError::TooManyInstants { .. }
            | ReadError::NotAvailable { .. } => Self::execution(why),
        }
    }
}
