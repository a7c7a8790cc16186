//! Cuts and folds points into batches whose cursors never pass a point that has yet to come.

use std::sync::Arc;
use std::time::Duration;

use super::Batch;
use crate::data::stored::Range;
use crate::data::{Cursor, Stored, StoredPoint};
use crate::live::{Delivery, Fold, Page, Pick, fold};

/// Moves the cursor past these ranges.
pub fn advance(cursor: &mut Cursor, ranges: &[Range]) {
    for range in ranges {
        let at = cursor.positions.entry(range.partition_id).or_insert(0);
        *at = (*at).max(range.to);
    }
}

/// A delivery as one batch. Its points share one cursor, so it cannot be cut.
pub fn whole(cursor: &Cursor, delivery: &Delivery) -> Batch {
    let pick = unseen(cursor, delivery);
    let mut cursor = cursor.clone();
    advance(&mut cursor, &delivery.ranges);
    Batch {
        cursor,
        pick,
        conflated: delivery.conflated,
        folded: delivery.folded.clone(),
    }
}

/// A delivery in batches of about `max` points, cut between records, in the order of offsets.
pub fn split(cursor: &Cursor, delivery: &Delivery, max: usize) -> Vec<Batch> {
    let pick = unseen(cursor, delivery);
    if pick.len() <= max {
        // Without points it only moves the cursor, which the next one does as well.
        return if pick.is_empty() {
            Vec::new()
        } else {
            vec![whole(cursor, delivery)]
        };
    }
    let place = |at: &u32| {
        let point = &pick.page.stored.points[*at as usize];
        (point.partition_id, point.offset)
    };
    let mut points = pick.points.clone();
    points.sort_by_key(place);
    let mut batches = Vec::new();
    let mut so_far = cursor.clone();
    let mut rest = &points[..];
    while !rest.is_empty() {
        let mut end = max.min(rest.len());
        while end < rest.len() && place(&rest[end]) == place(&rest[end - 1]) {
            end += 1;
        }
        let (now, later) = rest.split_at(end);
        let (partition, offset) = place(&now[end - 1]);
        let done = |range: &&Range| later.is_empty() || range.partition_id < partition;
        let done: Vec<Range> = delivery.ranges.iter().filter(done).copied().collect();
        advance(&mut so_far, &done);
        let reached = Range {
            partition_id: partition,
            from: offset,
            to: offset + 1,
        };
        advance(&mut so_far, &[reached]);
        batches.push(Batch {
            cursor: so_far.clone(),
            pick: Pick::new(Arc::clone(&pick.page), now.to_vec()),
            conflated: 0,
            folded: None,
        });
        rest = later;
    }
    batches
}

/// A page from Postgres; with `every`, one point of each series in each such time.
pub fn folded(cursor: Cursor, stored: Stored, every: Option<Duration>, fold: Fold) -> Batch {
    let Some(every) = every else {
        return Batch {
            cursor,
            pick: Pick::all(Page::new(stored.into())),
            conflated: 0,
            folded: None,
        };
    };
    let folded = fold::page(&stored, every, fold);
    Batch {
        cursor,
        pick: folded.pick,
        conflated: folded.conflated,
        folded: folded.folded,
    }
}

/// Points that the cursor has not passed: a client may come with a cursor ahead of the hub.
fn unseen(cursor: &Cursor, delivery: &Delivery) -> Arc<Pick> {
    let pick = &delivery.pick;
    let new = |point: &StoredPoint| {
        let seen = cursor.positions.get(&point.partition_id).copied();
        point.offset >= seen.unwrap_or(0)
    };
    if pick.points().all(new) {
        return Arc::clone(pick);
    }
    let rest = pick.points.iter().zip(pick.points());
    let rest = rest.filter(|(_, point)| new(point)).map(|(at, _)| *at).collect();
    Pick::new(Arc::clone(&pick.page), rest)
}
