//! Which subscriber wants which series: a batch goes in, index lists go into outboxes.
//!
//! A selector is judged once for each pair of series and subscription: when the series is first
//! seen, or when the subscription comes. After that a point costs one look-up by series id.

use std::collections::HashMap;
use std::sync::Arc;

use super::outbox::{Delivery, End, Sender};
use super::sequence::Accepted;
use crate::data::{Selector, Series, SeriesId, Stored};

pub type SubscriberId = u64;

#[derive(Debug, Default)]
pub struct Index {
    series: HashMap<SeriesId, Known>,
    subscribers: HashMap<SubscriberId, Subscriber>,
}

#[derive(Debug)]
struct Known {
    series: Arc<Series>,
    wanted_by: Vec<SubscriberId>,
}

#[derive(Debug)]
struct Subscriber {
    selector: Selector,
    outbox: Sender,
    wants: Vec<SeriesId>,
}

impl Index {
    pub fn subscribe(&mut self, id: SubscriberId, selector: Selector, outbox: Sender) {
        let mut wants = Vec::new();
        for (series_id, known) in &mut self.series {
            if selector.matches(&known.series) {
                known.wanted_by.push(id);
                wants.push(*series_id);
            }
        }
        let subscriber = Subscriber {
            selector,
            outbox,
            wants,
        };
        self.subscribers.insert(id, subscriber);
    }

    pub fn unsubscribe(&mut self, id: SubscriberId) {
        let Some(gone) = self.subscribers.remove(&id) else {
            return;
        };
        for series_id in gone.wants {
            if let Some(known) = self.series.get_mut(&series_id) {
                known.wanted_by.retain(|other| *other != id);
            }
        }
    }

    /// Hands each subscriber the points it asked for, of those that were accepted.
    pub fn deliver(&mut self, stored: &Arc<Stored>, accepted: &Accepted) {
        for found in &stored.series {
            self.learn(found.id, &found.series);
        }
        if self.subscribers.is_empty() || accepted.ranges.is_empty() {
            return;
        }
        let wanted_by: Vec<&[SubscriberId]> = stored
            .series
            .iter()
            .map(|s| self.series.get(&s.id).map_or(&[][..], |k| &k.wanted_by))
            .collect();
        let mut matched: HashMap<SubscriberId, Vec<u32>> = HashMap::new();
        for (at, point) in (0u32..).zip(&stored.points) {
            let wanted_by = wanted_by[point.series as usize];
            if wanted_by.is_empty() || !accepted.contains(point) {
                continue;
            }
            for id in wanted_by {
                matched.entry(*id).or_default().push(at);
            }
        }
        let ranges: Arc<[_]> = accepted.ranges.as_slice().into();
        for (id, points) in matched {
            if let Some(subscriber) = self.subscribers.get(&id) {
                subscriber.outbox.push(Delivery {
                    stored: Arc::clone(stored),
                    points,
                    ranges: Arc::clone(&ranges),
                    conflated: 0,
                });
            }
        }
    }

    /// Ends one subscription; its outbox gives out what it holds first.
    pub fn end(&self, id: SubscriberId, why: End) {
        if let Some(subscriber) = self.subscribers.get(&id) {
            subscriber.outbox.end(why);
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

    fn learn(&mut self, id: SeriesId, series: &Arc<Series>) {
        if self.series.contains_key(&id) {
            return;
        }
        let mut wanted_by = Vec::new();
        for (subscriber_id, subscriber) in &mut self.subscribers {
            if subscriber.selector.matches(series) {
                subscriber.wants.push(id);
                wanted_by.push(*subscriber_id);
            }
        }
        let series = Arc::clone(series);
        self.series.insert(id, Known { series, wanted_by });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::stored::Range;
    use crate::data::{Micros, StoredPoint, StoredSeries};
    use crate::live::{Delivered, Options, Receiver, Sequence, outbox};

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
        let (sender, receiver) = outbox::outbox(Options::default(), Delivered::default());
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
            index.deliver(&stored, &accepted);
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
