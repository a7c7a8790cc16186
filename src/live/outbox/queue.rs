//! What an outbox holds: a queue of deliveries, or, while conflating, one point for each series.
//!
//! Plain state without locks or time; the outbox around it has both.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Weak};

use super::conflated::Conflated;
use super::options::{End, Holding, Options, Overflow};
use crate::data::{PartitionId, Positions, Stored, StoredPoint};
use crate::live::delivery::{Delivery, Page, Selected};
use crate::telemetry::Counts;

#[derive(Debug)]
pub struct Queue {
    options: Options,
    entries: VecDeque<Entry>,
    conflated: Option<Box<Conflated>>,
    /// New deliveries are conflated.
    folding: bool,
    /// The subscriber has everything before these positions from another node; usually empty.
    seen: Positions,
    /// Bytes that this subscriber alone keeps alive, and those it may share with others.
    own_bytes: usize,
    shared_bytes: usize,
    /// A weak reference is enough: no other page can have its address meanwhile.
    newest_page: Weak<Page>,
    ended: Option<End>,
    counts: Counts,
}

#[derive(Debug)]
struct Entry {
    delivery: Delivery,
    own: usize,
    shared: usize,
}

impl Queue {
    pub fn new(options: Options) -> Self {
        Self {
            options,
            entries: VecDeque::new(),
            conflated: None,
            folding: false,
            seen: Positions::new(),
            own_bytes: 0,
            shared_bytes: 0,
            newest_page: Weak::new(),
            ended: None,
            counts: Counts::default(),
        }
    }

    /// Returns how many more bytes it holds: its own, and the texts that were written meanwhile.
    pub fn push(&mut self, delivery: Delivery) -> usize {
        let own = self.own_bytes;
        let mut texts = 0;
        let page = Arc::downgrade(&delivery.selected.page);
        // The parts of one batch are measured together.
        if !page.ptr_eq(&self.newest_page) {
            self.newest_page = page;
            let before = self.shared_bytes;
            self.measure_newest();
            texts = self.shared_bytes.saturating_sub(before);
            self.fit();
        }
        if self.ended.is_some() {
            return 0;
        }
        self.counts.matched += delivery.selected.len() as u64;
        self.counts.pending += delivery.selected.len() as u64;
        self.add(delivery);
        texts + self.own_bytes.saturating_sub(own)
    }

    /// The next delivery. `early`: a conflated one has to wait, unless it fills half the outbox or
    /// the subscription ends.
    pub fn take(&mut self, early: bool) -> Option<Result<Delivery, End>> {
        let delivery = if let Some(entry) = self.entries.pop_front() {
            self.own_bytes -= entry.own;
            self.shared_bytes -= entry.shared;
            entry.delivery
        } else if (!early || self.is_due())
            && let Some(conflated) = self.conflated.take()
        {
            self.folding = self.options.every.is_some();
            self.own_bytes = 0;
            conflated.into_delivery()
        } else {
            return self.ended.map(Err);
        };
        self.counts.pending -= delivery.selected.len() as u64;
        self.counts.sent += delivery.selected.len() as u64;
        Some(Ok(delivery))
    }

    /// Whether `take` has an answer.
    pub fn has_next(&self, early: bool) -> bool {
        !self.entries.is_empty()
            || self.ended.is_some()
            || (self.conflated.is_some() && (!early || self.is_due()))
    }

    pub fn end(&mut self, why: End) {
        self.ended.get_or_insert(why);
    }

    /// Also applies to the deliveries that wait.
    pub fn go_live(&mut self, overflow: Overflow, seen: Positions) -> bool {
        self.options.overflow = overflow;
        self.folding = self.options.every.is_some();
        self.seen = seen;
        if self.folding || !self.seen.is_empty() {
            (self.own_bytes, self.shared_bytes) = (0, 0);
            for entry in mem::take(&mut self.entries) {
                self.add(entry.delivery);
            }
        }
        self.ended != Some(End::Overflow)
    }

    /// Drops what is pending and takes nothing more.
    pub fn discard(&mut self) {
        self.ended.get_or_insert(End::Overflow);
        self.entries = VecDeque::new();
        self.conflated = None;
        (self.own_bytes, self.shared_bytes) = (0, 0);
        self.counts.discarded += mem::take(&mut self.counts.pending);
    }

