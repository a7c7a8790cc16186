//! From one decoded object to its points: by the stream's mapping, or unmapped.
//!
//! An object that has `metric`, `ts` and `value`, perhaps `labels`, and in a stream with a mapping
//! nothing else, needs none. Otherwise each value of the mapping becomes a point: its metric is
//! `<prefix>_<field>`, or the text of a field, and all points of an object share time and labels.

mod data_points;
mod dedupe;
mod envelope;
mod errors;
mod labels;
mod looked_up;
mod nested;
mod numbers;
mod objects;
mod origin;
mod otlp;
mod settings;
mod times;
mod zone;

use std::borrow::Cow;

use super::limits::Limits;
use super::target::Target;
use crate::data::{Decode, Micros, Object, RecordError, TimeUnit, Value};

pub use envelope::Envelope;
use errors::{missing_field, wrong_type};
use labels::Labels;
pub use labels::of_series as series_labels;
pub use nested::Nested;
use numbers::number;
pub use numbers::{label_text, parse as parse_number};
pub use origin::Origin;
pub use otlp::{DataPoint, Exported, visit as visit_export};
pub use settings::{
    Dedupe, Label, LabelSource, MetricField, Number, OnMissing, Part, TimeField, TimeSource, ValueField,
    ValueSource, When,
};
pub use zone::Zone;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// May be empty.
    pub metric_prefix: String,
    pub envelope: Option<Envelope>,
    /// The path to the objects of a record, each of which has points; their outer fields count too.
    pub each: Option<String>,
    pub when: Vec<When>,
    pub dedupe: Option<Dedupe>,
    pub time: TimeField,
    pub metric: Option<MetricField>,
    pub labels: Vec<Label>,
    pub values: Vec<ValueField>,
    pub on_missing: OnMissing,
}

impl Mapping {
    /// Of records that name all they have, in `tags` and `fields`: `<metric>_<field>` with the tags, as
    /// Telegraf does it for Prometheus. One without a time has that of its Kafka record.
    pub fn of_fields_and_tags(self, metric: &str, time: &str, unit: TimeUnit) -> Self {
        let fields = ValueSource::All("fields".to_owned());
        self.named_by(metric, &["tags"], fields, time, unit)
    }

    /// Of the samples that the envelope `otlp` makes.
    pub fn of_samples(self) -> Self {
        let value = ValueSource::Field("value".to_owned());
        let labels = ["sample", "target", "attributes"];
        self.named_by("name", &labels, value, "timeUnixNano", TimeUnit::Ns)
    }

    /// What is set already stays.
    fn named_by(
        self,
        metric: &str,
        labels: &[&str],
        values: ValueSource,
        time: &str,
        unit: TimeUnit,
    ) -> Self {
        let time = TimeField {
            field: time.to_owned(),
            unit: Some(unit),
            on_missing: Some(TimeSource::Kafka),
            ..TimeField::default()
        };
        let metric = MetricField {
            field: metric.to_owned(),
            prefix: String::new(),
        };
        let all = labels.iter().map(|&field| Label {
            from: LabelSource::All(field.to_owned()),
            name: String::new(),
        });
        Self {
            time: if self.time == TimeField::default() {
                time
            } else {
                self.time
            },
            metric: self.metric.or(Some(metric)),
            labels: self.labels.into_iter().chain(all).collect(),
            values: vec![ValueField::new(values)],
            ..self
        }
    }

    /// Hands on each point of the object, or of the objects in it that envelope and `each` name.
    pub fn points<E: FnMut(u32, Micros, f64)>(
        &self,
        object: &Object<'_>,
        origin: Origin<'_>,
        decoder: &dyn Decode,
        to: &mut Target<'_, E>,
    ) -> Result<(), RecordError> {
        let whole = Nested::of(object, None);
        let Some(envelope) = self.envelope else {
            return self.inside(&whole, origin, to);
        };
        let mut inside = |nested: &Nested<'_, '_>| self.inside(nested, origin, to);
        let left_out = envelope.open(&whole, origin, decoder, &mut inside)?;
        to.left_out.append(left_out);
        Ok(())
    }

