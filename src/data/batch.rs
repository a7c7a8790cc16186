//! What travels down the pipeline: raw records in, then the same records with their points.
//!
//! A batch owns the credit it was read under; dropping it gives the credit back.

use std::ops::Range;
use std::sync::Arc;

use super::credits::Permit;
use super::reject::Rejected;
use super::series::Series;
use super::stored::PartitionId;
use super::time::Micros;

/// A Kafka partition this node owns, under the owner epoch it was assigned with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    pub partition_id: PartitionId,
    pub owner_epoch: i64,
    /// The stream whose mapping applies, by name.
    pub stream: Arc<str>,
    pub topic: Arc<str>,
    pub partition: i32,
    /// A redrive topic: its points never replace an existing row.
    pub redrive: bool,
}

/// The part of a batch that comes from one partition: offsets `from..to`.
///
/// `from` is where the range before it ended. So offsets that Kafka never hands out (compaction,
/// transaction markers) are inside a range and leave no gap. A range may have only those.
#[derive(Clone, Debug)]
pub struct OffsetRange {
    pub of: Arc<Assigned>,
    pub from: i64,
    pub to: i64,
    /// Of its last record, if it has one.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// The epoch of the partition leader that took the record before `offset`. With it Kafka can tell whether
/// its log is still the one that was read up to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderEpoch {
    pub epoch: i32,
    pub offset: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    pub value: Vec<u8>,
}

/// One Kafka record; key and payload lie in the batch's arena.
#[derive(Clone, Debug)]
pub struct RawRecord {
    /// Index into [`RawBatch::ranges`].
    pub range: u32,
    pub offset: i64,
    /// Kafka's record timestamp (create time or log append time).
    pub timestamp: Micros,
    pub key: Option<Range<u32>>,
    /// `None` is a tombstone.
    pub payload: Option<Range<u32>>,
    pub headers: Vec<Header>,
}

/// Records in the order they were read, and the offsets they cover.
#[derive(Debug)]
pub struct RawBatch {
    pub ranges: Vec<OffsetRange>,
    pub records: Vec<RawRecord>,
    pub arena: Vec<u8>,
    pub permit: Permit,
}

/// A record that is looked at for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoneRecord {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Micros,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

impl RawBatch {
    /// Of one record, which no node owns.
    pub fn of_one(stream: &Arc<str>, record: LoneRecord) -> Self {
        let of = Assigned {
            partition_id: 0,
            owner_epoch: 0,
            stream: Arc::clone(stream),
            topic: Arc::clone(stream),
            partition: record.partition,
            redrive: false,
        };
        let mut arena = Vec::new();
        let mut keep = |bytes: Vec<u8>| {
            let at = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            let from = at(arena.len());
            arena.extend(bytes);
            from..at(arena.len())
        };
        let raw = RawRecord {
            range: 0,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(&mut keep),
            payload: record.payload.map(&mut keep),
            headers: record.headers,
        };
        Self {
            ranges: vec![OffsetRange {
                of: Arc::new(of),
                from: record.offset,
                to: record.offset + 1,
                leader_epoch: None,
            }],
            records: vec![raw],
            arena,
            permit: Permit::of_nothing(),
        }
    }

    pub fn payload(&self, record: &RawRecord) -> Option<&[u8]> {
        record.payload.as_ref().map(|at| self.slice(at))
    }

    pub fn key(&self, record: &RawRecord) -> Option<&[u8]> {
        record.key.as_ref().map(|at| self.slice(at))
    }

    /// How many records each range has.
    pub fn counts(&self) -> impl Iterator<Item = (&OffsetRange, usize)> {
        let mut counts = vec![0; self.ranges.len()];
        for record in &self.records {
            counts[record.range as usize] += 1;
        }
        self.ranges.iter().zip(counts)
    }

    pub fn range(&self, record: &RawRecord) -> &OffsetRange {
        &self.ranges[record.range as usize]
    }

    fn slice(&self, at: &Range<u32>) -> &[u8] {
        &self.arena[at.start as usize..at.end as usize]
    }
}

/// One point of a decoded batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Index into `raw.records`: where the point came from.
    pub record: u32,
    /// Index into [`Batch::series`].
    pub series: u32,
    pub ts: Micros,
    pub value: f64,
}

/// A decoded batch. Each record either has points, or one entry in `rejected`, or was skipped by a rule.
#[derive(Debug)]
pub struct Batch {
    pub raw: RawBatch,
    pub series: Vec<Arc<Series>>,
    /// Ordered by record.
    pub points: Vec<Point>,
    /// Ordered by record.
    pub rejected: Vec<Rejected>,
}
