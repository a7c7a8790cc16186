//! Pages as batches, whose cursors never pass a point that has yet to come.

use std::sync::Arc;
use std::time::Duration;

use super::Batch;
use crate::data::stored::Range;
use crate::data::{Mark, Positions};
use crate::live::{Fold, Pick, fold};

/// The positions with these ranges behind them.
pub fn advanced(positions: &Positions, ranges: &[Range]) -> Positions {
    let mut positions = positions.clone();
    for range in ranges {
        let at = positions.entry(range.partition_id).or_insert(0);
        *at = (*at).max(range.to);
    }
    positions
}

/// A page; with `every`, one point of each series in each such time.
pub fn folded(at: &Arc<Mark>, pick: Arc<Pick>, every: Option<Duration>, fold: Fold) -> Batch {
    let folded = match every {
        Some(every) => fold::page(&pick, every, fold),
        None => pick.into(),
    };
    Batch {
        cursor: Arc::clone(at),
        pick: folded.pick,
        conflated: folded.conflated,
        folded: folded.folded,
    }
}
