//! Which subscriber wants which series: a batch goes in, picks go into outboxes.
//!
//! Subscribers with the same selector are one group. A selector is judged once for each pair of
//! series and group: when the series is first seen, or when the group begins. After that a point
//! costs one look-up by series id, and all subscribers of a group share one pick.

use std::collections::HashMap;
use std::sync::Arc;

use super::cut::cut;
use super::outbox::{End, Sender};
use super::page::{Page, Pick};
use super::sequence::Accepted;
use crate::data::{Selector, Series, SeriesId, Stored};

pub type SubscriberId = u64;
type GroupId = u64;

#[derive(Debug, Default)]
pub struct Index {
    series: HashMap<SeriesId, Known>,
    groups: HashMap<GroupId, Group>,
    by_selector: HashMap<Selector, GroupId>,
    subscribers: HashMap<SubscriberId, GroupId>,
    next_group: GroupId,
}

#[derive(Debug)]
struct Known {
    series: Arc<Series>,
    wanted_by: Vec<GroupId>,
}

/// Everyone who asks with the same selector.
#[derive(Debug)]
struct Group {
    selector: Selector,
    wants: Vec<SeriesId>,
    outboxes: HashMap<SubscriberId, Sender>,
}

impl Index {
    pub fn subscribe(&mut self, id: SubscriberId, selector: Selector, outbox: Sender) {
        let group_id = match self.by_selector.get(&selector) {
            Some(group_id) => *group_id,
            None => self.begin(selector),
        };
        if let Some(group) = self.groups.get_mut(&group_id) {
            group.outboxes.insert(id, outbox);
            self.subscribers.insert(id, group_id);
        }
    }

    pub fn unsubscribe(&mut self, id: SubscriberId) {
        let Some(group_id) = self.subscribers.remove(&id) else {
            return;
        };
        let Some(group) = self.groups.get_mut(&group_id) else {
            return;
        };
        group.outboxes.remove(&id);
        if group.outboxes.is_empty()
            && let Some(gone) = self.groups.remove(&group_id)
        {
            self.by_selector.remove(&gone.selector);
            for series_id in gone.wants {
                if let Some(known) = self.series.get_mut(&series_id) {
                    known.wanted_by.retain(|other| *other != group_id);
                }
            }
        }
    }

    /// Hands each subscriber the points it asked for, of those that were accepted.
    pub fn deliver(&mut self, page: &Arc<Page>, accepted: &Accepted) {
        let stored = &page.stored;
        for found in &stored.series {
            self.learn(found.id, &found.series);
        }
        if self.subscribers.is_empty() || accepted.ranges.is_empty() {
            return;
        }
        let ranges: Arc<[_]> = accepted.ranges.as_slice().into();
        // All picks before the first delivery: what is written for one serves the others.
        let parts = |(group, points)| {
            let pick = Pick::new(Arc::clone(page), points);
            (group, cut(pick, &ranges, &accepted.mark))
        };
        let parts: Vec<_> = self.matched(stored, accepted).into_iter().map(parts).collect();
        for (group_id, parts) in &parts {
            let outboxes = self.groups.get(group_id).map(|group| group.outboxes.values());
            for outbox in outboxes.into_iter().flatten() {
                for part in parts {
                    outbox.push(part.clone());
                }
            }
        }
    }

    /// Ends one subscription; its outbox gives out what it holds first.
    pub fn end(&self, id: SubscriberId, why: End) {
        let group = self.subscribers.get(&id).and_then(|group| self.groups.get(group));
        if let Some(outbox) = group.and_then(|group| group.outboxes.get(&id)) {
            outbox.end(why);
        }
    }

    /// From now on an id may be of another series than before.
    pub fn forget_series(&mut self) {
        self.series.clear();
        for group in self.groups.values_mut() {
            group.wants.clear();
        }
    }

