//! The samples of a data point, as Prometheus has them.

use super::fields::{field, float, items, number, object, whole};
use crate::data::{Object, Reason, RecordError, Value};
use crate::transform::left_out::LeftOut;
use crate::transform::mapping::nested::{Each, Nested};

pub(super) struct Samples<'p, 'e, 'f> {
    pub name: &'p str,
    pub around: &'p Nested<'p, 'p>,
    pub each: &'e mut Each<'f>,
    pub left_out: LeftOut,
}

impl Samples<'_, '_, '_> {
    pub(super) fn of_number(&mut self, point: &Object<'_>) -> Result<(), RecordError> {
        for name in ["asDouble", "asInt"] {
            if let Some(value) = field(point, name) {
                return self.sample("", None, number(name, value)?);
            }
        }
        self.left_out.add("no_recorded_value");
        Ok(())
    }

    /// Buckets that count what is below, as in Prometheus.
    pub(super) fn of_histogram(&mut self, point: &Object<'_>) -> Result<(), RecordError> {
        let bounds = items(point, "explicitBounds")?;
        let counts = items(point, "bucketCounts")?;
        if !(counts.len() == bounds.len() + 1 || (counts.is_empty() && bounds.is_empty())) {
            let detail = format!(
                "{} bucketCounts do not go with {} explicitBounds: the last bucket has no bound",
                counts.len(),
                bounds.len()
            );
            return Err(RecordError::new(Reason::WrongType, detail));
        }
        let mut below = 0_u64;
        for (bound, count) in bounds.iter().zip(counts) {
            below = below.saturating_add(whole("bucketCounts", count)?);
            let bound = float("explicitBounds", bound)?;
            self.sample("_bucket", Some(("le", bound.to_string())), counted(below))?;
        }
        let count = count_of(point)?;
        let infinite = Some(("le", "+Inf".to_owned()));
        self.sample("_bucket", infinite, counted(count))?;
        if let Some(sum) = field(point, "sum") {
            self.sample("_sum", None, number("sum", sum)?)?;
        }
        self.sample("_count", None, counted(count))
    }

    pub(super) fn of_summary(&mut self, point: &Object<'_>) -> Result<(), RecordError> {
        for of in items(point, "quantileValues")? {
            let of = object("quantileValues", of)?;
            let quantile = field(of, "quantile").map_or(Ok(0.0), |value| float("quantile", value))?;
            let value = field(of, "value").map_or(Ok(Value::Int(0)), |value| number("value", value))?;
            self.sample("", Some(("quantile", quantile.to_string())), value)?;
        }
        let sum = field(point, "sum").map_or(Ok(Value::Int(0)), |sum| number("sum", sum))?;
        self.sample("_sum", None, sum)?;
        let count = count_of(point)?;
        self.sample("_count", None, counted(count))
    }

    fn sample(
        &mut self,
        suffix: &str,
        label: Option<(&'static str, String)>,
        value: Value<'_>,
    ) -> Result<(), RecordError> {
        if matches!(value, Value::Float(value) if !value.is_finite()) {
            self.left_out.add("not_finite");
            return Ok(());
        }
        let name = match suffix.is_empty() {
            true => self.name.into(),
            false => format!("{}{suffix}", self.name).into(),
        };
        let mut fields = vec![("name".into(), Value::Text(name)), ("value".into(), value)];
        if let Some((name, text)) = label {
            let label = Object(vec![(name.into(), Value::Text(text.into()))]);
            fields.push(("sample".into(), Value::Object(label)));
        }
        (self.each)(&Nested::of(&Object(fields), Some(self.around)))
    }
}

/// Zero is not written in Protobuf's JSON.
fn count_of(point: &Object<'_>) -> Result<u64, RecordError> {
    field(point, "count").map_or(Ok(0), |count| whole("count", count))
}

fn counted(count: u64) -> Value<'static> {
    match i64::try_from(count) {
        Ok(count) => Value::Int(count),
        Err(_) => Value::BigInt(count.to_string().into()),
    }
}
