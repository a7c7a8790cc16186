//! The windows of one series that are kept in memory: its newest, and the last ones that were touched.

use std::sync::Arc;

use super::window::Window;
use crate::data::{Bucket, Matched, Micros, Positions, SeriesId, Step, StoredPoint, Sum};

/// Windows kept for one series. Others are read again when a late point touches them.
const KEPT: usize = 4;

#[derive(Debug)]
pub struct SeriesWindows {
    pub series: Matched,
    /// In the order in which they were begun or read.
    kept: Vec<Kept>,
    /// The time of the newest point.
    newest: Option<Micros>,
    /// The positions when the newest window was first read.
    as_of: Option<Arc<Positions>>,
}

#[derive(Debug)]
struct Kept {
    bucket: Bucket,
    last_ts: Micros,
    /// Everything below is in the bucket.
    as_of: Arc<Positions>,
    changed: bool,
}

/// What a point changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was known, or its window is marked as changed already.
    Nothing,
    Changed,
    MustRead(Micros),
}

impl SeriesWindows {
    pub fn new(series: Matched) -> Self {
        Self {
            series,
            kept: Vec::new(),
            newest: None,
            as_of: None,
        }
    }

    pub fn add(&mut self, step: Step, point: &StoredPoint, evicted: &mut Vec<Arc<Window>>) -> Added {
        let start = step.bucket(point.ts);
        let Some(read) = &self.as_of else {
            return Added::MustRead(start);
        };
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.bucket.ts == start) else {
            if self.newest.is_some_and(|newest| newest >= start) {
                return late(read, point, start);
            }
            let (bucket, as_of) = (alone(self.series.id, start, point), Arc::clone(read));
            self.put(step, bucket, point.ts, &as_of, evicted);
            return Added::Changed;
        };
        if point.ts <= kept.last_ts {
            return late(&kept.as_of, point, start);
        }
        kept.extend(point);
        self.newest = self.newest.max(Some(point.ts));
        match std::mem::replace(&mut kept.changed, true) {
            true => Added::Nothing,
            false => Added::Changed,
        }
    }

    /// Keeps a window as it stands now; true when that changes it.
    pub fn put(
        &mut self,
        step: Step,
        bucket: Bucket,
        last_ts: Micros,
        as_of: &Arc<Positions>,
        evicted: &mut Vec<Arc<Window>>,
    ) -> bool {
        let closes = self.newest.map(|newest| step.bucket(newest));
        let closes = closes.filter(|open| *open < bucket.ts);
        for kept in &mut self.kept {
            kept.changed |= Some(kept.bucket.ts) == closes;
        }
        self.newest = self.newest.max(Some(last_ts));
        let mut fresh = Kept {
            bucket,
            last_ts,
            as_of: Arc::clone(as_of),
            changed: true,
        };
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.bucket.ts == bucket.ts) {
            fresh.changed = kept.changed || kept.bucket != bucket;
            *kept = fresh;
            return kept.changed;
        }
        self.make_room(step, evicted);
        self.kept.push(fresh);
        true
    }

    /// All of its points are gone.
    pub fn drop_window(&mut self, start: Micros) {
        self.kept.retain(|kept| kept.bucket.ts != start);
    }

    /// The newest window was read as of these positions; there may be none.
    pub fn was_read(&mut self, as_of: &Arc<Positions>) {
        self.as_of = Some(Arc::clone(as_of));
    }

    pub fn take_changed(&mut self, step: Step, out: &mut Vec<Arc<Window>>) {
        for at in 0..self.kept.len() {
            if std::mem::take(&mut self.kept[at].changed) {
                out.push(self.window(step, &self.kept[at]));
            }
        }
    }

    pub fn current(&self, step: Step, since: Option<Micros>) -> Vec<Arc<Window>> {
        let newest = self.newest.map(|newest| step.bucket(newest));
        let shown = |kept: &&Kept| {
            let start = kept.bucket.ts;
            Some(start) == newest || since.is_some_and(|since| start >= since)
        };
        let shown = self.kept.iter().filter(shown);
        let mut shown: Vec<_> = shown.map(|kept| self.window(step, kept)).collect();
        shown.sort_unstable_by_key(|window| window.bucket.ts);
        shown
    }

    pub fn starts(&self) -> impl Iterator<Item = Micros> {
        self.kept.iter().map(|kept| kept.bucket.ts)
    }

    fn make_room(&mut self, step: Step, evicted: &mut Vec<Arc<Window>>) {
        if self.kept.len() < KEPT {
            return;
        }
        let newest = self.newest.map(|newest| step.bucket(newest));
        let oldest = self.kept.iter().position(|kept| Some(kept.bucket.ts) != newest);
        let kept = self.kept.remove(oldest.unwrap_or_default());
        if kept.changed {
            evicted.push(self.window(step, &kept));
        }
    }

    fn window(&self, step: Step, kept: &Kept) -> Arc<Window> {
        let end = step.end(kept.bucket.ts);
        Arc::new(Window {
            series: self.series.clone(),
            bucket: kept.bucket,
            closed: self.newest.is_some_and(|newest| newest >= end),
        })
    }
}

impl Kept {
    /// Adds a point that is newer than all others.
    fn extend(&mut self, point: &StoredPoint) {
        let bucket = &mut self.bucket;
        bucket.count += 1;
        bucket.min = bucket.min.min(point.value);
        bucket.max = bucket.max.max(point.value);
        if let Some(sum) = &mut bucket.sum {
            sum.add(point.value);
        }
        bucket.last = Some(point.value);
        self.last_ts = point.ts;
    }
}

/// A late point changes its window unless the last read had it already.
fn late(as_of: &Positions, point: &StoredPoint, start: Micros) -> Added {
    match as_of.get(&point.partition_id) {
        Some(upto) if point.offset < *upto => Added::Nothing,
        _ => Added::MustRead(start),
    }
}

fn alone(series_id: SeriesId, start: Micros, point: &StoredPoint) -> Bucket {
    Bucket {
        series_id,
        ts: start,
        count: 1,
        min: point.value,
        max: point.value,
        sum: Some(Sum::of(point.value)),
        first: Some(point.value),
        last: Some(point.value),
    }
}
