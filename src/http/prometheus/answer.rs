//! Answers and errors as Prometheus writes them.

use std::fmt;

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
use crate::store::read::ReadError;

/// What went wrong, by Prometheus' `errorType`.
#[derive(Debug)]
pub(super) enum Failure {
    BadData(String),
    Execution(String),
    Timeout(String),
    Unavailable(String),
    /// Comes with `Retry-After`.
    Overloaded {
        own_share: bool,
    },
    Internal(String),
    /// The form has more bytes than this.
    TooLarge(usize),
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::BrokeOff | BodyError::TooSlow => Self::BadData(error.to_string()),
            BodyError::Overloaded(full) => Self::Overloaded {
                own_share: full == Full::Client,
            },
            BodyError::TooLarge(most) => Self::TooLarge(most),
        }
    }
}

#[derive(Serialize)]
struct Envelope<T> {
    status: &'static str,
    data: T,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
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
    enveloped(data, Vec::new())
}

/// The first `limit` of a list, with a warning if that is not all.
pub(super) fn list(mut items: Vec<impl Serialize>, limit: Option<usize>) -> HttpResponse {
    let warnings = cut(&mut items, limit);
    enveloped(items, warnings)
}

pub(super) fn scalar(lines: &[Sampled]) -> HttpResponse {
    let sample = lines.first().and_then(|line| line.samples.first());
    success(Typed {
        result_type: "scalar",
        result: sample.map(|sample| Point(*sample)),
    })
}

/// Each line has one sample.
pub(super) fn vector(mut lines: Vec<Sampled>, limit: Option<usize>) -> HttpResponse {
    let warnings = cut(&mut lines, limit);
    let instant = |line: Sampled| {
        Some(Instant {
            value: Point(*line.samples.first()?),
            metric: line.labels,
        })
    };
    let result: Vec<_> = lines.into_iter().filter_map(instant).collect();
    let result_type = "vector";
    enveloped(Typed { result_type, result }, warnings)
}

pub(super) fn matrix(mut lines: Vec<Sampled>, limit: Option<usize>) -> HttpResponse {
    let warnings = cut(&mut lines, limit);
    let range = |line: Sampled| Range {
        metric: line.labels,
        values: line.samples.into_iter().map(Point).collect(),
    };
    let result: Vec<_> = lines.into_iter().map(range).collect();
    let result_type = "matrix";
    enveloped(Typed { result_type, result }, warnings)
}

fn cut<T>(items: &mut Vec<T>, limit: Option<usize>) -> Vec<&'static str> {
    match limit {
        Some(limit) if items.len() > limit => {
            items.truncate(limit);
            vec!["results truncated due to limit"]
        }
        _ => Vec::new(),
    }
}

fn enveloped(data: impl Serialize, warnings: Vec<&'static str>) -> HttpResponse {
    HttpResponse::Ok().json(Envelope {
        status: "success",
        data,
        warnings,
    })
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (at, value) = self.0;
        let mut pair = serializer.serialize_tuple(2)?;
        match at.as_millis() {
            whole if whole % 1_000 == 0 => pair.serialize_element(&(whole / 1_000))?,
            // Exact to the millisecond for as long as times can be.
            millis => pair.serialize_element(&(millis as f64 / 1e3))?,
        }
        pair.serialize_element(&text(value))?;
        pair.end()
    }
}

/// The shortest text that reads as the same value, in the form that Prometheus gives it.
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
    fn parts(&self) -> (StatusCode, &'static str, String) {
        let (status, kind, why) = match self {
            Self::BadData(why) => (StatusCode::BAD_REQUEST, "bad_data", why),
            Self::Execution(why) => (StatusCode::UNPROCESSABLE_ENTITY, "execution", why),
            Self::Timeout(why) => (StatusCode::SERVICE_UNAVAILABLE, "timeout", why),
            Self::Unavailable(why) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", why),
            Self::Overloaded { own_share } => {
                let (status, why) = match own_share {
                    true => (
                        StatusCode::TOO_MANY_REQUESTS,
                        "too many queries of this client are open",
                    ),
                    false => (StatusCode::SERVICE_UNAVAILABLE, "too many queries are open"),
                };
                let why = format!("{why}, try again in {} s", Problem::RETRY_AFTER);
                return (status, "unavailable", why);
            }
            Self::Internal(why) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", why),
            Self::TooLarge(most) => {
                let why = format!("the body is larger than {most} bytes");
                return (StatusCode::PAYLOAD_TOO_LARGE, "bad_data", why);
            }
        };
        (status, kind, why.clone())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, kind, why) = self.parts();
        write!(f, "{kind}: {why}")
    }
}

impl ResponseError for Failure {
    fn error_response(&self) -> HttpResponse {
        let (status, kind, why) = self.parts();
        let mut answer = HttpResponse::build(status);
        if matches!(self, Self::Overloaded { .. }) {
            answer.insert_header((RETRY_AFTER, Problem::RETRY_AFTER));
        }
        answer.json(json!({"status": "error", "errorType": kind, "error": why}))
    }
}

impl From<PromqlError> for Failure {
    fn from(error: PromqlError) -> Self {
        match error {
            PromqlError::Refused(why) => Self::BadData(why),
            PromqlError::Failed(why) => Self::Execution(why),
            PromqlError::Read(error) => error.into(),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let why = error.to_string();
        match error {
            ReadError::Timeout => Self::Timeout(why),
            ReadError::Unavailable(_) => Self::Unavailable(why),
            ReadError::Overloaded { own_share } => Self::Overloaded { own_share },
            ReadError::Other(_) => Self::Internal(why),
            ReadError::TooManyRows { .. }
            | ReadError::TooManySeries { .. }
            | ReadError::TooManyInstants { .. }
            | ReadError::NotAvailable { .. } => Self::Execution(why),
        }
    }
}
