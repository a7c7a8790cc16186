//! Cuts and folds points into batches whose cursors never pass a point that has yet to come.

use std::sync::Arc;
use std::time::Duration;

use super::Batch;
use crate::data::stored::Range;
use crate::data::{Mark, Positions};
use crate::live::{Delivery, Fold, Pick, fold};

/// The positions with these ranges behind them.
pub fn advanced(positions: &Positions, ranges: &[Range]) -> Positions {
    let mut positions = positions.clone();
    advance(&mut positions, ranges);
    positions
}

fn advance(positions: &mut Positions, ranges: &[Range]) {
    for range in ranges {
        let at = positions.entry(range.partition_id).or_insert(0);
        *at = (*at).max(range.to);
    }
}

/// A delivery as one batch. Its points share one cursor, so it cannot be cut.
pub fn whole(at: &Mark, delivery: &Delivery) -> Batch {
    Batch {
        cursor: Mark::at(advanced(&at.positions, &delivery.ranges)),
        pick: Arc::clone(&delivery.pick),
        conflated: delivery.conflated,
        folded: delivery.folded.clone(),
    }
}

/// Points in batches of about `max`, cut between records, in the order of offsets; the last has
/// the ranges behind it.
pub fn split(at: &Mark, pick: Arc<Pick>, ranges: &[Range], max: usize) -> Vec<Batch> {
    if pick.is_empty() {
        // It only moves the cursor, which the next one does as well.
        return Vec::new();
    }
    if pick.len() <= max {
        return vec![Batch {
            cursor: Mark::at(advanced(&at.positions, ranges)),
            pick,
            conflated: 0,
            folded: None,
        }];
    }
    let place = |at: &u32| {
        let point = &pick.page.stored.points[*at as usize];
        (point.partition_id, point.offset)
    };
    let mut points = pick.points.clone();
    points.sort_by_key(place);
    let mut batches = Vec::new();
    let mut so_far = at.positions.clone();
    let mut rest = &points[..];
    while !rest.is_empty() {
        let mut end = max.min(rest.len());
        while end < rest.len() && place(&rest[end]) == place(&rest[end - 1]) {
            end += 1;
        }
        let (now, later) = rest.split_at(end);
        let (partition, offset) = place(&now[end - 1]);
        let done = |range: &&Range| later.is_empty() || range.partition_id < partition;
        let done: Vec<Range> = ranges.iter().filter(done).copied().collect();
        advance(&mut so_far, &done);
        let reached = Range {
            partition_id: partition,
            from: offset,
            to: offset + 1,
        };
        advance(&mut so_far, &[reached]);
        batches.push(Batch {
            cursor: Mark::at(so_far.clone()),
            pick: Pick::new(Arc::clone(&pick.page), now.to_vec()),
            conflated: 0,
            folded: None,
        });
        rest = later;
    }
    batches
}

/// A page, unless it has no points; with `every`, one point of each series in each such time.
pub fn folded(at: &Arc<Mark>, pick: Arc<Pick>, every: Option<Duration>, fold: Fold) -> Option<Batch> {
    if pick.is_empty() {
        return None;
    }
    let folded = match every {
        Some(every) => fold::page(&pick, every, fold),
        None => pick.into(),
    };
    Some(Batch {
        cursor: Arc::clone(at),
        pick: folded.pick,
        conflated: folded.conflated,
        folded: folded.folded,
    })
}
