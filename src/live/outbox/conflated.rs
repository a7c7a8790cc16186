//! What an outbox holds while it conflates: folded points, and the ranges they came from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::stored::Range;
use crate::data::{PartitionId, SeriesId, SharedCursor};
use crate::live::delivery::Delivery;
use crate::live::fold::{Fold, Folding};

#[derive(Debug)]
pub struct Conflated {
    pub points: Folding<SeriesId>,
    ranges: BTreeMap<PartitionId, Range>,
    cursor: Arc<SharedCursor>,
}

impl Conflated {
    pub fn new(fold: Fold) -> Box<Self> {
        Box::new(Self {
            points: Folding::new(fold),
            ranges: BTreeMap::new(),
            cursor: Arc::default(),
        })
    }

    /// Returns how many points were folded away.
    pub fn add(&mut self, delivery: &Delivery) -> u64 {
        let mut folded = 0;
        for point in delivery.selected.points() {
            let series = delivery.selected.series(point);
            folded += u64::from(self.points.add(series.id, series, point));
        }
        self.cursor = Arc::clone(&delivery.cursor);
        for range in delivery.ranges.iter() {
            self.ranges
                .entry(range.partition_id)
                .and_modify(|all| all.to = all.to.max(range.to))
                .or_insert(*range);
        }
        folded
    }

    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.points.bytes() + self.ranges.len() * 2 * size_of::<(PartitionId, Range)>()
    }

    pub fn into_delivery(self) -> Delivery {
        Delivery {
            selected: self.points.finish(),
            ranges: self.ranges.into_values().collect(),
            cursor: self.cursor,
        }
    }
}
