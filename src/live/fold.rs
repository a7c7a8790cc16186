//! Folds many points into one for each key, which is a series, or a series and an interval.
//!
//! Points come in the order of their commits. The result is a page with one point for each key, and
//! how many others each stands for. A second point of one series and time is a correction: the value
//! before it counts among the others, but not among the values of the interval.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use self::values::Values;
use super::delivery::{Page, Selected};
use crate::data::{SeriesId, Stored, StoredPoint, StoredSeries};

#[cfg(test)]
mod tests;
mod values;

pub use values::Fold;

#[derive(Debug)]
pub struct Folding<K> {
    fold: Fold,
    places: HashMap<K, u32>,
    /// The newest point of each place, which has the series of the same place.
    stored: Stored,
    folded: Vec<u64>,
    conflated: u64,
    /// Of each place; empty where only the newest point matters.
    values: Vec<Values>,
    values_bytes: usize,
}

/// Stored points, folded by series and intervals of `every` since the epoch.
pub fn page(selected: &Selected, every: Duration, fold: Fold) -> Arc<Selected> {
    let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1);
    let mut folding = Folding::<(SeriesId, i64)>::new(fold);
    for point in selected.points() {
        let series = selected.series(point);
        folding.add((series.id, point.ts.0.div_euclid(every)), series, point);
    }
    folding.finish()
}

impl<K: Eq + Hash> Folding<K> {
    pub fn new(fold: Fold) -> Self {
        Self {
            fold,
            places: HashMap::new(),
            stored: Stored::default(),
            folded: Vec::new(),
            conflated: 0,
            values: Vec::new(),
            values_bytes: 0,
        }
    }

    /// True when it was folded with an earlier point.
    pub fn add(&mut self, key: K, series: &StoredSeries, point: &StoredPoint) -> bool {
        let Stored {
            series: all, points, ..
        } = &mut self.stored;
        let next = points.len();
        let (place, known) = match self.places.entry(key) {
            Entry::Occupied(place) => (*place.get() as usize, true),
            Entry::Vacant(free) => {
                free.insert(next as u32);
                all.push(series.clone());
                points.push(StoredPoint {
                    series: next as u32,
                    ..*point
                });
                self.folded.push(0);
                if self.fold != Fold::Newest {
                    self.values.push(Values::default());
                }
                (next, false)
            }
        };
        if let Some(values) = self.values.get_mut(place) {
            self.values_bytes += values.put(point.ts, point.value);
        }
        if known {
            self.folded[place] += 1;
            self.conflated += 1;
            let newest = &mut points[place];
            if point.ts >= newest.ts {
                *newest = StoredPoint {
                    series: newest.series,
                    ..*point
                };
            }
        }
        known
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        // A hash map is at most 7/8 full and has one byte of its own for each place.
        let places = self.places.capacity() / 7 * 8 * (size_of::<(K, u32)>() + 1);
        let Stored { series, points, .. } = &self.stored;
        places
            + series.capacity() * size_of::<StoredSeries>()
            + points.capacity() * size_of::<StoredPoint>()
            + self.folded.capacity() * size_of::<u64>()
            + self.values.capacity() * size_of::<Values>()
            + self.values_bytes
    }

    /// Frees memory when the values take more than `most`. The result stays the same. If it is not enough
    /// to leave out corrected values, those so far are summed up: a later correction of them counts as
    /// one more value.
    pub fn shrink(&mut self, most: usize) {
        if self.values_bytes <= most {
            return;
        }
        self.values_bytes = self.values.iter_mut().map(Values::settle).sum();
        if self.values_bytes > most / 2 {
            for values in &mut self.values {
                values.forget(self.fold);
            }
            self.values_bytes = 0;
        }
    }

    pub fn finish(mut self) -> Arc<Selected> {
        let values = mem::take(&mut self.values).into_iter();
        for (values, point) in values.zip(&mut self.stored.points) {
            (point.ts, point.value) = values.result(self.fold, point.ts);
        }
        if self.conflated == 0 {
            self.folded.clear();
        }
        Selected::folded(Page::new(Arc::new(self.stored)), self.conflated, self.folded)
    }
}
