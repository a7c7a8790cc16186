//! Where the points of a record go.

use std::sync::Arc;
use std::time::Duration;

use super::intern::Interner;
use super::left_out::{LeftOut, Rule};
use super::limits::Limits;
use super::lookup::{Lookup, Table};
use super::memory::{Hasher, Key, Memory};
use super::relabel::Relabelling;
use crate::data::{Micros, Reason, RecordError};

/// Of a point besides its metric and labels.
const POINT: usize = 64;
/// What the points of a record may take for each of its bytes as Kafka has them, and if it has few. Without a
/// bound a few bytes could become gigabytes: compressed ones, or fields behind labels of many bytes.
const BYTES_FOR_EACH: usize = 256;
const BYTES_AT_LEAST: usize = 64 << 10;
/// The same of a request, of which many are taken at once.
const REQUEST_BYTES_FOR_EACH: usize = 16;
/// The same of an export of OpenTelemetry, as long as that is no more than so many bytes: each bucket of a
/// histogram becomes a point with all labels.
const EXPORT_BYTES_FOR_EACH: usize = 256;
const EXPORT_BYTES_MAX: usize = 64 << 20;

#[derive(Debug)]
pub struct Target<'t, E> {
    pub limits: &'t Limits,
    pub room: Room,
    pub series: &'t mut Interner,
    /// Of a stream that relabels.
    pub relabelling: Option<Relabelling<'t>>,
    /// The metric of each value of the mapping, where no part of it comes from the record.
    pub metrics: &'t [Option<String>],
    /// Each with its table, if that is loaded.
    pub lookups: &'t [Lookup],
    pub tables: &'t [Option<Arc<Table>>],
    pub remembered: &'t mut Remembered,
    pub left_out: LeftOut,
    /// Takes the index of the series, time and value.
    pub emit: E,
}

/// What a stream remembers of its records.
#[derive(Debug)]
pub struct Remembered {
    hasher: Hasher,
    /// When objects were taken, for `dedupe`.
    seen: Memory<Micros>,
    /// The last point of each counter.
    counters: Memory<(Micros, f64)>,
}

impl Remembered {
    /// At most so many objects and counters.
    pub fn new(seen: usize, counters: usize) -> Self {
        Self {
            hasher: Hasher::default(),
            seen: Memory::new(seen),
            counters: Memory::new(counters),
        }
    }

    /// At most so many from now on.
    pub const fn share(&mut self, seen: usize, counters: usize) {
        self.seen.share(seen);
        self.counters.share(counters);
    }

    pub fn forget_lost(&mut self) {
        self.seen.forget_lost();
        self.counters.forget_lost();
    }

    pub const fn seen(&mut self) -> &mut Memory<Micros> {
        &mut self.seen
    }

    pub const fn counters(&mut self) -> &mut Memory<(Micros, f64)> {
        &mut self.counters
    }

    pub const fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// The record became a dead letter.
    pub fn undo(&mut self) {
        self.seen.undo();
        self.counters.undo();
    }

    /// Keys that were forgotten for lack of room since it was last asked.
    pub fn forgotten(&mut self) -> u64 {
        self.seen.forgotten() + self.counters.forgotten()
    }
}

/// Bytes that the points of a record may still take.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    left: usize,
    whole: usize,
}

impl Room {
    pub const fn of(payload: &[u8]) -> Self {
        Self::with(payload.len().saturating_mul(BYTES_FOR_EACH))
    }

    pub const fn of_request(body: &[u8]) -> Self {
        Self::with(body.len().saturating_mul(REQUEST_BYTES_FOR_EACH))
    }

    pub fn of_export(body: &[u8]) -> Self {
        let bytes = body.len().saturating_mul(EXPORT_BYTES_FOR_EACH);
        let request = body.len().saturating_mul(REQUEST_BYTES_FOR_EACH);
        Self::with(bytes.min(EXPORT_BYTES_MAX).max(request))
    }

    const fn with(bytes: usize) -> Self {
        let whole = bytes.saturating_add(BYTES_AT_LEAST);
        Self { left: whole, whole }
    }

    pub fn take(&mut self, bytes: usize) -> Result<(), RecordError> {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => {
                let detail = format!(
                    "its points and their series take more than {} bytes, far more than the record has",
                    self.whole
                );
                return Err(RecordError::new(Reason::RecordTooLarge, detail));
            }
        }
        Ok(())
    }
}

impl<E: FnMut(u32, Micros, f64)> Target<'_, E> {
    /// Labels come sorted and unique.
    pub fn point<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        metric: &str,
        labels: &[(N, V)],
        ts: Micros,
        value: f64,
    ) -> Result<(), RecordError> {
        let lengths = labels.iter().map(|(n, v)| n.as_ref().len() + v.as_ref().len());
        self.room.take(POINT + metric.len() + lengths.sum::<usize>())?;
        let series = match &mut self.relabelling {
            None => Some(self.series.index(metric, labels)?),
            Some(relabelling) => relabelling.index(metric, labels, self.limits, self.series)?,
        };
        match series {
            Some(series) => (self.emit)(series, ts, value),
            None => self.left_out.add("relabel"),
        }
        Ok(())
    }

    /// The same of a counter, by how much it grew for each second since its last point.
    pub fn rate<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        metric: &str,
        labels: &[(N, V)],
        ts: Micros,
        counter: f64,
    ) -> Result<(), RecordError> {
        let texts = labels
            .iter()
            .flat_map(|(name, value)| [name.as_ref(), value.as_ref()]);
        let texts: Vec<&str> = [metric].into_iter().chain(texts).collect();
        let key = self.remembered.hasher.key(&texts);
        match rate(self.remembered.counters.get(key), ts, counter) {
            Ok(rate) if !rate.is_finite() => {
                let detail = format!("the rate of '{metric}' is no finite number of 64 bits");
                Err(RecordError::new(Reason::NotFinite, detail))
            }
            Ok(rate) => {
                self.remembered.counters.put(key, (ts, counter));
                self.point(metric, labels, ts, rate)
            }
            Err(rule) => {
                if rule == FIRST {
                    self.remembered.counters.put(key, (ts, counter));
                }
                self.left_out.add(rule);
                Ok(())
            }
        }
    }

    /// Whether it was taken within this time. Otherwise it is taken now.
    pub fn is_duplicate(&mut self, key: Key, recorded: Micros, within: Duration) -> bool {
        let near = |before: Micros| recorded <= before.plus(within) && before <= recorded.plus(within);
        let is_duplicate = self.remembered.seen.get(key).is_some_and(near);
        if !is_duplicate {
            self.remembered.seen.put(key, recorded);
        }
        is_duplicate
    }
}

const FIRST: Rule = "first_of_rate";

/// A counter that is less than before began at 0 again, as in Prometheus.
fn rate(before: Option<(Micros, f64)>, ts: Micros, counter: f64) -> Result<f64, Rule> {
    let (since, from) = before.ok_or(FIRST)?;
    if ts <= since {
        return Err("rate_out_of_order");
    }
    let grown = if counter < from { counter } else { counter - from };
    let micros = ts.0.saturating_sub(since.0);
    Ok(grown / (micros as f64 / 1e6))
}
