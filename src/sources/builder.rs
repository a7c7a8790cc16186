//! Records to batches: one arena of bytes, and per partition the range of offsets it covers.
//!
//! In come records as Kafka hands them out, with natural gaps in their offsets (compaction,
//! transaction markers); out go [`RawBatch`]es whose shares join without a hole: each begins
//! where the partition's share before it ended.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Message};

use super::native;
use crate::data::{Assigned, Micros, Permit, RawBatch, RawRecord, Share};

/// What a record costs beyond its bytes, charged to the credits: its `RawRecord` (about 100
/// bytes), its decoded points, and its row in the COPY buffer.
const RECORD_OVERHEAD: usize = 256;

/// What a header costs beyond its bytes: two allocations and their owners.
const HEADER_OVERHEAD: usize = 96;

/// A partition being read: `next` is where its next share begins.
#[derive(Debug)]
struct Reading {
    of: Arc<Assigned>,
    next: i64,
    /// Index of its share in the batch under way.
    open: Option<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Builder {
    readings: Vec<Reading>,
    /// Topic -> partition -> index into `readings`.
    index: HashMap<Arc<str>, HashMap<i32, usize>>,
    /// The reading of the last record: records come in runs.
    last: usize,
    shares: Vec<Share>,
    records: Vec<RawRecord>,
    arena: Vec<u8>,
    header_bytes: usize,
}

impl Builder {
    /// Begins to read a partition at `next`.
    pub fn assign(&mut self, of: Arc<Assigned>, next: i64) {
        self.revoke(&of.topic, of.partition);
        self.readings.push(Reading { of, next, open: None });
        self.reindex();
    }

    /// Forgets a partition and what of it was not handed over; its next owner reads that again.
    pub fn revoke(&mut self, topic: &str, partition: i32) {
        let Some(at) = self.find(topic, partition) else {
            return;
        };
        self.discard(at);
        self.readings.remove(at);
        self.reindex();
    }

    /// Drops what of a stream was not handed over, as its reading stops for this generation.
    pub fn discard_stream(&mut self, stream: &str) {
        for at in 0..self.readings.len() {
            if &*self.readings[at].of.stream == stream {
                self.discard(at);
            }
        }
    }

    /// Takes a record; one of a partition that is not read, or below what was read, is left out.
    pub fn push(&mut self, message: &BorrowedMessage<'_>) {
        let Some(at) = self.find(message.topic(), message.partition()) else {
            return;
        };
        let offset = message.offset();
        let reading = &self.readings[at];
        let next = reading
            .open
            .map_or(reading.next, |share| self.shares[share as usize].to);
        if offset < next {
            return;
        }
        let share = match reading.open {
            Some(share) => share,
            None => self.open(at),
        };
        self.shares[share as usize].to = offset + 1;
        let key = message.key().map(|key| self.keep(key));
        let payload = message.payload().map(|payload| self.keep(payload));
        let headers = native::headers(message);
        self.header_bytes += headers
            .iter()
            .map(|header| HEADER_OVERHEAD + header.name.len() + header.value.len())
            .sum::<usize>();
        self.records.push(RawRecord {
            share,
            offset,
            timestamp: timestamp(message),
            key,
            payload,
            headers,
        });
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn is_full(&self, records: usize, bytes: usize) -> bool {
        self.records.len() >= records || self.cost() >= bytes
    }

    /// What the batch takes from the credits, in bytes.
    pub fn cost(&self) -> usize {
        self.arena.len() + self.header_bytes + self.records.len() * RECORD_OVERHEAD
    }

    /// The records of each stream in the batch under way.
    pub fn counts(&self) -> HashMap<Arc<str>, u64> {
        let mut by_share = vec![0_u64; self.shares.len()];
        for record in &self.records {
            by_share[record.share as usize] += 1;
        }
        let mut by_stream: HashMap<Arc<str>, u64> = HashMap::new();
        for (share, count) in self.shares.iter().zip(by_share) {
            *by_stream.entry(Arc::clone(&share.of.stream)).or_default() += count;
        }
        by_stream
    }

    /// Ends the batch under way.
    pub fn take(&mut self, generation: u64, permit: Permit) -> RawBatch {
        for reading in &mut self.readings {
            if let Some(share) = reading.open.take() {
                reading.next = self.shares[share as usize].to;
            }
        }
        self.header_bytes = 0;
        // The next batch will be about as large as this one.
        let (records, bytes) = (self.records.len(), self.arena.len());
        RawBatch {
            generation,
            shares: std::mem::take(&mut self.shares),
            records: std::mem::replace(&mut self.records, Vec::with_capacity(records)),
            arena: std::mem::replace(&mut self.arena, Vec::with_capacity(bytes)),
            permit,
        }
    }

    pub fn partitions(&self) -> impl Iterator<Item = &Arc<Assigned>> {
        self.readings.iter().map(|reading| &reading.of)
    }

    fn open(&mut self, at: usize) -> u32 {
        let reading = &mut self.readings[at];
        let share = self.shares.len() as u32;
        reading.open = Some(share);
        self.shares.push(Share {
            of: Arc::clone(&reading.of),
            from: reading.next,
            to: reading.next,
        });
        share
    }

    /// Takes a reading's share out of the batch under way; its bytes stay in the arena, unused.
    fn discard(&mut self, at: usize) {
        let Some(gone) = self.readings[at].open.take() else {
            return;
        };
        self.shares.remove(gone as usize);
        self.records.retain(|record| record.share != gone);
        for record in &mut self.records {
            record.share -= u32::from(record.share > gone);
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
/// timestamp. Kafka has no time for them that would be the same at a replay, so the time of
/// reading stands in: their accepted time range is then judged by the clock.
fn timestamp(message: &BorrowedMessage<'_>) -> Micros {
    message
        .timestamp()
        .to_millis()
        .filter(|millis| *millis >= 0)
        .map_or_else(Micros::now, Micros::from_millis)
}
