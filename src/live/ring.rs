//! The points published last, in memory: a subscriber that comes back soon reads here, not in Postgres.
//!
//! The hub appends what it publishes, so each partition's entries continue each other up to where the
//! hub stands. When it cannot prove that, it forgets them all. Small batches are compacted to pages,
//! once for all readers. The oldest entries go when the bound on bytes is reached.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::delivery::Page;
use crate::data::cursor::behind;
use crate::data::stored::Range;
use crate::data::{PartitionId, Positions, SeriesId, Stored, StoredPoint};

/// The most points and batches that are compacted to one page.
const PAGE: usize = 1_000;
const BATCHES: usize = 1_000;
/// A guess of the bytes that an entry and a series take besides the points.
const ENTRY_BYTES: usize = 512;
const SERIES_BYTES: usize = 192;

#[derive(Debug)]
pub struct Ring {
    kept: Mutex<Kept>,
    limit: usize,
}

/// What memory has for a subscriber that is behind.
#[derive(Clone, Debug)]
pub enum Recent {
    /// Nothing is missing.
    Level,
    /// The next points, and the ranges they complete.
    Page(Arc<Page>, Vec<Range>),
    /// Older than what is kept.
    Forgotten(Range),
}

#[derive(Debug, Default)]
struct Kept {
    partitions: HashMap<PartitionId, VecDeque<Arc<Entry>>>,
    /// All of them, the oldest first.
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// The last ones, which are not compacted yet: how many, and their points.
    loose: usize,
    loose_points: usize,
}

#[derive(Debug)]
struct Entry {
    page: Arc<Page>,
    /// The published ranges of the page, at most one for each partition.
    ranges: Vec<Range>,
    bytes: usize,
}

impl Ring {
    /// With a limit of 0 it keeps nothing.
    pub fn new(limit: usize) -> Self {
        Self {
            kept: Mutex::default(),
            limit,
        }
    }

    /// These ranges of a page are published now; each continues its partition.
    pub fn push(&self, page: &Arc<Page>, ranges: &[Range]) {
        if ranges.is_empty() || self.limit == 0 {
            return;
        }
        let mut kept = self.kept.lock();
        if !kept.continued_by(ranges) {
            *kept = Kept::default();
        }
        let points = page.stored.points.len();
        if kept.loose == BATCHES || kept.loose_points + points > PAGE {
            kept.compact();
        }
        kept.append(Entry::new(Arc::clone(page), ranges.to_vec()));
        kept.loose += 1;
        kept.loose_points += points;
        while kept.bytes > self.limit {
            kept.forget_oldest();
        }
    }

    /// What was published may not continue what is kept.
    pub fn clear(&self) {
        *self.kept.lock() = Kept::default();
    }

    /// The next page from `at` on, up to `upto`, which the hub has published.
    pub fn after(&self, at: &Positions, upto: &Positions) -> Recent {
        let Some(missing) = behind(at, upto) else {
            return Recent::Level;
        };
        let kept = self.kept.lock();
        let Some(entry) = kept.entry(missing) else {
            return Recent::Forgotten(missing);
        };
        let rest = |range: &Range| {
            let id = range.partition_id;
            let from = at.get(&id).copied().unwrap_or(0);
            let to = range.to.min(upto.get(&id).copied().unwrap_or(0));
            (range.from <= from && from < to).then_some(Range { from, to, ..*range })
        };
        let ranges = entry.ranges.iter().filter_map(rest).collect();
        Recent::Page(Arc::clone(&entry.page), ranges)
    }
}

impl Kept {
    fn continued_by(&self, ranges: &[Range]) -> bool {
        ranges.iter().all(|range| {
            let last = self.partitions.get(&range.partition_id).and_then(VecDeque::back);
            last.and_then(|entry| entry.range(range.partition_id))
                .is_none_or(|last| last.to == range.from)
        })
    }

    fn entry(&self, missing: Range) -> Option<&Entry> {
        let entries = self.partitions.get(&missing.partition_id)?;
        let ends_before = |entry: &Arc<Entry>| {
            let range = entry.range(missing.partition_id);
            range.is_some_and(|range| range.to <= missing.from)
        };
        let entry = entries.get(entries.partition_point(ends_before))?;
        let range = entry.range(missing.partition_id)?;
        (range.from <= missing.from).then_some(entry)
    }

    fn append(&mut self, entry: Entry) {
        let entry = Arc::new(entry);
        self.bytes += entry.bytes;
        for range in &entry.ranges {
            let entries = self.partitions.entry(range.partition_id).or_default();
            entries.push_back(Arc::clone(&entry));
        }
        self.entries.push_back(entry);
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.entries.pop_front() else {
            self.bytes = 0;
            return;
        };
        self.bytes -= oldest.bytes;
        if self.loose > self.entries.len() {
            self.loose = self.entries.len();
            self.loose_points -= oldest.page.stored.points.len();
        }
        for range in &oldest.ranges {
            if let Some(entries) = self.partitions.get_mut(&range.partition_id) {
                entries.pop_front();
            }
        }
    }

    /// Makes one entry of the last ones.
    fn compact(&mut self) {
        let loose = std::mem::take(&mut self.loose);
        self.loose_points = 0;
        if loose < 2 {
            return;
        }
        let parts = self.entries.split_off(self.entries.len() - loose);
        for part in &parts {
            self.bytes -= part.bytes;
            for range in &part.ranges {
                if let Some(entries) = self.partitions.get_mut(&range.partition_id) {
                    entries.pop_back();
                }
            }
        }
        self.append(Entry::of(&parts));
    }
}

