//! Shared by the text formats: times, numbers and labels.

use std::io::Write;

use serde_json::{Map, Value};

use crate::data::{Micros, Rfc3339, Series};

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

/// Writes times.
#[derive(Debug)]
pub(super) struct Times {
    text: TimeText,
    /// Around an RFC 3339 time.
    quote: &'static str,
    iso: Rfc3339,
}

impl Times {
    pub fn new(text: TimeText, quote: &'static str) -> Self {
        Self {
            text,
            quote,
            iso: Rfc3339::default(),
        }
    }

    pub fn write(&mut self, ts: Micros, out: &mut Vec<u8>) {
        match self.text {
            TimeText::Iso => {
                out.extend_from_slice(self.quote.as_bytes());
                self.iso.write(ts, out);
                out.extend_from_slice(self.quote.as_bytes());
            }
            TimeText::Seconds => decimal(ts, 1_000_000, out),
            TimeText::Millis => decimal(ts, 1_000, out),
            TimeText::Micros => decimal(ts, 1, out),
        }
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
