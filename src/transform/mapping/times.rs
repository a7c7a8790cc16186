//! The time of a point: a number of a unit, a text, or the record's own.

use jiff::civil;
use jiff::fmt::strtime::BrokenDownTime;

use super::errors::{missing_field, wrong_type};
use super::numbers::parse;
use super::settings::{TimeField, TimeSource};
use super::zone::Zone;
use crate::data::{Micros, Reason, RecordError, TimeUnit, Value};
use crate::transform::limits::shorten;

impl TimeField {
    /// The time in this field, or where the configuration looks instead.
    pub(super) fn of(&self, found: Option<&Value<'_>>, recorded: Micros) -> Result<Micros, RecordError> {
        match (self.from, found, self.on_missing) {
            (Some(TimeSource::Kafka), _, _) | (None, None, Some(TimeSource::Kafka)) => Ok(recorded),
            (None, Some(value), _) => self.parse(&self.field, value),
            (None, None, None) => Err(missing_field(&self.field)),
        }
    }

    pub fn unit(&self) -> TimeUnit {
        self.unit.unwrap_or_default()
    }

    /// `field` is for the message.
    pub fn parse(&self, field: &str, value: &Value<'_>) -> Result<Micros, RecordError> {
        let ts = match value {
            Value::Time(ts) => Some(*ts),
            Value::Text(text) => self.text(text, self.unit.is_some()),
            Value::Untyped(text) => self.text(text, true),
            Value::Int(_) | Value::Float(_) | Value::BigInt(_) => self.epoch(value),
            other => return Err(wrong_type(field, "a time", other)),
        };
        ts.ok_or_else(|| self.refused(field, value))
    }

    fn epoch(&self, value: &Value<'_>) -> Option<Micros> {
        match value {
            Value::Int(n) => Micros::from_epoch(*n, self.unit()),
            Value::Float(n) => Micros::from_epoch_fraction(*n, self.unit()),
            _ => None,
        }
    }

    fn text(&self, text: &str, may_be_epoch: bool) -> Option<Micros> {
        if let Some(format) = &self.format {
            let parsed = BrokenDownTime::parse(format, text).ok()?;
            return match parsed.to_timestamp() {
                Ok(time) => Some(micros(time)),
                Err(_) => self.local(parsed.to_datetime().ok()?),
            };
        }
        if let Some(ts) = Micros::from_rfc3339(text) {
            return Some(ts);
        }
        if may_be_epoch && let Some(number) = parse(text) {
            return self.epoch(&number);
        }
        // Offsets that ISO 8601 has and RFC 3339 lacks, such as +0100. As a local time it would be left aside.
        if let Ok(time) = text.parse() {
            return Some(micros(time));
        }
        self.local(text.parse().ok()?)
    }

    /// Of an hour that a clock shows twice the first; one that it leaves out counts on.
    fn local(&self, time: civil::DateTime) -> Option<Micros> {
        let Zone(zone) = self.zone.as_ref()?;
        Some(micros(zone.to_timestamp(time).ok()?))
    }

    fn refused(&self, field: &str, value: &Value<'_>) -> RecordError {
        let found = match value {
            Value::Int(n) => n.to_string(),
            Value::Float(n) => shorten(&n.to_string()),
            Value::Text(text) | Value::Untyped(text) => format!("the text '{}'", shorten(text)),
            Value::BigInt(digits) => shorten(digits),
            _ => String::new(),
        };
        let wanted = match (&self.format, &self.zone) {
            (Some(format), _) => format!("a time as '{format}'"),
            (None, Some(_)) => "an ISO 8601 time, such as 2026-11-28T17:44:05".to_owned(),
            (None, None) => "RFC 3339 with a time zone, such as 2026-11-28T17:44:05Z".to_owned(),
        };
        let detail = format!(
            "'{}' is {found}: neither a number of {} since 1970 nor {wanted}",
            shorten(field),
            self.unit().name()
        );
        RecordError::new(Reason::BadTimestamp, detail)
    }
}

fn micros(time: jiff::Timestamp) -> Micros {
    Micros(time.as_microsecond())
}
