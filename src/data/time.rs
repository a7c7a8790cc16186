//! Time: microseconds since the Unix epoch, UTC.
//!
//! Parsed from epoch numbers of four units and RFC 3339 texts. Printed as RFC 3339, always with six digits
//! of the second, because readers such as pandas expect the form of the first time for all.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

/// The unit of a number that stands for a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    S,
    #[default]
    Ms,
    Us,
    Ns,
}

/// A length of time with its unit, such as `250ms` or `1h 30m`.
///
/// # Errors
/// The reason, for another text and for a length of zero.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if !span.is_zero() => Ok(span),
        Ok(_) => Err("must be longer than zero".to_owned()),
        Err(error) => Err(format!("not a duration, such as \"250ms\" or \"15m\": {error}")),
    }
}

impl TimeUnit {
    /// The plural, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S => "seconds",
            Self::Ms => "milliseconds",
            Self::Us => "microseconds",
            Self::Ns => "nanoseconds",
        }
    }
}

impl Micros {
    /// The years 1 to 9999: what RFC 3339 and all clients of Postgres can express.
    pub const FIRST: Self = Self(-62_135_596_800_000_000);
    pub const LAST: Self = Self(253_402_300_799_999_999);

    pub fn now() -> Self {
        Self(Utc::now().timestamp_micros())
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// A whole number of `unit`s since the epoch; `None` beyond the range of an `i64` of microseconds.
    pub fn from_epoch(count: i64, unit: TimeUnit) -> Option<Self> {
        match unit {
            TimeUnit::S => count.checked_mul(1_000_000),
            TimeUnit::Ms => count.checked_mul(1_000),
            TimeUnit::Us => Some(count),
            TimeUnit::Ns => Some(count.div_euclid(1_000)),
        }
        .map(Self)
    }

    /// The same for a number with a fraction, such as `1700000000.25` seconds.
    pub fn from_epoch_fraction(count: f64, unit: TimeUnit) -> Option<Self> {
        let micros = match unit {
            TimeUnit::S => count * 1e6,
            TimeUnit::Ms => count * 1e3,
            TimeUnit::Us => count,
            TimeUnit::Ns => count / 1e3,
        };
        // Beyond 2^63 the cast would saturate and silently name another time.
        (micros.abs() < 9.2e18).then_some(Self(micros.round() as i64))
    }

    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self(time.timestamp_micros()))
    }

    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.0) {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true)),
            None => write!(f, "{}us", self.0),
        }
    }
}

const DAY: i64 = 86_400_000_000;

/// Writes times as `Display` does, many times as fast: most have the date of the one before.
#[derive(Debug, Default)]
pub struct Rfc3339 {
    day: Option<i64>,
    date: String,
}

impl Rfc3339 {
    pub fn write(&mut self, ts: Micros, out: &mut Vec<u8>) {
        let day = ts.0.div_euclid(DAY);
        if self.day != Some(day) {
            self.day = Some(day);
            self.date = DateTime::from_timestamp(day * (DAY / 1_000_000), 0)
                .map(|date| date.format("%Y-%m-%d").to_string())
                .unwrap_or_default();
        }
        let micros = ts.0.rem_euclid(DAY);
        let seconds = micros / 1_000_000;
        out.extend_from_slice(self.date.as_bytes());
        let parts = [
            (b'T', seconds / 3_600, 2),
            (b':', seconds / 60 % 60, 2),
            (b':', seconds % 60, 2),
            (b'.', micros % 1_000_000, 6),
        ];
        for (before, number, digits) in parts {
            out.push(before);
            let mut unit = 10_i64.pow(digits - 1);
            while unit > 0 {
                out.push(b'0' + (number / unit % 10) as u8);
                unit /= 10;
            }
        }
        out.push(b'Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_written_in_one_form() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (3_000, "1970-01-01T00:00:00.003000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (Micros::FIRST.0, "0001-01-01T00:00:00.000000Z"),
            (Micros::LAST.0, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Micros(micros).to_string(), text);
            assert_eq!(Micros::from_rfc3339(text), Some(Micros(micros)));
            let mut written = Vec::new();
            Rfc3339::default().write(Micros(micros), &mut written);
            assert_eq!(String::from_utf8(written).unwrap(), text);
        }
    }
}
