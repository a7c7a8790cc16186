//! Retention of points and rollups: each stream keeps each level for its own time.
//!
//! First the new floors are committed in `horizons`; only then is anything dropped. A partition
//! that no stream needs is dropped as a whole; if some streams keep it longer, the rows of the
//! others are deleted. A partition that has not completely expired stays.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::data::Micros;

use super::level::Level;

mod floors;
mod sweep;
#[cfg(test)]
mod tests;

pub(super) use sweep::run;

/// How long each of [`Level::ALL`] is kept; `None`: forever. No level is kept longer than a coarser
/// one.
pub type Ages = [Option<Duration>; 4];

/// How long everything is kept.
#[derive(Clone, Debug)]
pub struct Keep {
    pub dead_letters: Duration,
    /// How far back a cursor can be resumed.
    pub commits: Duration,
    /// By stream; data of other streams is kept forever.
    pub streams: BTreeMap<String, Ages>,
    /// Points wait until rollups hold them.
    pub rollups: bool,
    /// Points wait until the archive holds them.
    pub archive: bool,
}

/// Before which time a stream's rows of a level may be deleted, in whole days; what is not listed
/// is kept.
type Floors = BTreeMap<(String, Level), Micros>;

/// How much was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub partitions: u64,
    /// Deleted one by one from partitions that stay.
    pub rows: u64,
}

/// What this node last swept to the end: until floors move there is nothing to do.
#[derive(Debug, Default)]
pub struct Swept {
    floors: Option<Floors>,
    /// In the last run.
    now: bool,
    /// The last run left something because others were using it.
    in_use: bool,
}

impl Swept {
    pub const fn has_swept(&self) -> bool {
        self.now
    }

    pub const fn is_left_in_use(&self) -> bool {
        self.in_use
    }
}
