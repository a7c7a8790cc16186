//! What an outbox holds: a queue of deliveries, or, while conflating, one point for each series.
//!
//! Plain state without locks or time; the outbox around it has both.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;

use super::{Counts, Delivery, End, Options, Overflow};
use crate::data::stored::Range;
use crate::data::{Mark, PartitionId, SeriesId, Stored, StoredPoint, StoredSeries};
use crate::live::page::{Page, Pick};

/// Bytes of bookkeeping for a queued delivery, and for a folded point.
const ENTRY_BYTES: usize = 96;
const FOLDED_BYTES: usize = 96;

#[derive(Debug)]
pub struct Queue {
    options: Options,
    entries: VecDeque<Entry>,
    /// Bytes that this subscriber alone keeps alive, and those it shares with others.
    own_bytes: usize,
    shared_bytes: usize,
    fold: Fold,
    folding: bool,
    ended: Option<End>,
    counts: Counts,
}

#[derive(Debug)]
struct Entry {
    delivery: Delivery,
    own: usize,
    shared: usize,
}

/// The newest point of each series, and the ranges all folded points came from.
#[derive(Debug, Default)]
struct Fold {
    points: HashMap<SeriesId, (StoredSeries, StoredPoint)>,
    ranges: BTreeMap<PartitionId, Range>,
    mark: Arc<Mark>,
    conflated: u64,
}

impl Queue {
    pub fn new(options: Options) -> Self {
        Self {
            options,
            entries: VecDeque::new(),
            own_bytes: 0,
            shared_bytes: 0,
            fold: Fold::default(),
            folding: options.every.is_some(),
            ended: None,
            counts: Counts::default(),
        }
    }

    pub fn push(&mut self, delivery: Delivery) {
        if self.ended.is_some() {
            return;
        }
        self.counts.matched += delivery.pick.len() as u64;
        self.counts.pending += delivery.pick.len() as u64;
        if self.folding {
            self.fold(&delivery);
        } else {
            self.enqueue(Entry::shared(delivery));
        }
        if self.shared_bytes > self.options.limit {
            self.copy_out();
        }
        if self.own_bytes > self.options.limit {
            self.overflow();
        }
    }

    /// The next delivery. `early`: a conflated one has to wait, unless it fills half the outbox or
    /// the subscription ends.
    pub fn take(&mut self, early: bool) -> Option<Result<Delivery, End>> {
        let delivery = if let Some(entry) = self.entries.pop_front() {
            self.own_bytes -= entry.own;
            self.shared_bytes -= entry.shared;
            entry.delivery
        } else if self.fold.points.is_empty() || (early && !self.is_due()) {
            return self.ended.map(Err);
        } else {
            self.folding = self.options.every.is_some();
            self.own_bytes = 0;
            mem::take(&mut self.fold).into_delivery()
        };
        self.counts.pending -= delivery.pick.len() as u64;
        self.counts.sent += delivery.pick.len() as u64;
        Some(Ok(delivery))
    }

    /// Whether `take` has an answer.
    pub fn has_next(&self, early: bool) -> bool {
        !self.entries.is_empty()
            || self.ended.is_some()
            || (!self.fold.points.is_empty() && (!early || self.is_due()))
    }

    fn is_due(&self) -> bool {
        self.ended.is_some() || self.own_bytes > self.options.limit / 2
    }

    pub fn end(&mut self, why: End) {
        self.ended.get_or_insert(why);
    }

    pub fn go_live(&mut self, overflow: Overflow) -> bool {
        self.options.overflow = overflow;
        self.ended != Some(End::Overflow)
    }

    /// Drops what is pending and takes nothing more.
    pub fn discard(&mut self) {
        self.ended.get_or_insert(End::Overflow);
        self.entries = VecDeque::new();
        self.fold = Fold::default();
        (self.own_bytes, self.shared_bytes) = (0, 0);
        self.counts.discarded += mem::take(&mut self.counts.pending);
    }