    /// What it holds alone, and of which pages.
    pub fn holding(&self) -> Holding {
        let mut pages: Vec<(usize, usize)> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.shared > 0) {
            let page = Arc::as_ptr(&entry.delivery.selected.page).addr();
            match pages.last_mut() {
                Some((last, bytes)) if *last == page => *bytes += entry.shared,
                _ => pages.push((page, entry.shared)),
            }
        }
        Holding {
            own: self.own_bytes,
            pages,
        }
    }

    /// Holds as little as its policy allows, and returns what it still holds alone.
    pub fn give_way(&mut self) -> usize {
        if self.ended.is_none() && !(self.options.overflow == Overflow::Conflate && self.conflate()) {
            self.ended = Some(End::Overflow);
            self.discard();
        }
        self.own_bytes
    }

    pub fn is_idle(&self) -> bool {
        self.counts.pending == 0 && self.ended.is_none()
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How much of its limit is used, 0 to 1. One that is conflated because it was full counts as full.
    pub fn fill(&self) -> f64 {
        if self.folding && self.options.every.is_none() {
            return 1.0;
        }
        let bytes = self.own_bytes.max(self.shared_bytes);
        (bytes as f64 / self.options.limit.max(1) as f64).min(1.0)
    }

    #[cfg(test)]
    pub fn bytes(&self) -> (usize, usize) {
        (self.own_bytes, self.shared_bytes)
    }

    fn is_due(&self) -> bool {
        self.ended.is_some() || self.own_bytes > self.options.limit / 2
    }

    fn add(&mut self, mut delivery: Delivery) {
        if !self.seen.is_empty() {
            let selected = unseen(&self.seen, &delivery.selected);
            let seen = (delivery.selected.len() - selected.len()) as u64;
            self.counts.pending -= seen;
            self.counts.sent += seen;
            delivery.selected = selected;
            for range in delivery.ranges.iter() {
                let is_ahead =
                    |id: &PartitionId, seen: &mut i64| *id != range.partition_id || range.to < *seen;
                self.seen.retain(is_ahead);
            }
        }
        if delivery.selected.is_empty() {
            return;
        }
        if self.folding {
            return self.fold(&delivery);
        }
        // The last part of a page keeps all of it alive.
        if let Some(before) = self.entries.back_mut()
            && Arc::ptr_eq(&before.delivery.selected.page, &delivery.selected.page)
        {
            let page = before.delivery.selected.page.weight();
            before.shared -= page;
            self.shared_bytes -= page;
        }
        let entry = Entry::shared(delivery);
        self.own_bytes += entry.own;
        self.shared_bytes += entry.shared;
        self.entries.push_back(entry);
    }

    /// The texts of a batch are written while it is the newest, so they are there now.
    fn measure_newest(&mut self) {
        let Some(newest) = self.entries.back() else {
            return;
        };
        let newest = Arc::clone(&newest.delivery.selected.page);
        let mut page = true;
        for entry in self.entries.iter_mut().rev() {
            let selected = &entry.delivery.selected;
            if entry.shared == 0 || !Arc::ptr_eq(&selected.page, &newest) {
                return;
            }
            let (lists, texts) = selected.text_bytes();
            let mut shared = references(selected) + lists;
            if mem::take(&mut page) {
                shared += newest.weight() + texts;
            }
            self.shared_bytes = self.shared_bytes - entry.shared + shared;
            entry.shared = shared;
        }
    }

    /// Keeps the limit. Called before a batch is added, so that a larger one reaches a subscriber that
    /// keeps up.
    fn fit(&mut self) {
        if self.shared_bytes > self.options.limit {
            self.copy_out();
        }
        if self.own_bytes > self.options.limit {
            self.overflow();
        }
    }

    fn fold(&mut self, delivery: &Delivery) {
        let Options { fold, limit, .. } = self.options;
        let conflated = self.conflated.get_or_insert_with(|| Conflated::new(fold));
        let folded = conflated.add(delivery);
        self.counts.conflated += folded;
        self.counts.pending -= folded;
        self.own_bytes = conflated.bytes();
        if self.own_bytes > limit / 2 {
            conflated.points.shrink(limit / 8);
            self.own_bytes = conflated.bytes();
        }
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
        if self.options.overflow == Overflow::Conflate {
            self.conflate();
        }
        if self.own_bytes > self.options.limit {
            self.ended = Some(End::Overflow);
            self.discard();
        }
    }

    /// False when it was conflating already.
    fn conflate(&mut self) -> bool {
        if mem::replace(&mut self.folding, true) {
            return false;
        }
        (self.own_bytes, self.shared_bytes) = (0, 0);
        for entry in mem::take(&mut self.entries) {
            self.fold(&entry.delivery);
        }
        true
    }
}

impl Entry {
    fn shared(delivery: Delivery) -> Self {
        Self {
            own: size_of::<Self>(),
            shared: references(&delivery.selected) + delivery.selected.page.weight(),
            delivery,
        }
    }

    /// The same delivery with its points alone.
    fn copied(from: &Delivery) -> Self {
        let mut places = HashMap::new();
        let mut stored = Stored::default();
        for point in from.selected.points() {
            let series = *places.entry(point.series).or_insert_with(|| {
                stored.series.push(from.selected.series(point).clone());
                stored.series.len() as u32 - 1
            });
            stored.points.push(StoredPoint { series, ..*point });
        }
        let own = size_of_val(&stored.series[..])
            + stored.points.len() * (size_of::<StoredPoint>() + size_of::<u32>());
        let delivery = Delivery {
            selected: Selected::all(Page::new(Arc::new(stored))),
            ranges: Arc::clone(&from.ranges),
            cursor: Arc::clone(&from.cursor),
        };
        Self {
            own: size_of::<Self>() + size_of::<Selected>() + size_of::<Page>() + own,
            shared: 0,
            delivery,
        }
    }
}

/// Points at or behind these positions.
fn unseen(seen: &Positions, selected: &Arc<Selected>) -> Arc<Selected> {
    let new = |point: &StoredPoint| {
        seen.get(&point.partition_id)
            .is_none_or(|seen| point.offset >= *seen)
    };
    if selected.points().all(new) {
        return Arc::clone(selected);
    }
    let rest = selected.points.iter().zip(selected.points());
    let rest = rest.filter(|(_, point)| new(point)).map(|(at, _)| *at).collect();
    Selected::new(Arc::clone(&selected.page), rest)
}

fn references(selected: &Selected) -> usize {
    size_of::<Selected>() + size_of_val(&selected.points[..])
}