    pub fn ids(&self) -> Vec<SubscriberId> {
        self.subscribers.keys().copied().collect()
    }

    pub fn len(&self) -> usize {
        self.subscribers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    fn begin(&mut self, selector: Selector) -> GroupId {
        let group_id = self.next_group;
        self.next_group += 1;
        let mut wants = Vec::new();
        for (series_id, known) in &mut self.series {
            if selector.matches(&known.series) {
                known.wanted_by.push(group_id);
                wants.push(*series_id);
            }
        }
        self.by_selector.insert(selector.clone(), group_id);
        let group = Group {
            selector,
            wants,
            outboxes: HashMap::new(),
        };
        self.groups.insert(group_id, group);
        group_id
    }

    fn learn(&mut self, id: SeriesId, series: &Arc<Series>) {
        if self.series.contains_key(&id) {
            return;
        }
        let mut wanted_by = Vec::new();
        for (group_id, group) in &mut self.groups {
            if group.selector.matches(series) {
                group.wants.push(id);
                wanted_by.push(*group_id);
            }
        }
        let series = Arc::clone(series);
        self.series.insert(id, Known { series, wanted_by });
    }

    /// For each group the points it wants, in their order.
    fn matched(&self, stored: &Stored, accepted: &Accepted) -> HashMap<GroupId, Vec<u32>> {
        let wanted_by: Vec<&[GroupId]> = stored
            .series
            .iter()
            .map(|s| self.series.get(&s.id).map_or(&[][..], |known| &known.wanted_by))
            .collect();
        let mut matched: HashMap<GroupId, Vec<u32>> = HashMap::new();
        for (at, point) in (0u32..).zip(&stored.points) {
            let wanted_by = wanted_by[point.series as usize];
            if wanted_by.is_empty() || !accepted.contains(point) {
                continue;
            }
            for group_id in wanted_by {
                matched.entry(*group_id).or_default().push(at);
            }
        }
        matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::stored::Range;
    use crate::data::{Micros, StoredPoint, StoredSeries};
    use crate::live::{Options, Receiver, Sequence, outbox};
    use crate::telemetry::Delivered;

    fn batch(metric: &str, id: SeriesId, offset: i64) -> Arc<Stored> {
        let series = Arc::new(Series::new(metric, [("site", "a")]));
        Arc::new(Stored {
            ranges: vec![Range {
                partition_id: 1,
                from: offset,
                to: offset + 1,
            }],
            series: vec![StoredSeries { id, series }],
            points: vec![StoredPoint {
                series: 0,
                ts: Micros(offset),
                value: 1.0,
                partition_id: 1,
                offset,
            }],
        })
    }

    fn subscribe(index: &mut Index, id: SubscriberId, metric: Option<&str>) -> Receiver {
        let (sender, receiver) = outbox::outbox(Options::default(), &Delivered::default());
        let selector = Selector {
            metric: metric.map(str::to_owned),
            labels: Vec::new(),
        };
        index.subscribe(id, selector, sender);
        receiver
    }

    #[test]
    fn old_and_new_subscribers_get_old_and_new_series() {
        let (mut index, mut sequence) = (Index::default(), Sequence::default());
        let early = subscribe(&mut index, 1, Some("m"));
        let mut publish = |index: &mut Index, stored: Arc<Stored>| {
            let accepted = sequence.accept(&stored.ranges);
            index.deliver(&Page::new(stored), &accepted);
        };
        publish(&mut index, batch("m", 7, 0));
        let late = subscribe(&mut index, 2, None);
        publish(&mut index, batch("m", 7, 1));
        publish(&mut index, batch("other", 8, 2));
        assert_eq!(early.counts().matched, 2);
        assert_eq!(late.counts().matched, 2);
        index.unsubscribe(2);
        publish(&mut index, batch("m", 7, 3));
        assert_eq!(early.counts().matched, 3);
        assert_eq!(late.counts().matched, 2);
    }
}
