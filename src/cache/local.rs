//! The cache in this process: one bounded map.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::latest::{Epoch, Latest, Lookup, Verdict, judge, newest};
use crate::data::{SeriesId, Stored};

#[derive(Debug)]
pub(super) struct LocalLatest {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    epoch: u64,
    entries: HashMap<SeriesId, Entry>,
}

/// A mark until `known`.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    known: bool,
    point: Option<Latest>,
}

impl LocalLatest {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            inner: Mutex::default(),
        }
    }

    pub fn offer(&self, stored: &Stored) {
        let mut inner = self.inner.lock();
        if inner.entries.is_empty() {
            return;
        }
        for point in newest(stored) {
            inner.merge(point, false);
        }
    }

    pub fn lookup(&self, series: &[SeriesId]) -> Lookup {
        let mut inner = self.inner.lock();
        let mut lookup = Lookup::default();
        for id in series {
            match inner.entries.get(id) {
                Some(Entry {
                    known: true,
                    point: Some(point),
                }) => lookup.found.push(*point),
                _ => lookup.missing.push(*id),
            }
        }
        if inner.entries.len() + lookup.missing.len() > self.capacity {
            inner.renew();
        }
        for id in lookup.missing.iter().take(self.capacity) {
            inner.entries.entry(*id).or_default();
        }
        lookup.epoch = Epoch(inner.epoch.to_string());
        lookup
    }

    pub fn put_back(&self, epoch: &Epoch, entries: &[Latest]) {
        let mut inner = self.inner.lock();
        if epoch.0 != inner.epoch.to_string() {
            return;
        }
        for point in entries {
            inner.merge(*point, true);
        }
    }

    pub fn invalidate(&self) {
        self.inner.lock().renew();
    }
}

impl Inner {
    fn merge(&mut self, new: Latest, from_postgres: bool) {
        let Some(entry) = self.entries.get_mut(&new.series) else {
            return;
        };
        match entry.point.map_or(Verdict::Newer, |old| judge(&old, &new)) {
            Verdict::Newer => entry.point = Some(new),
            Verdict::Older => {}
            Verdict::Unclear => {
                self.entries.remove(&new.series);
                return;
            }
        }
        entry.known |= from_postgres;
    }

    fn renew(&mut self) {
        self.epoch += 1;
        self.entries.clear();
    }
}
