//! What a feed gives at a time: points, and a cursor that never passes a point that is still to come.

use std::sync::Arc;
use std::time::Duration;

use crate::data::SharedCursor;
use crate::live::Selected;

/// A feed without points gives an empty batch with its cursor this often.
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

    /// Its points belong to a backfill, of which more may follow.
    pub fn is_backfill(&self) -> bool {
        self.cursor.backfill.is_some()
    }
}
