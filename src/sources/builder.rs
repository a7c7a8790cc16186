//! Records to batches: one arena of bytes, and per partition the range of offsets it covers.
//!
//! Records come as Kafka hands them out, with natural gaps in their offsets (compaction, transaction
//! markers). The ranges of the [`RawBatch`]es have no gap: each begins where the partition's range
//! before it ended.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::native::events::{End, Record, Seek};
use crate::data::{Assigned, LeaderEpoch, Micros, OffsetRange, Permit, RawBatch, RawRecord};

/// What a record costs beyond its bytes, charged to the credits: its `RawRecord` (about 100
/// bytes), its decoded points, and its row in the COPY buffer.
const RECORD_OVERHEAD: usize = 256;

/// What a header costs beyond its bytes: two allocations and their owners.
const HEADER_OVERHEAD: usize = 96;

/// A partition being read: `next` is where its next range begins.
#[derive(Debug)]
struct Reading {
    of: Arc<Assigned>,
    next: i64,
    /// Of the last record below `next`, as far as it is known.
    leader_epoch: Option<LeaderEpoch>,
    /// Its records are left out for now. It will be read from `next` again.
    held: bool,
    /// Index of its range in the batch under way.
    open: Option<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Builder {
    readings: Vec<Reading>,
    /// Topic -> partition -> index into `readings`.
    index: HashMap<Arc<str>, HashMap<i32, usize>>,
    /// The reading of the last record: records come in runs.
    last: usize,
    ranges: Vec<OffsetRange>,
    records: Vec<RawRecord>,
    arena: Vec<u8>,
    header_bytes: usize,
}

impl Builder {
    /// Begins to read a partition at `next`. It is held if Kafka is to be asked first whether its log
    /// is still the one that was read before.
    pub fn assign(&mut self, of: Arc<Assigned>, next: i64, leader_epoch: Option<LeaderEpoch>) {
        self.revoke(&of.topic, of.partition);
        self.readings.push(Reading {
            of,
            next,
            leader_epoch,
            held: leader_epoch.is_some(),
            open: None,
        });
        self.reindex();
    }

    /// Forgets a partition with its records in the batch under way. Its next owner reads them again.
    pub fn revoke(&mut self, topic: &str, partition: i32) {
        let Some(at) = self.find(topic, partition) else {
            return;
        };
        self.discard(at);
        self.readings.remove(at);
        self.reindex();
    }

    /// Drops a stream's records from the batch under way, and leaves out what comes until
    /// [`Self::release`].
    pub fn hold_stream(&mut self, stream: &str) {
        for at in 0..self.readings.len() {
            if &*self.readings[at].of.stream == stream {
                self.discard(at);
                self.readings[at].held = true;
            }
        }
    }

    /// Leaves out the records of a partition that was just assigned.
    pub fn hold(&mut self, topic: &str, partition: i32) {
        if let Some(at) = self.find(topic, partition) {
            self.readings[at].held = true;
        }
    }

    /// Where the held partitions must be read from, without those that are left out by `but`.
    pub fn held(&self, but: impl Fn(&Assigned) -> bool) -> Vec<Seek> {
        let held = self.readings.iter().filter(|reading| reading.held);
        held.filter(|reading| !but(&reading.of))
            .map(|reading| Seek {
                topic: reading.of.topic.to_string(),
                partition: reading.of.partition,
                offset: reading.leader_epoch.map_or(reading.next, |at| at.offset),
                leader_epoch: reading.leader_epoch.map(|at| at.epoch),
            })
            .collect()
    }

    /// The partition has been moved: what comes from now on counts.
    pub fn release(&mut self, topic: &str, partition: i32) {
        if let Some(at) = self.find(topic, partition) {
            self.readings[at].held = false;
        }
    }

    /// Takes a record. One that was read before, or whose partition is not read, is left out.
    pub fn push(&mut self, message: &Record<'_>) {
        let Some(at) = self.find(message.topic(), message.partition()) else {
            return;
        };
        let offset = message.offset();
        if self.readings[at].held || offset < self.next(at) {
            return;
        }
        let range = self.open(at);
        let leader_epoch = message.leader_epoch().map(|epoch| LeaderEpoch {
            epoch,
            offset: offset + 1,
        });
        let open = &mut self.ranges[range as usize];
        open.to = offset + 1;
        open.leader_epoch = leader_epoch;
        let key = message.key().map(|key| self.keep(key));
        let payload = message.payload().map(|payload| self.keep(payload));
        let headers = message.headers();
        self.header_bytes += headers
            .iter()
            .map(|header| HEADER_OVERHEAD + header.name.len() + header.value.len())
            .sum::<usize>();
        self.records.push(RawRecord {
            range,
            offset,
            timestamp: timestamp(message),
            key,
            payload,
            headers,
        });
    }

