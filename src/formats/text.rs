//! Shared by the text formats: times, numbers and labels.

use std::io::Write;

use chrono::DateTime;
use serde_json::{Map, Value};

use crate::data::{Micros, Series};

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimeText {
    /// RFC 3339 in UTC, always with six digits: `2026-01-31T12:00:00.000001Z`.
    #[default]
    Iso,
    /// Since 1970, exact: with a fraction where there is one.
    Seconds,
    Millis,
    Micros,
}

impl TimeText {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "iso" => Self::Iso,
            "s" => Self::Seconds,
            "ms" => Self::Millis,
            "us" => Self::Micros,
            _ => return None,
        })
    }
}

const DAY: i64 = 86_400_000_000;

/// Writes times; remembers the date of the last one, since most rows have the same.
#[derive(Debug)]
pub(super) struct Times {
    text: TimeText,
    /// Around an RFC 3339 time.
    quote: &'static str,
    day: Option<i64>,
    date: String,
}

impl Times {
    pub fn new(text: TimeText, quote: &'static str) -> Self {
        Self {
            text,
            quote,
            day: None,
            date: String::new(),
        }
    }

    pub fn write(&mut self, ts: Micros, out: &mut Vec<u8>) {
        match self.text {
            TimeText::Iso => self.iso(ts, out),
            TimeText::Seconds => decimal(ts, 1_000_000, out),
            TimeText::Millis => decimal(ts, 1_000, out),
            TimeText::Micros => decimal(ts, 1, out),
        }
    }

    fn iso(&mut self, ts: Micros, out: &mut Vec<u8>) {
        let day = ts.0.div_euclid(DAY);
        if self.day != Some(day) {
            self.day = Some(day);
            self.date = DateTime::from_timestamp(day * (DAY / 1_000_000), 0)
                .map(|date| date.format("%Y-%m-%d").to_string())
                .unwrap_or_default();
        }
        let micros = ts.0.rem_euclid(DAY);
        let seconds = micros / 1_000_000;
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        let (date, quote) = (&self.date, self.quote);
        let (seconds, micros) = (seconds % 60, micros % 1_000_000);
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "{quote}{date}T{hours:02}:{minutes:02}:{seconds:02}.{micros:06}Z{quote}"
        );
    }
}

fn decimal(ts: Micros, unit: u64, out: &mut Vec<u8>) {
    let (whole, part) = (ts.0.unsigned_abs() / unit, ts.0.unsigned_abs() % unit);
    let sign = if ts.0 < 0 { "-" } else { "" };
    let _ = write!(out, "{sign}{whole}");
    if part > 0 {
        let digits = format!("{:01$}", part, unit.ilog10() as usize);
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

/// As JSON writes it: the shortest text that reads as the same double.
pub(super) fn number(value: f64, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &value);
}

pub(super) fn number_or_null(value: Option<f64>, out: &mut Vec<u8>) {
    match value {
        Some(value) => number(value, out),
        None => out.extend_from_slice(b"null"),
    }
}

pub(super) fn labels(series: &Series) -> Value {
    let labels = series.labels.iter();
    let labels: Map<_, _> = labels
        .map(|(name, value)| (name.to_string(), (&**value).into()))
        .collect();
    Value::Object(labels)
}

/// `"series":..,"metric":..,"labels":..`, the first members of an object.
pub(super) fn fields(series: &Series) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let (key, metric) = (text(&series.key), text(&series.metric));
    format!(
        "\"series\":{key},\"metric\":{metric},\"labels\":{}",
        labels(series)
    )
}
