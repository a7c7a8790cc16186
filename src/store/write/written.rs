//! The result of a batch, for hub, cache, source and metrics.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::data::stored::Range;
use crate::data::{Batch, Micros, OffsetRange, Reason, Rejected, Stored, StoredPoint, StoredSeries, headers};
use crate::store::part::Part;
use crate::store::rows::Row;
use crate::store::upsert::Won;
use crate::telemetry::Metrics;

use super::offsets::Moved;

/// A record that became a dead letter, or failed again as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadRecord {
    pub stream: Arc<str>,
    pub reason: Reason,
    /// The stream's mapping may be wrong: the record was neither redriven nor published through us.
    pub blames_mapping: bool,
}

/// What became of a batch. Each of its offset ranges, or part of one, is in exactly one of the three lists.
#[derive(Debug, Default)]
pub struct Written {
    /// For the hub and the cache: the points that won.
    pub stored: Stored,
    /// Ranges whose offsets moved now.
    pub committed: Vec<OffsetRange>,
    /// Ranges that an earlier attempt of ours committed, whose answer was lost; not in `stored`.
    pub already: Vec<OffsetRange>,
    /// Ranges that have another owner now, which reads them again.
    pub dropped: Vec<OffsetRange>,
    /// One for each record that became a dead letter.
    pub dead_letters: Vec<DeadRecord>,
}

impl Written {
    /// Takes in one committed transaction.
    pub(super) fn add(
        &mut self,
        batch: &Batch,
        moved: Moved,
        rows: &[Row],
        won: &[Won],
        rejected: &[&Rejected],
    ) {
        let letter = |one: &&Rejected| {
            let record = &batch.raw.records[one.record as usize];
            let of = &batch.raw.range(record).of;
            DeadRecord {
                stream: Arc::clone(&of.stream),
                reason: one.reason,
                blames_mapping: one.reason.blames_mapping()
                    && !of.redrive
                    && headers::stream(&record.headers).is_none(),
            }
        };
        self.dead_letters.extend(rejected.iter().map(letter));
        let first = self.committed.len();
        self.committed.extend(moved.ranges(batch));
        self.stored
            .ranges
            .extend(self.committed[first..].iter().map(|range| Range {
                partition_id: range.of.partition_id,
                from: range.from,
                to: range.to,
            }));
        publish(batch, rows, won, &mut self.stored);
        self.already.extend(moved.already);
        self.dropped.extend(moved.dropped);
    }
}

fn publish(batch: &Batch, rows: &[Row], won: &[Won], stored: &mut Stored) {
    let mut won: Vec<usize> = won.iter().map(|won| won.row).collect();
    won.sort_unstable();
    stored.points.reserve(won.len());
    for row in won.into_iter().map(|at| &rows[at]) {
        // Rows are ordered by series.
        if stored.series.last().is_none_or(|last| last.id != row.series_id) {
            stored.series.push(StoredSeries {
                id: row.series_id,
                series: Arc::clone(&batch.series[row.series as usize]),
            });
        }
        stored.points.push(StoredPoint {
            series: (stored.series.len() - 1) as u32,
            ts: row.ts,
            value: row.value,
            partition_id: row.partition_id,
            offset: row.offset,
        });
    }
}

/// Counts one committed transaction; `seen` are the points of each range, losers included.
pub(super) fn count(metrics: &Metrics, batch: &Batch, seen: &[u64], rows: &[Row], won: &[Won]) {
    let mut counts = vec![[0_u64; 2]; seen.len()];
    for won in won {
        counts[rows[won.row].range as usize][usize::from(won.replaced)] += 1;
    }
    for (range, (seen, [stored, replaced])) in batch.raw.ranges.iter().zip(seen.iter().zip(counts)) {
        let lost = seen - stored - replaced;
        for (outcome, n) in [("stored", stored), ("replaced", replaced), ("lost", lost)] {
            let labels = [("stream", &*range.of.stream), ("outcome", outcome)];
            metrics.add(&metrics.points, &labels, n);
        }
    }
    metrics.flow.stored.inc_by(won.len() as u64);
    let now = Micros::now().as_millis().cast_unsigned();
    metrics.last_commit_millis.store(now, Ordering::Relaxed);
}

/// Notes how long the records of one committed transaction took. Redriven ones do not count: they first
/// came long ago.
pub(super) fn time(metrics: &Metrics, batch: &Batch, part: &Part, moved: &Moved) {
    let committed = part.records.clone().filter(|at| moved.is_live(batch, *at as u32));
    let records = committed.map(|at| &batch.raw.records[at]);
    let first_time = records.filter(|record| !batch.raw.range(record).of.redrive);
    metrics
        .end_to_end
        .note(Micros::now(), first_time.map(|record| record.timestamp));
}