    fn inside<E: FnMut(u32, Micros, f64)>(
        &self,
        nested: &Nested<'_, '_>,
        origin: Origin<'_>,
        to: &mut Target<'_, E>,
    ) -> Result<(), RecordError> {
        let Some(path) = &self.each else {
            return self.element(nested, origin, to);
        };
        let found = nested.walk(path, &mut |nested| self.element(nested, origin, to))?;
        match found || self.on_missing == OnMissing::Skip {
            true => Ok(()),
            false => Err(missing_field(path)),
        }
    }

    fn element<E: FnMut(u32, Micros, f64)>(
        &self,
        nested: &Nested<'_, '_>,
        origin: Origin<'_>,
        to: &mut Target<'_, E>,
    ) -> Result<(), RecordError> {
        let object = nested.object;
        // Beside a mapping an object with more fields than these may have them to be mapped.
        let own = |name: &str| matches!(name, "metric" | "labels" | "ts" | "value");
        if self.values.is_empty() || (self.each.is_none() && object.0.iter().all(|(name, _)| own(name))) {
            if let (Some(metric), Some(ts), Some(value)) =
                (object.get("metric"), object.get("ts"), object.get("value"))
            {
                if self.is_duplicate(nested, origin, to)? {
                    return Ok(());
                }
                return self.own(object, (metric, ts, value), origin, to);
            }
            if self.values.is_empty() {
                let missing = ["metric", "ts", "value"]
                    .into_iter()
                    .find(|name| object.get(name).is_none());
                return Err(missing_field(missing.unwrap_or("value")));
            }
        }
        if !self.applies(nested)? {
            to.left_out.add("when");
            return Ok(());
        }
        if self.is_duplicate(nested, origin, to)? {
            return Ok(());
        }
        let ts = self.time.of(nested.get(&self.time.field), origin.recorded)?;
        to.limits.check_time(ts, origin.recorded)?;
        let prefix = self.prefix(nested)?;
        let labels = labels::of(&self.labels, nested, origin, self.on_missing, to.limits)?;
        let labels = looked_up::add(labels, nested, to.lookups, to.tables, to.limits)?;
        let mut missing = None;
        let mut found = false;
        for (value, metric) in self.values.iter().zip(to.metrics) {
            match (&value.from, nested.get(value.reads())) {
                (ValueSource::Field(field), Some(found_value)) => {
                    let name = value.name.as_deref().unwrap_or(field);
                    let number = value.of(field, found_value)?;
                    let metric = match metric {
                        // It was checked with the configuration.
                        Some(metric) => Cow::Borrowed(&**metric),
                        None => self.checked_name(&prefix, name, to.limits)?,
                    };
                    emit(value, &metric, &labels, (ts, number), to)?;
                    found = true;
                }
                (ValueSource::All(_), Some(Value::Object(fields))) => {
                    // They may be around many objects.
                    to.room.take(fields.0.len())?;
                    let numbers = fields.0.iter().filter(|(_, field)| value.takes(field));
                    for (name, field) in numbers {
                        let number = value.of(name, field)?;
                        let metric = self.checked_name(&prefix, name, to.limits)?;
                        emit(value, &metric, &labels, (ts, number), to)?;
                    }
                    // Texts alone are no mistake of the record.
                    found = true;
                }
                (ValueSource::All(field), Some(other)) => return Err(wrong_type(field, "an object", other)),
                (_, None) => match self.on_missing {
                    OnMissing::DeadLetter => return Err(missing_field(value.reads())),
                    OnMissing::Skip => missing = missing.or(Some(value.reads())),
                },
            }
        }
        match missing.filter(|_| !found) {
            Some(field) => Err(missing_field(field)),
            None => Ok(()),
        }
    }

