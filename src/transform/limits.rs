//! The limits of records, and the messages for exceeding them.

use std::time::Duration;

use serde::Deserialize;

use crate::data::{MatchOp, Micros, Reason, RecordError};

/// Bounds of one stream; all sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub record_bytes: usize,
    pub name_bytes: usize,
    pub label_value_bytes: usize,
    pub labels: usize,
    pub accepted: AcceptedTime,
    /// How long raw points are kept; older ones are refused as `too_old`.
    pub retention: Option<Duration>,
}

/// How far a point's time may lie from its record's Kafka timestamp. Judged by that timestamp and
/// not by the clock, so that reading the same records again gives the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { past = \"366d\", future = \"1d\" }"
)]
pub struct AcceptedTime {
    #[serde(with = "humantime_text")]
    pub past: Duration,
    #[serde(with = "humantime_text")]
    pub future: Duration,
}

/// Bytes of a canonical series key. An entry of Postgres' index holds 2,704, the metric included.
const KEY_BYTES: usize = 2_000;

const DAY: Duration = Duration::from_secs(86_400);

impl Default for AcceptedTime {
    fn default() -> Self {
        Self {
            past: DAY.saturating_mul(366),
            future: DAY,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes: 1 << 20,
            name_bytes: 255,
            label_value_bytes: 1_024,
            labels: 32,
            accepted: AcceptedTime::default(),
            retention: None,
        }
    }
}

impl Limits {
    pub fn check_size(&self, payload: &[u8]) -> Result<(), RecordError> {
        if payload.len() <= self.record_bytes {
            return Ok(());
        }
        let detail = format!("{} bytes, the limit is {}", payload.len(), self.record_bytes);
        Err(RecordError::new(Reason::RecordTooLarge, detail))
    }

    /// A metric or label name: neither empty nor long, and without the characters that give the
    /// canonical key its shape.
    pub fn check_name(&self, what: &str, name: &str) -> Result<(), RecordError> {
        let bad = |c: char| c.is_control() || matches!(c, '{' | '}' | '"' | '=' | ',');
        if name.is_empty() || name.len() > self.name_bytes || name.contains(bad) {
            let detail = format!(
                "{what} '{}' must be 1 to {} bytes without control characters and {{}}\"=,",
                shorten(name),
                self.name_bytes
            );
            return Err(RecordError::new(Reason::InvalidName, detail));
        }
        Ok(())
    }

    pub fn check_label(&self, name: &str, value: &str) -> Result<(), RecordError> {
        self.check_name("label", name)?;
        if !MatchOp::splits_behind(name) {
            let detail = format!(
                "label '{}' must not end with ! or hold !~, which a condition could not tell from its operator",
                shorten(name)
            );
            return Err(RecordError::new(Reason::InvalidName, detail));
        }
        if value.len() > self.label_value_bytes {
            let detail = format!(
                "label '{name}' has {} bytes, the limit is {}",
                value.len(),
                self.label_value_bytes
            );
            return Err(RecordError::new(Reason::LabelTooLong, detail));
        }
        // Postgres texts cannot hold it.
        if value.contains('\0') {
            let detail = format!("label '{name}' holds a NUL character");
            return Err(RecordError::new(Reason::InvalidName, detail));
        }
        Ok(())
    }

    pub fn check_label_count(&self, count: usize) -> Result<(), RecordError> {
        if count <= self.labels {
            return Ok(());
        }
        let detail = format!("{count} labels, the limit is {}", self.labels);
        Err(RecordError::new(Reason::TooManyLabels, detail))
    }

    /// The years 1 to 9999 at most, however far the record's own timestamp is off.
    pub fn check_time(&self, ts: Micros, recorded: Micros) -> Result<(), RecordError> {
        let oldest = recorded.minus(self.accepted.past).max(Micros::FIRST);
        let newest = recorded.plus(self.accepted.future).min(Micros::LAST);
        if ts < oldest || ts > newest {
            let detail = format!("{ts} is outside {oldest} to {newest}, counted from the record's timestamp");
            return Err(RecordError::new(Reason::OutOfTimeRange, detail));
        }
        if let Some(kept) = self.retention.filter(|kept| ts < recorded.minus(*kept)) {
            let detail = format!(
                "{ts} is older than the {} that are kept",
                humantime::format_duration(kept)
            );
            return Err(RecordError::new(Reason::TooOld, detail));
        }
        Ok(())
    }
}

/// Metric, names and values together: each may be within its limit and their sum too long.
pub(super) fn check_key(key: &str) -> Result<(), RecordError> {
    if key.len() <= KEY_BYTES {
        return Ok(());
    }
    let detail = format!(
        "the series key of metric and labels has {} bytes, the limit is {KEY_BYTES}",
        key.len()
    );
    Err(RecordError::new(Reason::LabelTooLong, detail))
}

pub(super) fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Durations in configuration files are texts such as `"366d"`.
pub mod humantime_text {
    use std::fmt;
    use std::time::Duration;

    use serde::Deserializer;
    use serde::de::{Error, Visitor};

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        deserializer.deserialize_str(Span)
    }

    /// For those who have the text already.
    pub fn parse<E: Error>(text: &str) -> Result<Duration, E> {
        humantime::parse_duration(text).map_err(|_| E::custom(format_args!("must be {WANTED}")))
    }

    const WANTED: &str = r#"a length of time such as "30s", "12h" or "7days""#;

    struct Span;

    impl Visitor<'_> for Span {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(WANTED)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            parse(text)
        }
    }
}
