//! Live windows of one length: points go in, changed windows come out, complete and exact.
//!
//! A window is read from Postgres once. After that its newer points are added here. Any other point is
//! late or a correction, and its window is read again. A read says up to which positions it holds
//! everything, so that a point that it already had is not added again. All windows of a turn are read
//! together.

mod audience;
mod series;
mod updates;
mod window;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;

pub use audience::{Audience, GroupId, Wanted};
pub use updates::{End, Receiver, Sender, Updates, Waiting, updates};
pub use window::Window;

use self::series::{Added, SeriesWindows};
use crate::data::{Bucket, Matched, Micros, Positions, SeriesId, Step, StoredPoint};

#[derive(Debug)]
pub struct Windows {
    step: Step,
    series: HashMap<SeriesId, SeriesWindows>,
    /// Series whose newest window has to be read, and other windows to read.
    unread: BTreeSet<SeriesId>,
    stale: BTreeSet<(SeriesId, Micros)>,
    /// Series with changed windows, and changed windows that are no longer kept.
    touched: Vec<SeriesId>,
    evicted: Vec<Arc<Window>>,
}

/// What to read from Postgres next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    pub newest_of: Vec<Matched>,
    pub windows: Vec<(Matched, Micros)>,
}

impl Windows {
    pub fn new(step: Step) -> Self {
        Self {
            step,
            series: HashMap::new(),
            unread: BTreeSet::new(),
            stale: BTreeSet::new(),
            touched: Vec::new(),
            evicted: Vec::new(),
        }
    }

    /// Follows the windows of a series from now on; false when they were followed already.
    pub fn follow(&mut self, series: &Matched) -> bool {
        if self.series.contains_key(&series.id) {
            return false;
        }
        self.series.insert(series.id, SeriesWindows::new(series.clone()));
        self.unread.insert(series.id)
    }

    pub fn forget(&mut self, id: SeriesId) {
        self.series.remove(&id);
        self.unread.remove(&id);
        let all = (id, Micros(i64::MIN))..=(id, Micros(i64::MAX));
        let stale: Vec<_> = self.stale.range(all).copied().collect();
        for key in stale {
            self.stale.remove(&key);
        }
    }

    /// Points must come in the order of their offsets within a partition.
    pub fn add(&mut self, id: SeriesId, point: &StoredPoint) {
        let Some(windows) = self.series.get_mut(&id) else {
            return;
        };
        match windows.add(self.step, point, &mut self.evicted) {
            Added::Nothing => {}
            Added::Changed => self.touched.push(id),
            Added::MustRead(start) => {
                self.stale.insert((id, start));
            }
        }
    }

    /// The next `most` reads. Series without their first window come first.
    pub fn reading(&self, most: usize) -> Reading {
        let series = |id: &SeriesId| self.series.get(id).map(|windows| windows.series.clone());
        let newest_of: Vec<_> = self.unread.iter().filter_map(series).take(most).collect();
        let left = most - newest_of.len();
        let windows = self.stale.iter();
        let windows = windows.filter_map(|(id, start)| Some((series(id)?, *start)));
        let windows = windows.take(left).collect();
        Reading { newest_of, windows }
    }

    /// How many series are followed.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// How many reads are due.
    pub fn unread(&self) -> usize {
        self.unread.len() + self.stale.len()
    }

    /// Takes what was read: each window with the time of its newest point. It has everything that was
    /// added before and everything below `as_of`.
    pub fn install(&mut self, reading: &Reading, as_of: Positions, found: Vec<(Bucket, Micros)>) {
        let as_of = Arc::new(as_of);
        let windows = reading.windows.iter();
        let mut gone: BTreeSet<_> = windows.map(|(series, start)| (series.id, *start)).collect();
        for (bucket, last_ts) in found {
            let key = (bucket.series_id, bucket.ts);
            gone.remove(&key);
            self.stale.remove(&key);
            if let Some(windows) = self.series.get_mut(&key.0)
                && windows.put(self.step, bucket, last_ts, &as_of, &mut self.evicted)
            {
                self.touched.push(key.0);
            }
        }
        for (id, start) in gone {
            self.stale.remove(&(id, start));
            if let Some(windows) = self.series.get_mut(&id) {
                windows.drop_window(start);
            }
        }
        for series in &reading.newest_of {
            self.unread.remove(&series.id);
            if let Some(windows) = self.series.get_mut(&series.id) {
                windows.was_read(&as_of);
            }
        }
    }

    /// The windows that changed since the last call, by series and time.
    pub fn take_changed(&mut self) -> Vec<Arc<Window>> {
        let mut changed = mem::take(&mut self.evicted);
        for id in mem::take(&mut self.touched) {
            if let Some(windows) = self.series.get_mut(&id) {
                windows.take_changed(self.step, &mut changed);
            }
        }
        // Stable: if a window was evicted and came back, its newer state stays behind the older.
        changed.sort_by_key(|window| (window.series.id, window.bucket.ts));
        changed
    }

    pub fn is_read(&self, id: SeriesId) -> bool {
        !self.unread.contains(&id)
    }

    /// The newest window of a series, and the kept ones from `since` on.
    pub fn current(&self, id: SeriesId, since: Option<Micros>) -> Vec<Arc<Window>> {
        let windows = self.series.get(&id);
        windows
            .map(|windows| windows.current(self.step, since))
            .unwrap_or_default()
    }

    /// Everything kept has to be read again.
    pub fn distrust(&mut self) {
        for (id, windows) in &self.series {
            self.stale.extend(windows.starts().map(|start| (*id, start)));
        }
    }
}
