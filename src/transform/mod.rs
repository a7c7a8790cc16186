//! Decoded elements become points of series: the mapping of each stream, applied to a batch.
//!
//! Takes a [`RawBatch`] and returns the same batch with its points. A record is all or nothing: one
//! bad element makes the whole record a dead letter.

mod intern;
mod limits;
mod mapping;

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::headers;
use crate::data::{Batch, Decoder, Point, RawBatch, RawRecord, Reason, RecordError, Rejected, Value};
use crate::telemetry::Metrics;

use intern::Interner;
pub use limits::{AcceptedTime, Limits, humantime_text};
pub use mapping::{
    Envelope, Label, LabelSource, Mapping, MetricField, Number, OnMissing, TimeField, TimeSource, ValueField,
    ValueSource, When, label_text,
};
use mapping::{Origin, Rule, Target};

/// Everything needed to turn one stream's records into points.
#[derive(Clone, Debug)]
pub struct StreamPlan {
    pub name: Arc<str>,
    pub decoder: Decoder,
    pub mapping: Mapping,
    pub limits: Limits,
}

enum Outcome {
    Points,
    Skipped(Rule),
}

/// The plans of all streams and the series seen so far.
#[derive(Debug)]
pub struct Transform {
    plans: HashMap<Arc<str>, StreamPlan>,
    interner: Interner,
}

impl Transform {
    pub fn new(plans: impl IntoIterator<Item = StreamPlan>) -> Self {
        Self {
            plans: plans.into_iter().map(|p| (p.name.clone(), p)).collect(),
            interner: Interner::default(),
        }
    }

    pub fn apply(&mut self, raw: RawBatch, metrics: &Metrics) -> Batch {
        let mut points = Vec::with_capacity(raw.records.len());
        let mut rejected = Vec::new();
        let mut skipped: HashMap<(&str, Rule), u64> = HashMap::new();
        self.interner.begin_batch();

        for (index, record) in (0_u32..).zip(&raw.records) {
            let before = points.len();
            match self.record(&raw, index, record, &mut points) {
                Ok(Outcome::Points) => {}
                Ok(Outcome::Skipped(rule)) => {
                    *skipped.entry((&*raw.range(record).of.stream, rule)).or_default() += 1;
                }
                Err((error, element)) => {
                    points.truncate(before);
                    rejected.push(Rejected {
                        record: index,
                        reason: error.reason,
                        detail: error.detail,
                        element,
                    });
                }
            }
        }

        for ((stream, rule), n) in skipped {
            metrics.add(&metrics.skipped, &[("stream", stream), ("rule", rule)], n);
        }
        Batch {
            series: self.interner.end_batch(),
            raw,
            points,
            rejected,
        }
    }

    fn record(
        &mut self,
        raw: &RawBatch,
        index: u32,
        record: &RawRecord,
        points: &mut Vec<Point>,
    ) -> Result<Outcome, (RecordError, Option<u32>)> {
        let stream = &raw.range(record).of.stream;
        let Some(plan) = self.plans.get(stream) else {
            return Err((unknown_stream(stream), None));
        };
        let named = record.headers.iter().find(|h| h.name == headers::STREAM);
        if let Some(named) = named.filter(|h| h.value != stream.as_bytes()) {
            return Err((unknown_stream(&String::from_utf8_lossy(&named.value)), None));
        }
        let Some(payload) = raw.payload(record) else {
            return Ok(Outcome::Skipped("tombstone"));
        };
        let limits = &plan.limits;
        limits.check_size(payload).map_err(whole)?;
        let payload = plan.decoder.open(payload).map_err(whole)?;
        let decoded = plan.decoder.decode(&payload).map_err(whole)?;

        let before = points.len();
        let origin = Origin {
            recorded: record.timestamp,
            key: raw.key(record),
            headers: &record.headers,
            partition: raw.range(record).of.partition,
        };
        let mut to = Target {
            limits,
            series: &mut self.interner,
            emit: |series, ts, value| {
                points.push(Point {
                    record: index,
                    series,
                    ts,
                    value,
                });
            },
        };
        let mut rule = "no_values";
        let mut element = |value: &Value<'_>| match value {
            Value::Object(object) => {
                let skipped = plan.mapping.points(object, origin, &*plan.decoder, &mut to)?;
                rule = skipped.unwrap_or(rule);
                Ok(())
            }
            other => {
                let detail = format!("expected an object, found {}", other.kind());
                Err(RecordError::new(Reason::WrongType, detail))
            }
        };
        match &decoded {
            Value::List(items) => {
                for (at, item) in (0_u32..).zip(items) {
                    element(item).map_err(|error| (error, Some(at)))?;
                }
            }
            single => element(single).map_err(whole)?,
        }
        Ok(if points.len() > before {
            Outcome::Points
        } else {
            Outcome::Skipped(rule)
        })
    }
}

/// An error of the record and not of one element.
const fn whole(error: RecordError) -> (RecordError, Option<u32>) {
    (error, None)
}

fn unknown_stream(name: &str) -> RecordError {
    let short: String = name.chars().take(100).collect();
    RecordError::new(
        Reason::UnknownStream,
        format!("no stream '{short}' reads this topic"),
    )
}

#[cfg(test)]
mod tests;