    /// An object that brings metric, time, value and perhaps labels itself.
    fn own<E: FnMut(u32, Micros, f64)>(
        &self,
        object: &Object<'_>,
        (metric, ts, value): (&Value<'_>, &Value<'_>, &Value<'_>),
        origin: Origin<'_>,
        to: &mut Target<'_, E>,
    ) -> Result<(), RecordError> {
        let (Value::Text(metric) | Value::Untyped(metric)) = metric else {
            return Err(wrong_type("metric", "a string", metric));
        };
        to.limits.check_name("metric", metric)?;
        let whole = Nested::of(object, None);
        let labels = labels::own(object, to.limits)?;
        let labels = looked_up::add(labels, &whole, to.lookups, to.tables, to.limits)?;
        let ts = self.time.parse("ts", ts)?;
        to.limits.check_time(ts, origin.recorded)?;
        let value = number("value", value, Number::Exact)?;
        to.point(metric, &labels, ts, value)
    }

    /// Whether all conditions hold; a field that is not there counts as empty.
    fn applies(&self, nested: &Nested<'_, '_>) -> Result<bool, RecordError> {
        for When(matcher) in &self.when {
            let text = match nested.get(&matcher.name) {
                Some(value) => label_text(&matcher.name, value)?,
                None => Cow::Borrowed(""),
            };
            if !matcher.matches(&text) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the metrics of an object begin with.
    fn prefix(&self, nested: &Nested<'_, '_>) -> Result<Cow<'_, str>, RecordError> {
        let Some(MetricField { field, prefix }) = &self.metric else {
            return Ok(Cow::Borrowed(&self.metric_prefix));
        };
        let found = nested.get(field).ok_or_else(|| missing_field(field))?;
        Ok(Cow::Owned(format!("{prefix}{}", label_text(field, found)?)))
    }

    /// Whether an object by the same parts was taken a short time ago.
    fn is_duplicate<E: FnMut(u32, Micros, f64)>(
        &self,
        nested: &Nested<'_, '_>,
        origin: Origin<'_>,
        to: &mut Target<'_, E>,
    ) -> Result<bool, RecordError> {
        let Some(dedupe) = &self.dedupe else {
            return Ok(false);
        };
        let key = dedupe.key(nested, origin, to.remembered.hasher())?;
        let is_duplicate = key.is_some_and(|key| to.is_duplicate(key, origin.recorded, dedupe.within));
        if is_duplicate {
            to.left_out.add("duplicate");
        }
        Ok(is_duplicate)
    }

    fn checked_name<'a>(
        &self,
        prefix: &'a str,
        name: &str,
        limits: &Limits,
    ) -> Result<Cow<'a, str>, RecordError> {
        let metric = self.metric_name(prefix, name);
        limits.check_name("metric", &metric)?;
        Ok(metric)
    }

    /// Where a field names the metric, the field `value` adds nothing to it, and one value alone neither.
    fn metric_name<'a>(&self, prefix: &'a str, name: &str) -> Cow<'a, str> {
        let is_single = matches!(
            &*self.values,
            [ValueField {
                from: ValueSource::Field(_),
                name: None,
                ..
            }]
        );
        if self.metric.is_some() && (name == "value" || is_single) {
            return Cow::Borrowed(prefix);
        }
        let mut metric = String::with_capacity(prefix.len() + 1 + name.len());
        if !prefix.is_empty() {
            metric.push_str(prefix);
            metric.push('_');
        }
        metric.extend(name.chars().map(|c| if c == '.' { '_' } else { c }));
        Cow::Owned(metric)
    }

    pub fn has_rates(&self) -> bool {
        self.values.iter().any(|value| value.rate)
    }

    /// Whether no part of the metric comes from the record.
    const fn names_metric_of(&self, value: &ValueField) -> bool {
        self.metric.is_none() && matches!(value.from, ValueSource::Field(_))
    }

    /// The metric that a value becomes, if only the configuration names it.
    pub fn metric(&self, value: &ValueField) -> Option<String> {
        let name = value.name.as_deref().unwrap_or(value.reads());
        let is_fixed = self.names_metric_of(value);
        is_fixed.then(|| self.metric_name(&self.metric_prefix, name).into_owned())
    }
}

fn emit<E: FnMut(u32, Micros, f64)>(
    value: &ValueField,
    metric: &str,
    labels: &Labels<'_>,
    (ts, number): (Micros, f64),
    to: &mut Target<'_, E>,
) -> Result<(), RecordError> {
    match value.rate {
        true => to.rate(metric, labels, ts, number),
        false => to.point(metric, labels, ts, number),
    }
}