    /// Takes the end of a partition. Everything before it is read, or Kafka never hands it out
    /// (transaction markers, aborted records, records removed by compaction).
    pub fn end(&mut self, end: &End) {
        let Some(at) = self.find(&end.topic, end.partition) else {
            return;
        };
        if self.readings[at].held || end.offset <= self.next(at) {
            return;
        }
        let range = self.open(at);
        self.ranges[range as usize].to = end.offset;
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub fn is_full(&self, records: usize, bytes: usize) -> bool {
        self.records.len() >= records || self.cost() >= bytes
    }

    /// What the batch takes from the credits, in bytes.
    pub fn cost(&self) -> usize {
        let entries = self.records.len().max(self.ranges.len());
        self.arena.len() + self.header_bytes + entries * RECORD_OVERHEAD
    }

    /// Ends the batch under way.
    pub fn take(&mut self, permit: Permit) -> RawBatch {
        for reading in &mut self.readings {
            if let Some(range) = reading.open.take() {
                let range = &self.ranges[range as usize];
                reading.next = range.to;
                reading.leader_epoch = range.leader_epoch.or(reading.leader_epoch);
            }
        }
        self.header_bytes = 0;
        // The next batch will be about as large as this one.
        let (records, bytes) = (self.records.len(), self.arena.len());
        RawBatch {
            ranges: std::mem::take(&mut self.ranges),
            records: std::mem::replace(&mut self.records, Vec::with_capacity(records)),
            arena: std::mem::replace(&mut self.arena, Vec::with_capacity(bytes)),
            permit,
        }
    }

    pub fn partitions(&self) -> impl Iterator<Item = &Arc<Assigned>> {
        self.readings.iter().map(|reading| &reading.of)
    }

    /// The partition's next offset, behind what the batch under way has of it.
    fn next(&self, at: usize) -> i64 {
        let reading = &self.readings[at];
        let open = reading.open.map(|range| self.ranges[range as usize].to);
        open.unwrap_or(reading.next)
    }

    /// The partition's range in the batch under way.
    fn open(&mut self, at: usize) -> u32 {
        let reading = &mut self.readings[at];
        if let Some(range) = reading.open {
            return range;
        }
        let range = self.ranges.len() as u32;
        reading.open = Some(range);
        self.ranges.push(OffsetRange {
            of: Arc::clone(&reading.of),
            from: reading.next,
            to: reading.next,
            leader_epoch: None,
        });
        range
    }

    /// Takes a reading's range out of the batch under way; its bytes stay in the arena, unused.
    fn discard(&mut self, at: usize) {
        let Some(gone) = self.readings[at].open.take() else {
            return;
        };
        self.ranges.remove(gone as usize);
        self.records.retain(|record| record.range != gone);
        for record in &mut self.records {
            record.range -= u32::from(record.range > gone);
        }
        for open in self.readings.iter_mut().filter_map(|r| r.open.as_mut()) {
            *open -= u32::from(*open > gone);
        }
    }

    fn find(&mut self, topic: &str, partition: i32) -> Option<usize> {
        let is_it = |r: &Reading| r.of.partition == partition && &*r.of.topic == topic;
        if self.readings.get(self.last).is_some_and(is_it) {
            return Some(self.last);
        }
        self.last = *self.index.get(topic)?.get(&partition)?;
        Some(self.last)
    }

    fn reindex(&mut self) {
        self.last = 0;
        self.index.clear();
        for (at, reading) in self.readings.iter().enumerate() {
            self.index
                .entry(Arc::clone(&reading.of.topic))
                .or_default()
                .insert(reading.of.partition, at);
        }
    }

    /// librdkafka takes no record above 1 GB and a batch ends at a few MiB, so `u32` suffices.
    fn keep(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(bytes);
        start..self.arena.len() as u32
    }
}

/// Only records of message format 0 (older than Kafka 0.10, unknown since 4.0) come without a
/// timestamp. Kafka has no time for them that would be the same at a replay, so they get the time of
/// reading.
fn timestamp(message: &Record<'_>) -> Micros {
    message.timestamp().map_or_else(Micros::now, Micros::from_millis)
}
