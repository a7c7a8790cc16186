//! Decoded elements become points of series: the mapping of each stream, applied to a batch.
//!
//! Takes a [`RawBatch`] and returns the same batch with its points. A record is all or nothing: one
//! bad element makes the whole record a dead letter.

mod inspect;
mod intake;
mod intern;
mod left_out;
mod limits;
mod lookup;
mod mapping;
mod memory;
mod plan;
mod program;
mod relabel;
mod stream;
mod target;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::data::{Batch, RawBatch, Rejected, SchemaId};
use crate::telemetry::Metrics;

pub use inspect::Inspected;
pub use intake::{Intake, Taken, TakenPoint, Taking};
use intern::Interner;
pub use left_out::LeftOut;
use left_out::Rule;
pub use limits::{AcceptedTime, Limits, humantime_text};
pub use lookup::{Lookup, LookupBy, LookupFrom, LookupSettings, Table, TableBuilder};
pub use mapping::{
    DataPoint, Dedupe, Envelope, Exported, Label, LabelSource, Mapping, MetricField, Nested, Number,
    OnMissing, Origin, Part, TimeField, TimeSource, ValueField, ValueSource, When, Zone, label_text,
    parse_number, visit_export,
};
pub use plan::{StreamPlan, replanned};
pub use program::{Program, ProgramFile, ProgramText};
pub use relabel::Relabel;
use stream::{Shares, Stream, unknown_stream};

/// The plans of all streams and the series seen so far.
#[derive(Debug)]
pub struct Transform {
    streams: HashMap<Arc<str>, Stream>,
    interner: Interner,
}

/// What was left out of a batch, by stream and rule.
#[derive(Debug, Default)]
struct Omitted {
    /// Records without points.
    records: HashMap<(Arc<str>, Rule), u64>,
    /// Points, or objects as a whole, also of the other records.
    parts: HashMap<(Arc<str>, Rule), u64>,
}

impl Transform {
    pub fn new(plans: impl IntoIterator<Item = StreamPlan>) -> Self {
        let mut transform = Self {
            streams: HashMap::new(),
            interner: Interner::default(),
        };
        transform.replan(plans);
        transform
    }

    /// From now on these plans hold. A stream whose plan makes the same of records goes on with what it
    /// remembers.
    pub fn replan(&mut self, plans: impl IntoIterator<Item = StreamPlan>) {
        let plans: Vec<_> = plans.into_iter().collect();
        let shares = Shares::of(&plans);
        let mut before = std::mem::take(&mut self.streams);
        let stream = |plan: StreamPlan| {
            let name = Arc::clone(&plan.name);
            let same = before.remove(&name).filter(|stream| stream.plan.is_same(&plan));
            let stream = match same {
                Some(stream) => stream.go_on(plan, shares),
                None => Stream::new(plan, shares),
            };
            (name, stream)
        };
        self.streams = plans.into_iter().map(stream).collect();
    }

    fn plan(&self, stream: &str) -> Option<&StreamPlan> {
        self.streams.get(stream).map(|stream| &stream.plan)
    }

    /// The schemas that records of the batch need and that must be fetched first.
    pub fn missing(&self, raw: &RawBatch) -> BTreeSet<SchemaId> {
        let mut missing = BTreeSet::new();
        for record in &raw.records {
            let plan = self.plan(&raw.range(record).of.stream);
            if let (Some(plan), Some(payload)) = (plan, raw.payload(record))
                && payload.len() <= plan.limits.record_bytes
            {
                missing.extend(plan.opener.missing(payload, &record.headers));
            }
        }
        missing
    }

    pub fn apply(&mut self, raw: RawBatch, metrics: &Metrics) -> Batch {
        self.streams.values_mut().for_each(Stream::forget_lost);
        let (batch, omitted) = self.mapped(raw);
        for ((stream, rule), n) in omitted.records {
            metrics.add(&metrics.skipped, &[("stream", &*stream), ("rule", rule)], n);
        }
        for ((stream, rule), n) in omitted.parts {
            metrics.add(&metrics.left_out, &[("stream", &*stream), ("rule", rule)], n);
        }
        for (name, stream) in &mut self.streams {
            metrics.add(&metrics.forgotten, &[("stream", &**name)], stream.forgotten());
        }
        batch
    }

    /// The batch with its points, and what was left out of it.
    fn mapped(&mut self, raw: RawBatch) -> (Batch, Omitted) {
        let mut points = Vec::with_capacity(raw.records.len());
        let mut rejected = Vec::new();
        let mut omitted = Omitted::default();
        self.interner.begin_batch();
        self.streams.values_mut().for_each(Stream::begin_batch);

        for (index, record) in (0_u32..).zip(&raw.records) {
            let before = points.len();
            let name = &raw.range(record).of.stream;
            let done = match self.streams.get_mut(name) {
                Some(stream) => stream.points(&raw, index, record, &mut self.interner, &mut points),
                None => Err((unknown_stream(name), None)),
            };
            match done {
                Ok(left_out) => {
                    if points.len() == before {
                        let rule = left_out.first().unwrap_or("no_values");
                        *omitted.records.entry((Arc::clone(name), rule)).or_default() += 1;
                    }
                    for (rule, n) in left_out.counts() {
                        *omitted.parts.entry((Arc::clone(name), rule)).or_default() += n;
                    }
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
        let batch = Batch {
            series: self.interner.end_batch(),
            raw,
            points,
            rejected,
        };
        (batch, omitted)
    }
}

#[cfg(test)]
pub(crate) mod tests;
