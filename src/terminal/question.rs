//! The options that `query`, `export` and `tail` share: which series, of which time, in which buckets.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::client::times;
use crate::data::{Aggregate, MatchOp, Micros};

/// Which series: those that match every condition.
#[derive(Args, Debug)]
pub struct Which {
    /// The metric's exact name
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// A condition on a label: name=value, name!=value, name=~regex or name!~regex; may be repeated
    #[arg(long = "label", value_name = "CONDITION")]
    labels: Vec<String>,
}

/// `since`: the ways to say where it begins.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("since").args(["last", "from"]))]
pub struct Span {
    /// How far back, such as 15m or 7d
    #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration)]
    last: Option<Duration>,
    /// The start: 2026-11-28, 2026-11-28T17:44, RFC 3339, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The end, exclusive, written alike [default: now]
    #[arg(long, value_name = "TIME", requires = "since")]
    to: Option<String>,
    /// The zone of times without one, and of days and longer steps, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    time_zone: Option<TimeZone>,
}

/// Aggregates instead of the stored points.
#[derive(Args, Debug)]
pub struct Buckets {
    /// Buckets of this length: 10s, 5m, or of the calendar: 1d, 1w, 1mo, 1y
    #[arg(long, value_name = "SPAN", requires = "since")]
    step: Option<String>,
    /// avg (the default), min, max, sum, count, first, last, stddev, rate, increase, delta, p50, p99.9, …; may be repeated
    #[arg(long, value_name = "NAME", requires = "since", value_delimiter = ',', value_parser = aggregate)]
    aggregate: Vec<Aggregate>,
    /// Series with equal values of this label become one line; may be repeated
    #[arg(long, value_name = "LABEL", requires = "since")]
    group_by: Option<Vec<String>>,
    /// How they are combined: avg (the default), sum, min, max or count
    #[arg(long, value_name = "NAME", requires = "group_by")]
    across: Option<String>,
    /// The value of buckets without points: null, previous, linear or a number
    #[arg(long, value_name = "VALUE", requires = "since")]
    fill: Option<String>,
    /// The maximum number of points per series, or of buckets
    #[arg(long, value_name = "NUMBER", requires = "since")]
    max_points: Option<u32>,
}

/// A span: its start, and its end if it is not now.
pub type Times = (Micros, Option<Micros>);

fn aggregate(name: &str) -> Result<Aggregate, &'static str> {
    Aggregate::from_name(name).ok_or("not the name of an aggregate")
}

fn zone(name: &str) -> Result<TimeZone, &'static str> {
    let known = TimeZone::get(name);
    known.map_err(|_| "no such time zone; write a name such as UTC or Europe/Berlin")
}

impl Which {
    /// As a `SeriesSelector`.
    pub fn selector(&self) -> Result<Value> {
        let labels = self.labels.iter().map(|text| condition(text));
        let labels = labels.collect::<Result<Vec<_>>>()?;
        Ok(json!({"metric": self.metric, "labels": labels}))
    }

    /// As parameters of `/api/v1`.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let labels = self.labels.iter().map(|label| ("label", label.clone()));
        let metric = self.metric.iter().map(|metric| ("metric", metric.clone()));
        metric.chain(labels).collect()
    }
}

fn condition(text: &str) -> Result<Value> {
    let (name, op, value) = MatchOp::split(text).with_context(|| {
        format!("--label {text}: write name=value, name!=value, name=~regex or name!~regex")
    })?;
    let op = match op {
        MatchOp::Equal => "EQUAL",
        MatchOp::NotEqual => "NOT_EQUAL",
        MatchOp::Matches => "MATCHES",
        MatchOp::NotMatches => "NOT_MATCHES",
        MatchOp::StartsWith => "STARTS_WITH",
    };
    Ok(json!({"name": name, "op": op, "value": value}))
}

impl Span {
    pub fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or(TimeZone::UTC)
    }

    /// The name of the zone for a question; the server takes it with a step only.
    fn zone_of<'s>(&'s self, buckets: &Buckets) -> Option<&'s str> {
        let zone = self.time_zone.as_ref().filter(|_| buckets.step.is_some());
        zone.and_then(TimeZone::iana_name)
    }

    /// `None` if no span was asked for.
    pub fn times(&self) -> Result<Option<Times>> {
        let time = |option: &'static str, text: &Option<String>| {
            let time = text.as_ref().map(|text| times::parse(text, &self.zone()));
            time.transpose().context(option)
        };
        let to = time("--to", &self.to)?;
        let last = |last| to.unwrap_or_else(Micros::now).minus(last);
        let from = time("--from", &self.from)?.or_else(|| self.last.map(last));
        Ok(from.map(|from| (from, to)))
    }
}

impl Buckets {
    /// Only the stored points are asked for.
    pub fn are_none(&self) -> bool {
        self.step.is_none()
            && self.aggregate.is_empty()
            && self.group_by.is_none()
            && self.fill.is_none()
            && self.max_points.is_none()
    }

    pub fn are_grouped(&self) -> bool {
        self.group_by.is_some()
    }

    /// The fields of a point that has what was asked for.
    pub fn fields(&self) -> String {
        if self.aggregate.len() < 2 {
            return "value".to_owned();
        }
        let (mut fields, percentiles) = self.split();
        if !percentiles.is_empty() {
            fields.push("percentiles".to_owned());
        }
        fields.join(" ")
    }