    pub fn is_idle(&self) -> bool {
        self.counts.pending == 0 && self.ended.is_none()
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    #[cfg(test)]
    pub fn bytes(&self) -> (usize, usize) {
        (self.own_bytes, self.shared_bytes)
    }

    fn enqueue(&mut self, entry: Entry) {
        self.own_bytes += entry.own;
        self.shared_bytes += entry.shared;
        self.entries.push_back(entry);
    }

    fn fold(&mut self, delivery: &Delivery) {
        let folded = self.fold.add(delivery);
        self.counts.conflated += folded;
        self.counts.pending -= folded;
        self.own_bytes = self.fold.points.len() * FOLDED_BYTES;
    }

    fn copy_out(&mut self) {
        for entry in mem::take(&mut self.entries) {
            let entry = if entry.shared > 0 {
                self.own_bytes -= entry.own;
                self.shared_bytes -= entry.shared;
                let copied = Entry::copied(&entry.delivery);
                self.own_bytes += copied.own;
                copied
            } else {
                entry
            };
            self.entries.push_back(entry);
        }
    }

    fn overflow(&mut self) {
        if self.options.overflow == Overflow::Conflate && !self.folding {
            self.folding = true;
            self.shared_bytes = 0;
            for entry in mem::take(&mut self.entries) {
                self.fold(&entry.delivery);
            }
        }
        if self.own_bytes > self.options.limit {
            self.ended = Some(End::Overflow);
            self.discard();
        }
    }
}

impl Entry {
    fn shared(delivery: Delivery) -> Self {
        Self {
            own: ENTRY_BYTES + size_of_val(&delivery.pick.points[..]),
            shared: weight(&delivery.pick.page.stored),
            delivery,
        }
    }

    /// The same delivery with its points alone.
    fn copied(from: &Delivery) -> Self {
        let mut places = HashMap::new();
        let mut stored = Stored::default();
        for point in from.pick.points() {
            let series = *places.entry(point.series).or_insert_with(|| {
                stored.series.push(from.pick.series(point).clone());
                stored.series.len() as u32 - 1
            });
            stored.points.push(StoredPoint { series, ..*point });
        }
        let delivery = Delivery {
            pick: Pick::all(Page::new(Arc::new(stored))),
            ranges: Arc::clone(&from.ranges),
            mark: Arc::clone(&from.mark),
            conflated: from.conflated,
            folded: from.folded.clone(),
        };
        Self {
            own: ENTRY_BYTES + size_of_val(&delivery.pick.points[..]) + weight(&delivery.pick.page.stored),
            shared: 0,
            delivery,
        }
    }
}

impl Fold {
    /// Returns how many points were folded away.
    fn add(&mut self, delivery: &Delivery) -> u64 {
        self.conflated += delivery.conflated;
        let kept = self.conflated;
        for point in delivery.pick.points() {
            let series = delivery.pick.series(point);
            match self.points.get_mut(&series.id) {
                None => {
                    self.points.insert(series.id, (series.clone(), *point));
                }
                Some((_, newest)) => {
                    self.conflated += 1;
                    // The same time again is a correction: the later one counts.
                    if point.ts >= newest.ts {
                        *newest = *point;
                    }
                }
            }
        }
        self.mark = Arc::clone(&delivery.mark);
        for range in delivery.ranges.iter() {
            self.ranges
                .entry(range.partition_id)
                .and_modify(|all| all.to = all.to.max(range.to))
                .or_insert(*range);
        }
        self.conflated - kept
    }

    fn into_delivery(self) -> Delivery {
        let mut folded: Vec<_> = self.points.into_values().collect();
        folded.sort_unstable_by_key(|(series, _)| series.id);
        let mut stored = Stored::default();
        for (place, (series, point)) in (0..).zip(folded) {
            stored.series.push(series);
            stored.points.push(StoredPoint {
                series: place,
                ..point
            });
        }
        Delivery {
            pick: Pick::all(Page::new(Arc::new(stored))),
            ranges: self.ranges.into_values().collect(),
            mark: self.mark,
            conflated: self.conflated,
            folded: None,
        }
    }
}

fn weight(stored: &Stored) -> usize {
    size_of_val(&stored.points[..]) + size_of_val(&stored.series[..])
}
