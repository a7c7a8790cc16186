//! The series that had points lately, found by their metric and labels.
//!
//! A series without points for long is forgotten, so that the memory depends on what is published and
//! not on what ever was. A series that comes back is new.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::group::GroupId;
use crate::data::{Scoped, Series, SeriesId, StoredSeries};
use crate::live::groups::{Key, Keys};

/// Seconds without a point after which a series is forgotten.
const FORGET_AFTER: u32 = 3_600;
/// With more series than this, they are forgotten even if they have points.
const SERIES_MAX: usize = 1_000_000;

/// The place of a series; later it may be another one's.
pub type Slot = u32;

#[derive(Debug, Default)]
pub struct Known {
    slots: HashMap<SeriesId, Slot>,
    entries: Vec<Option<Entry>>,
    free: Vec<Slot>,
    by_key: BTreeSet<(Key, Slot)>,
    keys: Keys,
    swept: usize,
}

#[derive(Debug)]
pub struct Entry {
    pub id: SeriesId,
    pub series: Arc<Series>,
    /// Ascending.
    pub wanted_by: Vec<GroupId>,
    /// When it last had a point, in the caller's seconds.
    last: u32,
}

impl Known {
    pub fn new(keys: Keys) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Keys stay what they are.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.entries.clear();
        self.free.clear();
        self.by_key.clear();
        self.swept = 0;
    }

    /// The slot of a series that has a point now, and whether it is new here.
    pub fn touch(&mut self, found: &StoredSeries, now: u32) -> (Slot, bool) {
        if let Some(slot) = self.slots.get(&found.id) {
            if let Some(entry) = &mut self.entries[*slot as usize] {
                entry.last = now;
                // Others hold this one too, so ours would be a second copy.
                if !Arc::ptr_eq(&entry.series, &found.series) {
                    entry.series = Arc::clone(&found.series);
                }
            }
            return (*slot, false);
        }
        let entry = Some(Entry {
            id: found.id,
            series: Arc::clone(&found.series),
            wanted_by: Vec::new(),
            last: now,
        });
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            // A series takes far more than a byte.
            (self.entries.len() - 1) as Slot
        });
        self.entries[slot as usize] = entry;
        self.slots.insert(found.id, slot);
        for key in self.keys.of(&found.series) {
            self.by_key.insert((key, slot));
        }
        (slot, true)
    }

    pub fn at(&self, slot: Slot) -> Option<&Entry> {
        self.entries.get(slot as usize)?.as_ref()
    }

    pub fn at_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries.get_mut(slot as usize)?.as_mut()
    }

    pub fn get_mut(&mut self, id: SeriesId) -> Option<&mut Entry> {
        let slot = *self.slots.get(&id)?;
        self.at_mut(slot)
    }

    /// What the question demands and the fewest series have, and how many have it. It counts to `most`
    /// at least.
    pub fn rarest(&self, scoped: &Scoped, most: usize) -> (Option<Key>, usize) {
        let mut rarest = (None, self.len().min(most));
        for key in self.keys.demanded(scoped) {
            let upto = if rarest.0.is_none() { most } else { rarest.1 };
            let count = self.range(key, None).take(upto).count();
            if rarest.0.is_none() || count < rarest.1 {
                rarest = (Some(key), count);
            }
        }
        rarest
    }

    /// The next slots behind `after` of the series with this key, or of all.
    pub fn next(&self, key: Option<Key>, after: Option<Slot>, most: usize) -> Vec<Slot> {
        match key {
            Some(key) => self.range(key, after).take(most).collect(),
            None => {
                let from = after.map_or(0, |after| after as usize + 1);
                let slots = self.entries.iter().enumerate().skip(from);
                let taken = slots.filter(|(_, entry)| entry.is_some());
                taken.map(|(slot, _)| slot as Slot).take(most).collect()
            }
        }
    }

    /// Looks at the next slots and returns the series that are forgotten.
    pub fn sweep(&mut self, now: u32, slots: usize) -> Vec<Entry> {
        let mut gone = Vec::new();
        for _ in 0..slots.min(self.entries.len()) {
            self.swept = (self.swept + 1) % self.entries.len();
            let crowded = self.len() > SERIES_MAX;
            let silent = |entry: &mut Entry| crowded || now.saturating_sub(entry.last) > FORGET_AFTER;
            let Some(entry) = self.entries[self.swept].take_if(silent) else {
                continue;
            };
            let slot = self.swept as Slot;
            self.slots.remove(&entry.id);
            for key in self.keys.of(&entry.series) {
                self.by_key.remove(&(key, slot));
            }
            self.free.push(slot);
            gone.push(entry);
        }
        gone
    }

    fn range(&self, key: Key, after: Option<Slot>) -> impl Iterator<Item = Slot> {
        let from = after.map_or(Bound::Included((key, 0)), |after| Bound::Excluded((key, after)));
        let range = self.by_key.range((from, Bound::Included((key, Slot::MAX))));
        range.map(|(_, slot)| *slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{MatchOp, Selector, Viewer};

    fn series(id: SeriesId) -> StoredSeries {
        let labels = [("site", (id % 10).to_string()), ("device", id.to_string())];
        StoredSeries {
            id,
            series: Arc::new(Series::new("m", labels)),
        }
    }

    #[test]
    fn what_a_selector_demands_leads_to_the_series_that_have_it() {
        let mut known = Known::default();
        for id in 0..1_000 {
            assert!(known.touch(&series(id), 0).1);
        }
        let select = |metric, labels: &[_]| Viewer::everyone().select(Selector::of(metric, labels));
        let both = select(
            Some("m"),
            &[("site", MatchOp::Equal, "3"), ("device", MatchOp::Equal, "13")],
        );
        let (key, count) = known.rarest(&both, 100);
        assert_eq!(count, 1);
        let slots = known.next(key, None, 100);
        let ids: Vec<_> = slots.iter().map(|at| known.at(*at).unwrap().id).collect();
        assert_eq!(ids, [13]);
        assert_eq!(known.rarest(&select(None, &[]), 100), (None, 100));
        let (key, count) = known.rarest(&select(Some("m"), &[]), 100);
        assert_eq!(count, 100);
        let (mut seen, mut after) = (0, None);
        while let Some(last) = known.next(key, after, 300).last() {
            seen += known.next(key, after, 300).len();
            after = Some(*last);
        }
        assert_eq!(seen, 1_000);
    }

    #[test]
    fn a_series_that_was_made_anew_replaces_its_copy() {
        let mut known = Known::default();
        known.touch(&series(7), 0);
        let again = series(7);
        let (slot, is_new) = known.touch(&again, 1);
        assert!(!is_new && Arc::ptr_eq(&known.at(slot).unwrap().series, &again.series));
    }

    #[test]
    fn a_silent_series_leaves_and_is_new_when_it_comes_back() {
        let mut known = Known::default();
        for id in 0..100 {
            known.touch(&series(id), 0);
        }
        known.touch(&series(7), FORGET_AFTER);
        let gone: usize = (0..10).map(|_| known.sweep(FORGET_AFTER + 1, 10).len()).sum();
        assert_eq!((gone, known.len(), known.by_key.len()), (99, 1, 3));
        assert!(!known.touch(&series(7), FORGET_AFTER + 1).1);
        assert!(known.touch(&series(8), FORGET_AFTER + 1).1);
        assert_eq!(known.entries.len(), 100);
    }
}