impl Entry {
    fn new(page: Arc<Page>, ranges: Vec<Range>) -> Self {
        let points = size_of_val(&page.stored.points[..]);
        let bytes = ENTRY_BYTES + points + page.stored.series.len() * SERIES_BYTES;
        Self { page, ranges, bytes }
    }

    /// Entries that follow each other as one.
    fn of(parts: &VecDeque<Arc<Self>>) -> Self {
        let mut stored = Stored::default();
        let mut places: HashMap<SeriesId, u32> = HashMap::new();
        for part in parts {
            for range in &part.ranges {
                let same = |all: &&mut Range| all.partition_id == range.partition_id;
                match stored.ranges.iter_mut().find(same) {
                    Some(all) => all.to = range.to,
                    None => stored.ranges.push(*range),
                }
            }
            for point in &part.page.stored.points {
                if !part.ranges.iter().any(|range| range.contains(point)) {
                    continue;
                }
                let found = &part.page.stored.series[point.series as usize];
                let series = *places.entry(found.id).or_insert_with(|| {
                    stored.series.push(found.clone());
                    stored.series.len() as u32 - 1
                });
                stored.points.push(StoredPoint { series, ..*point });
            }
        }
        let ranges = stored.ranges.clone();
        Self::new(Page::new(Arc::new(stored)), ranges)
    }

    fn range(&self, id: PartitionId) -> Option<&Range> {
        self.ranges.iter().find(|range| range.partition_id == id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Micros, Selector, Series, StoredSeries, Viewer};
    use crate::live::{Sequence, select};

    fn batch(ranges: &[(PartitionId, i64, i64)]) -> Arc<Page> {
        let range = |&(partition_id, from, to): &(PartitionId, i64, i64)| Range {
            partition_id,
            from,
            to,
        };
        let point = |partition_id, offset| StoredPoint {
            series: 0,
            ts: Micros(offset),
            value: 1.0,
            partition_id,
            offset,
        };
        let points = ranges
            .iter()
            .flat_map(|&(id, from, to)| (from..to).map(move |at| point(id, at)));
        Page::new(Arc::new(Stored {
            points: points.collect(),
            series: vec![StoredSeries {
                id: 1,
                series: Arc::new(Series::new("m", Vec::<(&str, &str)>::new())),
            }],
            ranges: ranges.iter().map(range).collect(),
        }))
    }

    #[test]
    fn a_partition_that_does_not_continue_clears_what_was_kept() {
        let ring = Ring::new(1 << 20);
        for ranges in [[(1, 0, 3)], [(1, 5, 6)]] {
            let page = batch(&ranges);
            ring.push(&page, &page.stored.ranges);
        }
        let upto = Positions::from([(1, 6)]);
        assert!(matches!(
            ring.after(&Positions::new(), &upto),
            Recent::Forgotten(Range { from: 0, to: 6, .. })
        ));
    }

    proptest! {
        /// Batches over three partitions, some overlapping what was published; a subscriber that
        /// starts anywhere sees each offset behind its position once, or is told it was forgotten.
        #[test]
        fn whoever_is_behind_gets_each_point_once_or_is_sent_to_postgres(
            batches in prop::collection::vec(prop::collection::vec((1i32..4, 0i64..3, 1i64..200), 1..4), 1..60),
            limit in 2_000usize..200_000,
            start in prop::collection::vec(0i64..2_000, 3),
        ) {
            let ring = Ring::new(limit);
            let mut sequence = Sequence::default();
            for batch_of in batches {
                let mut ranges: Vec<(PartitionId, i64, i64)> = Vec::new();
                for (id, again, length) in batch_of {
                    if ranges.iter().all(|range| range.0 != id) {
                        let at = sequence.position(id);
                        ranges.push((id, (at - again).max(0), at + length));
                    }
                }
                let page = batch(&ranges);
                let accepted = sequence.accept(&page.stored.ranges);
                ring.push(&page, &accepted.ranges);
                prop_assert!(ring.kept.lock().bytes <= limit);
            }
            let upto = sequence.positions().clone();
            let mut at = Positions::new();
            for (id, start) in (1..).zip(start) {
                at.insert(id, start.min(sequence.position(id)));
            }
            let all = Viewer::everyone().select(Selector::default());
            let mut seen: HashMap<PartitionId, Vec<i64>> = HashMap::new();
            let from = at.clone();
            let mut forgotten = false;
            loop {
                match ring.after(&at, &upto) {
                    Recent::Level => break,
                    Recent::Forgotten(missing) => {
                        forgotten = true;
                        at.insert(missing.partition_id, missing.to);
                        seen.insert(missing.partition_id, (from[&missing.partition_id]..missing.to).collect());
                    }
                    Recent::Page(page, ranges) => {
                        for part in select(&page, &all, &ranges).iter() {
                            for point in part.selected.points() {
                                seen.entry(point.partition_id).or_default().push(point.offset);
                            }
                        }
                        for range in ranges {
                            prop_assert_eq!(at.insert(range.partition_id, range.to), Some(range.from));
                        }
                    }
                }
            }
            for (id, to) in &upto {
                let seen = seen.remove(id).unwrap_or_default();
                prop_assert_eq!(seen, (from[id]..*to).collect::<Vec<_>>());
            }
            prop_assert!(forgotten || ring.kept.lock().entries.len() < 200);
        }
    }
}