    /// The names of aggregates, and the percentiles.
    fn split(&self) -> (Vec<String>, Vec<f64>) {
        let (mut names, mut percentiles) = (Vec::new(), Vec::new());
        for aggregate in &self.aggregate {
            match aggregate {
                Aggregate::Percentile(percentile) => percentiles.push(*percentile),
                named => names.push(named.to_string()),
            }
        }
        (names, percentiles)
    }

    /// As variables of `history`.
    pub fn variables(&self, span: &Span) -> Value {
        let (names, percentiles) = self.split();
        let named: Vec<_> = names.iter().map(|name| name.to_uppercase()).collect();
        let number: Option<f64> = self.fill.as_deref().and_then(|fill| fill.parse().ok());
        let fill = match number {
            Some(_) => Some("VALUE".to_owned()),
            None => self.fill.as_ref().map(|fill| fill.to_uppercase()),
        };
        json!({
            "step": self.step, "timeZone": span.zone_of(self),
            "aggregate": Some(named).filter(|named| !named.is_empty()),
            "percentiles": Some(percentiles).filter(|percentiles| !percentiles.is_empty()),
            "groupBy": self.group_by, "across": self.across.as_ref().map(|across| across.to_uppercase()),
            "fill": fill, "fillValue": number, "maxPoints": self.max_points,
        })
    }

    /// As parameters of `/api/v1/history`.
    pub fn parameters(&self, span: &Span) -> Vec<(&'static str, String)> {
        let aggregates = self.aggregate.iter().map(|one| ("aggregate", one.to_string()));
        let groups = self.group_by.iter().flatten();
        let groups = groups.map(|label| ("group_by", label.clone()));
        let others = [
            ("step", self.step.clone()),
            ("timezone", span.zone_of(self).map(str::to_owned)),
            ("across", self.across.clone()),
            ("fill", self.fill.clone()),
            ("max_points", self.max_points.map(|most| most.to_string())),
        ];
        let others = others
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        aggregates.chain(groups).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Asked {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        span: Span,
        #[command(flatten)]
        buckets: Buckets,
    }

    fn asked(line: &str) -> Result<Asked, clap::Error> {
        Asked::try_parse_from(["x"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn a_span_is_dates_of_a_zone_or_a_length_up_to_its_end() {
        let times = |line: &str| asked(line).unwrap().span.times().unwrap();
        let at = |text: &str| Micros::from_rfc3339(text).unwrap();
        assert_eq!(times(""), None);
        let day = times("--from 2026-11-28 --to 2026-11-29 --time-zone Europe/Berlin");
        let expected = (at("2026-11-27T23:00:00Z"), Some(at("2026-11-28T23:00:00Z")));
        assert_eq!(day, Some(expected));
        let hour = times("--last 1h --to 2026-11-28T17:44");
        let expected = (at("2026-11-28T16:44:00Z"), Some(at("2026-11-28T17:44:00Z")));
        assert_eq!(hour, Some(expected));
        let (from, to) = times("--last 1h").unwrap();
        assert!(to.is_none() && Micros::now().minus(Duration::from_secs(3_600)) >= from);
        let why = asked("--from soon").unwrap().span.times().unwrap_err();
        assert!(
            format!("{why:#}").starts_with("--from: 'soon' is no time: write "),
            "{why:#}"
        );
    }

    #[test]
    fn what_contradicts_itself_or_is_misspelt_is_refused() {
        for line in [
            "--last 1h --from 2026-11-28",
            "--to 2026-11-28",
            "--step 1m",
            "--time-zone Mars",
            "--last 1h --aggregate median",
            "--last 1h --across sum",
        ] {
            assert!(asked(line).is_err(), "{line}");
        }
    }

    #[test]
    fn both_commands_ask_for_the_same() {
        let line = "--metric m --label a=b --last 1h --step 1d --time-zone Europe/Berlin --aggregate avg,p99.9 \
                    --aggregate max --group-by site --across sum --fill 0 --max-points 5";
        let Asked { which, span, buckets } = asked(line).unwrap();
        assert_eq!(buckets.fields(), "avg max percentiles");
        let variables = json!({
            "step": "1d", "timeZone": "Europe/Berlin", "aggregate": ["AVG", "MAX"], "percentiles": [99.9],
            "groupBy": ["site"], "across": "SUM", "fill": "VALUE", "fillValue": 0.0, "maxPoints": 5,
        });
        assert_eq!(buckets.variables(&span), variables);
        let parameters = which.parameters().into_iter().chain(buckets.parameters(&span));
        let parameters: Vec<_> = parameters
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let expected = "metric=m label=a=b aggregate=avg aggregate=p99.9 aggregate=max group_by=site step=1d \
                        timezone=Europe/Berlin across=sum fill=0 max_points=5";
        assert_eq!(parameters.join(" "), expected);

        let plain = asked("--last 1h --time-zone Europe/Berlin --aggregate p99").unwrap();
        assert_eq!(plain.buckets.fields(), "value");
        assert!(!plain.buckets.are_none());
        // Without a step the zone is that of the dates alone.
        assert_eq!(plain.buckets.variables(&plain.span)["timeZone"], Value::Null);
        assert!(asked("--last 1h").unwrap().buckets.are_none());
    }
}
