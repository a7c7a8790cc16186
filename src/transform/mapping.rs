//! From one decoded object to its points: by the stream's mapping, or unmapped.
//!
//! An object that has `metric`, `ts` and `value`, perhaps `labels`, and in a stream with a mapping
//! nothing else, needs none. Otherwise each field named in
//! `values` becomes the metric `<stream>_<field>`, with the fields named in `labels` as labels.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::intern::Interner;
use super::limits::{Limits, shorten};
use crate::data::{Micros, Object, Reason, RecordError, TimeUnit, Value};

/// Integers beyond this lose digits as a 64-bit float.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    pub metric_prefix: String,
    pub time: TimeField,
    pub labels: Vec<String>,
    pub values: Vec<String>,
    pub on_missing: OnMissing,
}

/// The field of the time and, for numbers, the unit. Texts are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { field = \"ts\", unit = \"ms\" }"
)]
pub struct TimeField {
    pub field: String,
    pub unit: TimeUnit,
}

/// What happens if a label or value field is missing or null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// The record becomes a dead letter.
    #[default]
    DeadLetter,
    /// The point is skipped, or the series gets no such label.
    Skip,
}

impl Default for TimeField {
    fn default() -> Self {
        Self {
            field: "ts".to_owned(),
            unit: TimeUnit::default(),
        }
    }
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

impl Mapping {
    /// Hands each point of the object to `emit` as (index of the series, time, value).
    pub fn points(
        &self,
        object: &Object<'_>,
        recorded: Micros,
        limits: &Limits,
        series: &mut Interner,
        emit: &mut impl FnMut(u32, Micros, f64),
    ) -> Result<(), RecordError> {
        // Beside a mapping an object with more fields than these may have them to be mapped.
        let own = |name: &str| matches!(name, "metric" | "labels" | "ts" | "value");
        if (self.values.is_empty() || object.0.iter().all(|(name, _)| own(name)))
            && let (Some(metric), Some(ts), Some(value)) =
                (object.get("metric"), object.get("ts"), object.get("value"))
        {
            let Value::Text(metric) = metric else {
                return Err(wrong_type("metric", "a string", metric));
            };
            limits.check_name("metric", metric)?;
            let labels = own_labels(object, limits)?;
            let ts = time("ts", ts, self.time.unit)?;
            limits.check_time(ts, recorded)?;
            emit(series.index(metric, &labels)?, ts, number("value", value)?);
            return Ok(());
        }
        if self.values.is_empty() {
            let missing = ["metric", "ts", "value"]
                .into_iter()
                .find(|name| object.get(name).is_none());
            return Err(missing_field(missing.unwrap_or("value")));
        }
        let field = &self.time.field;
        let ts = object.get(field).ok_or_else(|| missing_field(field))?;
        let ts = time(field, ts, self.time.unit)?;
        limits.check_time(ts, recorded)?;
        let labels = self.labels(object, limits)?;
        for name in &self.values {
            let Some(value) = object.get(name) else {
                match self.on_missing {
                    OnMissing::DeadLetter => return Err(missing_field(name)),
                    OnMissing::Skip => continue,
                }
            };
            let metric = self.metric(name);
            emit(series.index(&metric, &labels)?, ts, number(name, value)?);
        }
        Ok(())
    }

    /// The metric that a field of `values` becomes.
    pub fn metric(&self, field: &str) -> String {
        format!("{}_{}", self.metric_prefix, field.replace('.', "_"))
    }

    fn labels<'a>(&'a self, object: &'a Object<'_>, limits: &Limits) -> Result<Labels<'a>, RecordError> {
        let mut labels = Labels::with_capacity(self.labels.len());
        for name in &self.labels {
            match (object.get(name), self.on_missing) {
                (Some(value), _) => push_label(&mut labels, name, value, limits)?,
                (None, OnMissing::Skip) => {}
                (None, OnMissing::DeadLetter) => return Err(missing_field(name)),
            }
        }
        labels.sort_unstable();
        Ok(labels)
    }
}

