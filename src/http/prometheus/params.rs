//! Parameters as in Prometheus: from the URL and, with POST, from a form.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpMessage, HttpRequest, web};
use percent_encoding::percent_decode_str;

use super::answer::Failure;
use crate::data::{Micros, TimeUnit, Viewer};
use crate::http::body;
use crate::http::worker::Worker;
use crate::store::read::Reader;
use crate::telemetry::Status;

/// In the order of the request, those of the form first.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

const FORM: &str = "application/x-www-form-urlencoded";

impl Params {
    pub async fn read(
        request: &HttpRequest,
        body: web::Payload,
        most: usize,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let mut pairs = Vec::new();
        if request.method() == Method::POST && request.content_type().eq_ignore_ascii_case(FORM) {
            let body = body::read(request, body, most, patience).await?;
            let text = std::str::from_utf8(&body).map_err(|_| Failure::bad_data("the form is not UTF-8"))?;
            pairs = decoded(text)?;
        }
        pairs.append(&mut decoded(request.query_string())?);
        Ok(Self(pairs))
    }

    /// The first of this name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = self.0.iter().filter(move |(own, _)| own == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// Seconds since 1970, with decimals, or RFC 3339; to the millisecond.
    pub fn time(&self, name: &str) -> Result<Option<Micros>, Failure> {
        self.parsed(name, "timestamp", |text| {
            let time = match text.parse::<f64>() {
                Ok(seconds) => Micros::from_epoch_fraction(seconds, TimeUnit::S),
                Err(_) => Micros::from_rfc3339(text),
            }?;
            let time = Micros::from_millis(Micros(time.0.saturating_add(500)).as_millis());
            (Micros::FIRST..=Micros::LAST).contains(&time).then_some(time)
        })
    }

    /// Seconds, with decimals, or a duration such as `1m30s`; to the millisecond.
    pub fn span(&self, name: &str) -> Result<Option<Duration>, Failure> {
        self.parsed(name, "duration", |text| {
            let span = match text.parse::<f64>() {
                Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
                Err(_) => promql_parser::util::parse_duration(text).ok()?,
            };
            Some(Duration::from_millis(u64::try_from(span.as_millis()).ok()?))
        })
    }

    /// How many at most; `None` and 0: all.
    pub fn limit(&self) -> Result<Option<usize>, Failure> {
        let limit = self.parsed("limit", "number", |text| text.parse::<usize>().ok())?;
        Ok(limit.filter(|limit| *limit > 0))
    }

    /// A required parameter; an empty one counts as missing.
    pub fn needed<T>(
        &self,
        name: &str,
        read: impl Fn(&Self, &str) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        read(self, name)?.ok_or_else(|| wrong(name, "it is needed"))
    }

    fn parsed<T>(
        &self,
        name: &str,
        what: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let why = || wrong(name, &format!("cannot parse \"{text}\" to a valid {what}"));
        parse(text).map(Some).ok_or_else(why)
    }
}

pub(super) fn wrong(name: &str, why: &str) -> Failure {
    Failure::bad_data(format!("invalid parameter \"{name}\": {why}"))
}

fn decoded(text: &str) -> Result<Vec<(String, String)>, Failure> {
    // The parser would replace what is not UTF-8.
    if percent_decode_str(text).decode_utf8().is_err() {
        return Err(Failure::bad_data("what is escaped by % is not UTF-8"));
    }
    web::Query::<Vec<(String, String)>>::from_query(text)
        .map(web::Query::into_inner)
        .map_err(|error| Failure::bad_data(format!("not form parameters: {error}")))
}

pub(super) type Asking<E> = (HttpRequest, web::Payload, web::Data<Worker<E>>, web::Data<Status>);

/// The parameters of a request, the reader for it and its viewer.
pub(super) async fn asked<E>(
    (request, body, worker, status): Asking<E>,
) -> Result<(Params, Reader, Viewer), Failure> {
    let params = Params::read(&request, body, worker.body_limit, worker.body_timeout).await?;
    match worker.reader(&request) {
        Some((reader, viewer)) if !status.is_without_tables() => Ok((params, reader, viewer)),
        _ => Err(Failure::unavailable("postgres is not up yet")),
    }
}
