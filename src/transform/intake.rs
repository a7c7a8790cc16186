//! Points that come with a request and not in a record of Kafka: each line or sample is taken or refused
//! by itself.

use std::sync::Arc;

use super::intern::Interner;
use super::left_out::{LeftOut, Rule};
use super::limits::Limits;
use super::mapping::{DataPoint, Mapping, Origin, series_labels};
use super::target::{Remembered, Room, Target};
use crate::data::{Decode, Micros, Object, Reason, RecordError, Series};

/// The values of the mappings that are used here have names that come with the request.
static UNNAMED: [Option<String>; 1] = [None];

/// Takes one request after the other, and keeps the series it knows.
#[derive(Debug)]
pub struct Intake {
    interner: Interner,
    remembered: Remembered,
}

/// The points of a request.
#[derive(Debug, Default)]
pub struct Taken {
    pub series: Vec<Arc<Series>>,
    pub points: Vec<TakenPoint>,
    pub left_out: LeftOut,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TakenPoint {
    /// The index of its series.
    pub series: u32,
    pub ts: Micros,
    pub value: f64,
}

/// A request that is being taken.
#[derive(Debug)]
pub struct Taking<'i> {
    intake: &'i mut Intake,
    limits: &'i Limits,
    now: Micros,
    room: Room,
    points: Vec<TakenPoint>,
    left_out: LeftOut,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            interner: Interner::default(),
            remembered: Remembered::new(0, 0),
        }
    }
}

impl Intake {
    /// Points are held to the limits of their stream. `now` is the time of those that have none.
    pub fn begin<'i>(&'i mut self, limits: &'i Limits, body: &[u8], now: Micros) -> Taking<'i> {
        self.interner.begin_batch();
        Taking {
            intake: self,
            limits,
            now,
            room: Room::of_request(body),
            points: Vec::new(),
            left_out: LeftOut::default(),
        }
    }
}

impl Taking<'_> {
    pub const fn now(&self) -> Micros {
        self.now
    }

    pub const fn limits(&self) -> &Limits {
        self.limits
    }

    /// For a body that is an export of OpenTelemetry: its data points may become more points than lines do.
    pub fn make_room_for_export(&mut self, body: &[u8]) {
        self.room = Room::of_export(body);
    }

    /// The points of an object: all or none.
    pub fn object(
        &mut self,
        mapping: &Mapping,
        object: &Object<'_>,
        decoder: &dyn Decode,
    ) -> Result<(), RecordError> {
        let (before, origin) = (self.points.len(), Origin::at(self.now));
        let (room, left_out, done) = {
            let mut to = self.target();
            let done = mapping.points(object, origin, decoder, &mut to);
            (to.room, to.left_out, done)
        };
        self.settle(before, room, left_out, done).map(|_| ())
    }

    /// The points of a data point: all or none. If it has none, the rule by which it is left out.
    pub fn data_point(
        &mut self,
        mapping: &Mapping,
        point: &DataPoint<'_>,
    ) -> Result<Option<Rule>, RecordError> {
        let (before, origin) = (self.points.len(), Origin::at(self.now));
        let (room, left_out, done) = {
            let mut to = self.target();
            let done = mapping.data_point(point, origin, &mut to);
            (to.room, to.left_out, done)
        };
        self.settle(before, room, left_out, done)
    }

    fn target(&mut self) -> Target<'_, impl FnMut(u32, Micros, f64)> {
        let points = &mut self.points;
        Target {
            limits: self.limits,
            room: self.room,
            series: &mut self.intake.interner,
            relabelling: None,
            metrics: &UNNAMED,
            lookups: &[],
            tables: &[],
            remembered: &mut self.intake.remembered,
            left_out: LeftOut::default(),
            emit: |series, ts, value| points.push(TakenPoint { series, ts, value }),
        }
    }

    fn settle(
        &mut self,
        before: usize,
        room: Room,
        left_out: LeftOut,
        done: Result<(), RecordError>,
    ) -> Result<Option<Rule>, RecordError> {
        let rule = left_out.first().filter(|_| self.points.len() == before);
        self.room = room;
        self.left_out.append(left_out);
        if done.is_err() {
            self.points.truncate(before);
        }
        done.map(|()| rule)
    }

    /// The index of a series whose labels come in any order; an empty value is no label.
    pub fn series<'l>(
        &mut self,
        metric: &str,
        labels: impl ExactSizeIterator<Item = (&'l str, &'l str)> + Clone,
    ) -> Result<u32, RecordError> {
        self.limits.check_label_count(labels.len())?;
        // First, so that texts that stand once in a request and are named many times cost no more time.
        let texts = labels.clone().map(|(name, value)| name.len() + value.len());
        self.room.take(metric.len() + texts.sum::<usize>())?;
        self.limits.check_name("metric", metric)?;
        let labels = series_labels(labels, self.limits)?;
        self.intake.interner.index(metric, &labels)
    }

    /// A point of a series of this request.
    pub fn sample(&mut self, series: u32, ts: Micros, value: f64) -> Result<(), RecordError> {
        self.limits.check_time(ts, self.now)?;
        if !value.is_finite() {
            return Err(RecordError::new(Reason::NotFinite, "the value is not finite"));
        }
        self.room.take(size_of::<TakenPoint>())?;
        self.points.push(TakenPoint { series, ts, value });
        Ok(())
    }

    /// A point that has no place here, by this rule.
    pub fn leave_out(&mut self, rule: Rule) {
        self.left_out.add(rule);
    }

    pub fn end(self) -> Taken {
        Taken {
            series: self.intake.interner.end_batch(),
            points: self.points,
            left_out: self.left_out,
        }
    }
}
