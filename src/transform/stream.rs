//! One stream: its plan, what it remembers, and from one record to its points.

use std::sync::Arc;

use super::intern::Interner;
use super::left_out::LeftOut;
use super::lookup::{Lookup, Table};
use super::mapping::{Mapping, Origin};
use super::plan::StreamPlan;
use super::relabel::{Relabelled, Relabelling};
use super::target::{Remembered, Room, Target};
use crate::data::headers;
use crate::data::{Assigned, Micros, Object, Point, RawBatch, RawRecord, Reason, RecordError, Value};

/// What all streams may remember together, of each kind: some 100 MB.
const REMEMBERED_MAX: usize = 1_000_000;

/// Among how many streams the memory of each kind is shared out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    relabelling: usize,
    dedupe: usize,
    rates: usize,
}

impl Shares {
    pub fn of(plans: &[StreamPlan]) -> Self {
        let count = |is: fn(&StreamPlan) -> bool| plans.iter().filter(|plan| is(plan)).count().max(1);
        Self {
            relabelling: count(|plan| !plan.relabel.is_empty()),
            dedupe: count(|plan| plan.mapping.dedupe.is_some()),
            rates: count(|plan| plan.mapping.has_rates()),
        }
    }
}

/// A plan and what it remembers.
#[derive(Debug)]
pub(super) struct Stream {
    pub plan: StreamPlan,
    relabelled: Relabelled,
    remembered: Remembered,
    /// Of the lookups, as they are for the batch.
    tables: Vec<Option<Arc<Table>>>,
    /// The metric of each value of the mapping, where no part of it comes from the record.
    metrics: Vec<Option<String>>,
    /// For the points that StreamSync wrote.
    unmapped: Mapping,
}

impl Stream {
    pub fn new(plan: StreamPlan, shares: Shares) -> Self {
        let mapping = &plan.mapping;
        Self {
            relabelled: Relabelled::one_of(shares.relabelling),
            remembered: Remembered::new(REMEMBERED_MAX / shares.dedupe, REMEMBERED_MAX / shares.rates),
            tables: Vec::new(),
            metrics: mapping.values.iter().map(|value| mapping.metric(value)).collect(),
            unmapped: Mapping::default(),
            plan,
        }
    }

    /// With a plan that makes the same of records.
    pub fn go_on(mut self, plan: StreamPlan, shares: Shares) -> Self {
        self.relabelled.share(shares.relabelling);
        self.remembered
            .share(REMEMBERED_MAX / shares.dedupe, REMEMBERED_MAX / shares.rates);
        Self { plan, ..self }
    }

    /// Partitions that are no longer this node's leave their room to the others.
    pub fn forget_lost(&mut self) {
        self.remembered.forget_lost();
    }

    /// Before each batch, which has one state of the tables.
    pub fn begin_batch(&mut self) {
        self.tables = self.plan.lookups.iter().map(Lookup::table).collect();
    }

    /// Keys that were forgotten for lack of room since it was last asked.
    pub fn forgotten(&mut self) -> u64 {
        self.remembered.forgotten()
    }

    /// Adds the points of a record, or says why it becomes a dead letter and which element is to blame.
    pub fn points(
        &mut self,
        raw: &RawBatch,
        index: u32,
        record: &RawRecord,
        series: &mut Interner,
        points: &mut Vec<Point>,
    ) -> Result<LeftOut, (RecordError, Option<u32>)> {
        self.begin(&raw.range(record).of, record.timestamp);
        let done = self.record(raw, index, record, series, points);
        if done.is_err() {
            self.remembered.undo();
        }
        done
    }

    fn begin(&mut self, of: &Arc<Assigned>, recorded: Micros) {
        let mapping = &self.plan.mapping;
        if let Some(dedupe) = &mapping.dedupe {
            self.remembered.seen().begin(of, recorded, Some(dedupe.within));
        }
        if mapping.has_rates() {
            self.remembered.counters().begin(of, recorded, None);
        }
    }

    fn record(
        &mut self,
        raw: &RawBatch,
        index: u32,
        record: &RawRecord,
        series: &mut Interner,
        points: &mut Vec<Point>,
    ) -> Result<LeftOut, (RecordError, Option<u32>)> {
        let plan = &self.plan;
        let named = headers::stream(&record.headers);
        if let Some(named) = named.filter(|name| *name != plan.name.as_bytes()) {
            return Err((unknown_stream(&String::from_utf8_lossy(named)), None));
        }
        let Some(payload) = raw.payload(record) else {
            return Ok(LeftOut::one("tombstone"));
        };
        let limits = &plan.limits;
        limits.check_size(payload).map_err(whole)?;
        let opened = plan.opener.open(payload, &record.headers).map_err(whole)?;
        let decoded = opened.decode().map_err(whole)?;

        let are_points = headers::are_of_points(&record.headers);
        let mapping = match are_points {
            true => &self.unmapped,
            false => &plan.mapping,
        };
        let origin = Origin {
            recorded: record.timestamp,
            key: raw.key(record),
            headers: &record.headers,
            partition: raw.range(record).of.partition,
        };
        let mut to = Target {
            limits,
            room: Room::of(payload),
            series,
            relabelling: Relabelling::of(&plan.relabel, &mut self.relabelled),
            metrics: &self.metrics,
            lookups: &plan.lookups,
            tables: &self.tables,
            remembered: &mut self.remembered,
            left_out: LeftOut::default(),
            emit: |series, ts, value| {
                points.push(Point {
                    record: index,
                    series,
                    ts,
                    value,
                });
            },
        };
        let program = plan.program.as_ref().filter(|_| !are_points);
        let mut program = program.map(|program| program.begin(payload.len(), origin));
        let mut element = |value: &Value<'_>| {
            let Value::Object(object) = value else {
                let detail = format!("expected an object, found {}", value.kind());
                return Err(RecordError::new(Reason::WrongType, detail));
            };
            let mut map = |object: &Object<'_>| mapping.points(object, origin, &*opened.decoder, &mut to);
            match &mut program {
                None => map(object)?,
                Some(program) => {
                    if !program.objects(object, &mut map)? {
                        to.left_out.add("transform");
                    }
                }
            }
            Ok(())
        };
        match &decoded {
            Value::List(items) => {
                for (at, item) in (0_u32..).zip(items) {
                    element(item).map_err(|error| (error, Some(at)))?;
                }
            }
            single => element(single).map_err(whole)?,
        }
        Ok(to.left_out)
    }
}

/// An error of the record and not of one element.
const fn whole(error: RecordError) -> (RecordError, Option<u32>) {
    (error, None)
}

pub(super) fn unknown_stream(name: &str) -> RecordError {
    let short: String = name.chars().take(100).collect();
    RecordError::new(
        Reason::UnknownStream,
        format!("no stream '{short}' reads this topic"),
    )
}
