//! The latest point of a series, and which of two points is the later one.

use crate::data::{Micros, PartitionId, SeriesId, Stored};

/// The newest point of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latest {
    pub series: SeriesId,
    pub ts: Micros,
    pub value: f64,
    pub partition_id: PartitionId,
    pub offset: i64,
}

/// What the cache knew; `missing` has to be read from Postgres and offered to
/// `LatestCache::put_back` together with `epoch`.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    pub found: Vec<Latest>,
    pub missing: Vec<SeriesId>,
    pub epoch: Epoch,
}

/// The epoch a lookup belongs to; empty when the cache could not be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epoch(pub(super) String);

/// The newest point of each series in the batch, so that a batch of thousands is a few entries.
pub(super) fn newest(stored: &Stored) -> Vec<Latest> {
    let mut newest: Vec<Option<Latest>> = vec![None; stored.series.len()];
    // Two partitions in one batch that tie: both have to reach the cache, which knows what to do.
    let mut ties = Vec::new();
    for point in &stored.points {
        let Some(series) = stored.series.get(point.series as usize) else {
            continue;
        };
        let new = Latest {
            series: series.id,
            ts: point.ts,
            value: point.value,
            partition_id: point.partition_id,
            offset: point.offset,
        };
        let slot = &mut newest[point.series as usize];
        match slot.as_ref().map_or(Verdict::Newer, |old| judge(old, &new)) {
            Verdict::Newer => *slot = Some(new),
            Verdict::Older => {}
            Verdict::Unclear => ties.push(new),
        }
    }
    let mut all: Vec<_> = newest.into_iter().flatten().collect();
    all.append(&mut ties);
    all
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Newer,
    Older,
    /// Same time, other partition: ask Postgres.
    Unclear,
}

/// How `new` compares with `old`. `merge.lua` does the same.
pub(super) fn judge(old: &Latest, new: &Latest) -> Verdict {
    if new.ts == old.ts && new.partition_id != old.partition_id {
        return Verdict::Unclear;
    }
    match (new.ts, new.offset) >= (old.ts, old.offset) {
        true => Verdict::Newer,
        false => Verdict::Older,
    }
}
