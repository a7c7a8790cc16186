//! From one decoded object to its points: by the stream's mapping, or unmapped.
//!
//! An object that has `metric`, `ts` and `value`, perhaps `labels`, and in a stream with a mapping
//! nothing else, needs none. Otherwise each value of the mapping becomes a point: its metric is
//! `<prefix>_<field>`, or the text of a field, and all points of an object share time and labels.

mod envelope;
mod errors;
mod labels;
mod nested;
mod numbers;
mod origin;
mod settings;
mod times;
mod zone;

use std::borrow::Cow;

use super::intern::Interner;
use super::limits::Limits;
use crate::data::{Decode, Micros, Object, RecordError, TimeUnit, Value};

pub use envelope::Envelope;
pub use errors::Rule;
use errors::{missing_field, wrong_type};
use labels::Labels;
use nested::Nested;
pub use numbers::label_text;
use numbers::number;
pub use origin::Origin;
pub use settings::{
    Label, LabelSource, MetricField, Number, OnMissing, TimeField, TimeSource, ValueField, ValueSource, When,
};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// May be empty.
    pub metric_prefix: String,
    pub envelope: Option<Envelope>,
    /// The path to the objects of a record, each of which has points; their outer fields count too.
    pub each: Option<String>,
    pub when: Vec<When>,
    pub time: TimeField,
    pub metric: Option<MetricField>,
    pub labels: Vec<Label>,
    pub values: Vec<ValueField>,
    pub on_missing: OnMissing,
}

/// Where the points of a record go.
#[derive(Debug)]
pub struct Target<'t, E> {
    pub limits: &'t Limits,
    pub series: &'t mut Interner,
    /// Takes the index of the series, time and value.
    pub emit: E,
}

impl Mapping {
    /// Of records that name all they have, in `tags` and `fields`: `<metric>_<field>` with the tags, as
    /// Telegraf does it for Prometheus. One without a time has that of its Kafka record.
    pub fn of_fields_and_tags(self, metric: &str, time: &str, unit: TimeUnit) -> Self {
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
        let tags = Label {
            from: LabelSource::All("tags".to_owned()),
            name: String::new(),
        };
        Self {
            time: if self.time == TimeField::default() {
                time
            } else {
                self.time
            },
            metric: self.metric.or(Some(metric)),
            labels: self.labels.into_iter().chain([tags]).collect(),
            values: vec![ValueField::new(ValueSource::All("fields".to_owned()))],
            ..self
        }
    }

    /// Hands on each point of the object, or of the objects in it that envelope and `each` name. Where
    /// something was left out it says by which rule.
    pub fn points<E: FnMut(u32, Micros, f64)>(
        &self,
        object: &Object<'_>,
        origin: Origin<'_>,
        decoder: &dyn Decode,
        to: &mut Target<'_, E>,
    ) -> Result<Option<Rule>, RecordError> {
        let whole = Nested { object, outer: None };
        let mut inside = |nested: &Nested<'_, '_>| self.inside(nested, origin, to);
        match self.envelope {
            Some(envelope) => envelope.open(&whole, origin, decoder, &mut inside),
            None => inside(&whole),
        }
    }

    fn inside<E: FnMut(u32, Micros, f64)>(
        &self,
        nested: &Nested<'_, '_>,
        origin: Origin<'_>,
        to: &mut Target<'_, E>,
    ) -> Result<Option<Rule>, RecordError> {
        let Some(path) = &self.each else {
            return self.element(nested, origin, to);
        };
        let mut rule = None;
        let found = nested.walk(path, &mut |nested| {
            rule = self.element(nested, origin, to)?.or(rule);
            Ok(())
        })?;
        match found || self.on_missing == OnMissing::Skip {
            true => Ok(rule),
            false => Err(missing_field(path)),
        }
    }

    fn element<E: FnMut(u32, Micros, f64)>(
        &self,
        nested: &Nested<'_, '_>,
        origin: Origin<'_>,
        to: &mut Target<'_, E>,
    ) -> Result<Option<Rule>, RecordError> {
        let object = nested.object;
        // Beside a mapping an object with more fields than these may have them to be mapped.
        let own = |name: &str| matches!(name, "metric" | "labels" | "ts" | "value");
        if self.values.is_empty() || (self.each.is_none() && object.0.iter().all(|(name, _)| own(name))) {
            if let (Some(metric), Some(ts), Some(value)) =
                (object.get("metric"), object.get("ts"), object.get("value"))
            {
                self.own(object, (metric, ts, value), origin, to)?;
                return Ok(None);
            }
            if self.values.is_empty() {
                let missing = ["metric", "ts", "value"]
                    .into_iter()
                    .find(|name| object.get(name).is_none());
                return Err(missing_field(missing.unwrap_or("value")));
            }
        }
        if !self.applies(nested)? {
            return Ok(Some("when"));
        }
        let ts = self.time.of(nested.get(&self.time.field), origin.recorded)?;
        to.limits.check_time(ts, origin.recorded)?;
        let prefix = self.prefix(nested)?;
        let labels = labels::of(&self.labels, nested, origin, self.on_missing, to.limits)?;
        let mut missing = None;
        let mut found = false;
        for value in &self.values {
            match (&value.from, nested.get(value.reads())) {
                (ValueSource::Field(field), Some(found_value)) => {
                    let name = value.name.as_deref().unwrap_or(field);
                    let number = value.of(field, found_value)?;
                    self.emit(value, &prefix, name, &labels, (ts, number), to)?;
                    found = true;
                }
                (ValueSource::All(_), Some(Value::Object(fields))) => {
                    let numbers = fields.0.iter().filter(|(_, field)| value.takes(field));
                    for (name, field) in numbers {
                        let number = value.of(name, field)?;
                        self.emit(value, &prefix, name, &labels, (ts, number), to)?;
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
            None => Ok(None),
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
        let labels = labels::own(object, to.limits)?;
        let ts = self.time.parse("ts", ts)?;
        to.limits.check_time(ts, origin.recorded)?;
        let value = number("value", value, Number::Exact)?;
        (to.emit)(to.series.index(metric, &labels)?, ts, value);
        Ok(())
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

    fn emit<E: FnMut(u32, Micros, f64)>(
        &self,
        value: &ValueField,
        prefix: &str,
        name: &str,
        labels: &Labels<'_>,
        (ts, number): (Micros, f64),
        to: &mut Target<'_, E>,
    ) -> Result<(), RecordError> {
        let metric = self.metric_name(prefix, name);
        // One that the configuration names was checked with it.
        if !self.names_metric_of(value) {
            to.limits.check_name("metric", &metric)?;
        }
        (to.emit)(to.series.index(&metric, labels)?, ts, number);
        Ok(())
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
        let name = name.replace('.', "_");
        match prefix.is_empty() {
            true => Cow::Owned(name),
            false => Cow::Owned(format!("{prefix}_{name}")),
        }
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
