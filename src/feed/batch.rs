//! What a feed gives at a time, and cursors that never pass a point that has yet to come.

use std::sync::Arc;
use std::time::Duration;

use crate::data::stored::Range;
use crate::data::{Positions, SharedCursor};
use crate::live::Selected;

/// A feed that has nothing to say gives an empty batch with its cursor this often.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// Some points, and the cursor after them.
#[derive(Clone, Debug)]
pub struct Batch {
    pub cursor: Arc<SharedCursor>,
    pub selected: Arc<Selected>,
}

impl Batch {
    pub fn empty(cursor: Arc<SharedCursor>) -> Self {
        let selected = Arc::default();
        Self { cursor, selected }
    }
}

/// The positions with these ranges behind them.
pub fn advanced(positions: &Positions, ranges: &[Range]) -> Positions {
    let mut positions = positions.clone();
    for range in ranges {
        let at = positions.entry(range.partition_id).or_insert(0);
        *at = (*at).max(range.to);
    }
    positions
}