/// The labels of a record that brings its own: an object of scalars, or none.
fn own_labels<'a>(object: &'a Object<'_>, limits: &Limits) -> Result<Labels<'a>, RecordError> {
    let fields = match object.get("labels") {
        None => return Ok(Labels::new()),
        Some(Value::Object(fields)) => &fields.0,
        Some(other) => return Err(wrong_type("labels", "an object", other)),
    };
    limits.check_label_count(fields.len())?;
    let mut labels = Labels::with_capacity(fields.len());
    // From the back, so that of a repeated name the last value stays first after a stable sort.
    for (name, value) in fields.iter().rev().filter(|(_, v)| *v != Value::Null) {
        push_label(&mut labels, name, value, limits)?;
    }
    labels.sort_by_key(|(name, _)| *name);
    labels.dedup_by_key(|(name, _)| *name);
    Ok(labels)
}

/// An empty value means "no such label", as in Prometheus.
fn push_label<'a>(
    labels: &mut Labels<'a>,
    name: &'a str,
    value: &'a Value<'_>,
    limits: &Limits,
) -> Result<(), RecordError> {
    let text = label_text(name, value)?;
    limits.check_label(name, &text)?;
    if !text.is_empty() {
        labels.push((name, text));
    }
    Ok(())
}

/// A scalar as the value of a label. Equal numbers are equal labels, however they are written.
pub fn label_text<'a>(name: &str, value: &'a Value<'_>) -> Result<Cow<'a, str>, RecordError> {
    Ok(match value {
        Value::Text(text) | Value::BigInt(text) => Cow::Borrowed(text),
        Value::Int(n) => n.to_string().into(),
        Value::Float(n) if !n.is_finite() => return Err(not_finite(name)),
        Value::Float(n) if n.abs() >= EXACT_INTEGER_MAX as f64 => {
            let detail = format!(
                "'{}' has a fraction or an exponent and is beyond 2^53: as a label it would lose digits; \
                 send it as a string",
                shorten(name)
            );
            return Err(RecordError::new(Reason::WrongType, detail));
        }
        // Added, so that -0 is 0.
        Value::Float(n) => (n + 0.0).to_string().into(),
        Value::Bool(b) => b.to_string().into(),
        other => return Err(wrong_type(name, "a string", other)),
    })
}

fn time(field: &str, value: &Value<'_>, unit: TimeUnit) -> Result<Micros, RecordError> {
    let ts = match value {
        Value::Int(n) => Micros::from_epoch(*n, unit),
        Value::Float(n) => Micros::from_epoch_fraction(*n, unit),
        Value::Text(text) => Micros::from_rfc3339(text),
        Value::BigInt(_) => None,
        other => return Err(wrong_type(field, "a time", other)),
    };
    ts.ok_or_else(|| {
        let found = match value {
            Value::Int(n) => n.to_string(),
            Value::Float(n) => shorten(&n.to_string()),
            Value::Text(text) => format!("the text '{}'", shorten(text)),
            Value::BigInt(digits) => shorten(digits),
            _ => String::new(),
        };
        let detail = format!(
            "'{}' is {found}: neither a number of {} since 1970 nor RFC 3339 with a time zone, such as \
             2026-11-28T17:44:05Z",
            shorten(field),
            unit.name()
        );
        RecordError::new(Reason::BadTimestamp, detail)
    })
}

/// Booleans count as 0 and 1; texts, and integers that a float cannot hold exactly, are refused. A
/// number with a fraction or an exponent is the nearest float.
fn number(field: &str, value: &Value<'_>) -> Result<f64, RecordError> {
    match value {
        Value::Int(n) if n.unsigned_abs() <= EXACT_INTEGER_MAX => Ok(*n as f64),
        Value::Int(_) | Value::BigInt(_) => {
            let detail = format!(
                "'{}' is an integer beyond 2^53 and would lose digits",
                shorten(field)
            );
            Err(RecordError::new(Reason::WrongType, detail))
        }
        Value::Float(n) if n.is_finite() => Ok(*n + 0.0),
        Value::Float(_) => Err(not_finite(field)),
        Value::Bool(b) => Ok(f64::from(u8::from(*b))),
        other => Err(wrong_type(field, "a number", other)),
    }
}

fn not_finite(field: &str) -> RecordError {
    let detail = format!("'{}' is no finite number of 64 bits", shorten(field));
    RecordError::new(Reason::NotFinite, detail)
}

fn missing_field(name: &str) -> RecordError {
    RecordError::new(Reason::MissingField, format!("the field '{name}' is missing"))
}

fn wrong_type(field: &str, wanted: &str, found: &Value<'_>) -> RecordError {
    let detail = format!("'{}' must be {wanted}, found {}", shorten(field), found.kind());
    RecordError::new(Reason::WrongType, detail)
}
