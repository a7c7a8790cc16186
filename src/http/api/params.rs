//! The parameters of a request. Unknown ones are refused, so that a misspelt one is not ignored.

use std::collections::HashSet;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::web::Query;

use super::answer::Result;
use crate::data::selection::{Condition, REGEX_MAX};
use crate::data::{Code, MatchOp, Micros, Problem, Selector};
use crate::formats::{Format, TimeText};
use crate::http::accept::Accept;

/// The parameters of both resources.
pub(super) const COMMON: [&str; 6] = ["metric", "label", "from", "to", "format", "ts"];

pub(super) struct Params(Vec<(String, String)>);

/// The values of the common parameters.
#[derive(Debug)]
pub(super) struct Asked {
    pub selector: Selector,
    pub from: Micros,
    pub to: Micros,
    /// `None`: the client accepts no available format.
    pub format: Option<Format>,
    pub times: TimeText,
}

impl Params {
    /// # Errors
    /// `BAD_USER_INPUT` for a parameter that is neither common nor among `own`.
    pub fn of(request: &HttpRequest, own: &[&str]) -> Result<Self> {
        let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string());
        let Query(pairs) = pairs.map_err(|error| bad(error.to_string()))?;
        let known = |name: &str| COMMON.contains(&name) || own.contains(&name);
        match pairs.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) => Err(bad(format!("there is no parameter '{name}'"))),
            None => Ok(Self(pairs)),
        }
    }

    pub fn asked(&self, headers: &HeaderMap) -> Result<Asked> {
        let conditions = self.all("label").map(condition).collect::<Result<_>>()?;
        let metric = self.one("metric")?.map(str::to_owned);
        let from = self.one("from")?.ok_or_else(|| bad("from is missing"))?;
        let from = time("from", from)?;
        let to = self.one("to")?.map(|to| time("to", to)).transpose()?;
        let to = to.unwrap_or_else(Micros::now);
        if from >= to {
            return Err(bad("from must be before to"));
        }
        let format = match self.one("format")? {
            Some(name) => Some(
                Format::from_name(name)
                    .ok_or_else(|| bad("format must be json, ndjson, csv, arrow or parquet"))?,
            ),
            None => accepted(headers),
        };
        let times = self.one("ts")?.map(TimeText::from_name);
        let times = times.map(|times| times.ok_or_else(|| bad("ts must be iso, s, ms or us")));
        let times = times.transpose()?;
        if times.is_some() && format.is_some_and(|format| !format.is_text()) {
            return Err(bad(
                "ts is for json, ndjson and csv; arrow and parquet have a type for times",
            ));
        }
        Ok(Asked {
            selector: Selector::checked(metric, conditions, REGEX_MAX)?,
            from,
            to,
            format,
            times: times.unwrap_or_default(),
        })
    }

    pub fn one(&self, name: &'static str) -> Result<Option<&str>> {
        let mut values = self.all(name);
        let value = values.next();
        match values.next() {
            Some(_) => Err(bad(format!("{name} is given more than once"))),
            None => Ok(value),
        }
    }

    /// A whole number of `1..=max`.
    pub fn count(&self, name: &'static str, max: usize) -> Result<Option<usize>> {
        let count = |text: &str| {
            let count = text.parse().ok().filter(|count| (1..=max).contains(count));
            count.ok_or_else(|| bad(format!("{name} must be a whole number from 1 to {max}")))
        };
        self.one(name)?.map(count).transpose()
    }

    /// Repeated, separated by commas, or both; `None` when not given at all.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for a repetition.
    pub fn list(&self, name: &'static str) -> Result<Option<Vec<&str>>> {
        let mut seen = HashSet::new();
        let given = self.all(name).next().is_some();
        let entries: Vec<&str> = self
            .all(name)
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .collect();
        match entries.iter().find(|entry| !seen.insert(**entry)) {
            Some(twice) => Err(bad(format!("{name}: '{twice}' is given more than once"))),
            None => Ok(given.then_some(entries)),
        }
    }

    fn all(&self, wanted: &'static str) -> impl Iterator<Item = &str> {
        let pairs = self.0.iter().filter(move |(name, _)| name == wanted);
        pairs.map(|(_, value)| value.as_str())
    }
}

pub(super) fn bad(why: impl Into<String>) -> Problem {
    Problem::new(Code::BadUserInput, why)
}

fn condition(text: &str) -> Result<Condition> {
    let (name, op, value) = MatchOp::split(text)
        .ok_or_else(|| bad("label must be name=value, name!=value, name=~regex or name!~regex"))?;
    Ok(Condition {
        name: name.to_owned(),
        op,
        value: value.to_owned(),
    })
}

fn time(name: &str, text: &str) -> Result<Micros> {
    let seconds = |text: &str| Micros::from_epoch_fraction(text.parse().ok()?, crate::data::TimeUnit::S);
    Micros::from_rfc3339(text)
        .or_else(|| seconds(text))
        .filter(|time| (Micros::FIRST..=Micros::LAST).contains(time))
        .ok_or_else(|| {
            bad(format!(
                "{name}: not an RFC 3339 time (write '+' as %2B) or seconds since 1970, of the years 1 to 9999"
            ))
        })
}

/// The format the client prefers; of equal ones the first it names, or JSON.
fn accepted(headers: &HeaderMap) -> Option<Format> {
    Accept::of(headers).best(&Format::ALL.map(|format| (format, format.media_type())))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ACCEPT;

    use super::*;

    #[test]
    fn the_format_is_what_the_client_likes_best() {
        let arrow = "application/vnd.apache.arrow.stream";
        for (accept, expected) in [
            ("", Some(Format::Json)),
            ("*/*", Some(Format::Json)),
            ("application/*", Some(Format::Json)),
            ("text/*", Some(Format::Csv)),
            ("text/csv", Some(Format::Csv)),
            ("application/json;q=0.1, text/csv", Some(Format::Csv)),
            (&format!("{arrow}, */*"), Some(Format::Arrow)),
            ("application/x-ndjson, text/csv", Some(Format::Ndjson)),
            ("text/html, */*;q=0.1", Some(Format::Json)),
            ("text/html", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(accepted(&headers), expected, "{accept}");
        }
    }
}
