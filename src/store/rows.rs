//! From a part's points to the rows to write: ordered by (series, time), one for each of them.

use std::cmp::Ordering;

use crate::data::{Batch, Micros, PartitionId, SeriesId};

use super::part::{Part, Rejects, Span};

#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub series_id: SeriesId,
    pub partition_id: PartitionId,
    pub ts: Micros,
    pub value: f64,
    pub offset: i64,
    pub recorded_at: Micros,
    /// Index into `raw.ranges`.
    pub range: u32,
    /// Index into `batch.series`.
    pub series: u32,
    /// From a redrive topic: never replaces another row.
    pub redrive: bool,
}

/// The rows of the records that are neither rejected nor outside the `live` spans. `id` gives the
/// id of a batch's series. The second value counts the points of each range, losers included.
pub(super) fn rows(
    batch: &Batch,
    part: &Part,
    rejects: &Rejects,
    live: &[Option<Span>],
    id: impl Fn(u32) -> SeriesId,
) -> (Vec<Row>, Vec<u64>) {
    let points = part.points(batch);
    let mut rows = Vec::with_capacity(points.len());
    let mut seen = vec![0; live.len()];
    for point in points {
        let record = &batch.raw.records[point.record as usize];
        let within =
            live[record.range as usize].is_some_and(|span| (span.from..span.to).contains(&record.offset));
        if !within || (!rejects.is_empty() && rejects.contains_key(&point.record)) {
            continue;
        }
        let of = &batch.raw.range(record).of;
        seen[record.range as usize] += 1;
        rows.push(Row {
            series_id: id(point.series),
            partition_id: of.partition_id,
            ts: point.ts,
            value: point.value,
            offset: record.offset,
            // As it will be stored, so that the comparison here is the one that SQL makes.
            recorded_at: record.timestamp.clamp(Micros::FIRST, Micros::LAST),
            range: record.range,
            series: point.series,
            redrive: of.redrive,
        });
    }
    rows.sort_by_key(|row| (row.series_id, row.ts));
    rows.dedup_by(|later, winner| {
        let same = (later.series_id, later.ts) == (winner.series_id, winner.ts);
        if same && replaces(later, winner) {
            *winner = *later;
        }
        same
    });
    (rows, seen)
}

/// Which of two points of one series and time stays; `upsert.rs` says the same in SQL. Within a
/// partition the offset decides; between partitions, whose offsets say nothing about each other,
/// the record's Kafka timestamp (docs/adr/0011).
fn replaces(later: &Row, earlier: &Row) -> bool {
    let position = |row: &Row| (row.partition_id, row.offset);
    match (later.redrive, earlier.redrive) {
        (true, false) => false,
        (false, true) => true,
        // As if written one after the other, except within one record.
        (true, true) => position(later) == position(earlier),
        (false, false) if later.partition_id == earlier.partition_id => later.offset >= earlier.offset,
        (false, false) => {
            let rank = |row: &Row| (row.recorded_at, position(row));
            rank(later).cmp(&rank(earlier)) == Ordering::Greater
        }
    }
}
