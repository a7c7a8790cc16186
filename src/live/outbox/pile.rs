//! What an outbox holds while it conflates: folded points, and the ranges they came from.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Delivery;
use crate::data::stored::Range;
use crate::data::{Mark, PartitionId, SeriesId};
use crate::live::fold::{Fold, Folded, Folding};

#[derive(Debug)]
pub struct Pile {
    pub points: Folding<SeriesId>,
    ranges: BTreeMap<PartitionId, Range>,
    mark: Arc<Mark>,
}

impl Pile {
    pub fn new(fold: Fold) -> Box<Self> {
        Box::new(Self {
            points: Folding::new(fold),
            ranges: BTreeMap::new(),
            mark: Arc::default(),
        })
    }

    /// Returns how many points were folded away.
    pub fn add(&mut self, delivery: &Delivery) -> u64 {
        let mut folded = 0;
        for point in delivery.pick.points() {
            let series = delivery.pick.series(point);
            folded += u64::from(self.points.add(series.id, series, point));
        }
        self.mark = Arc::clone(&delivery.mark);
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
        let Folded {
            pick,
            conflated,
            folded,
        } = self.points.finish();
        Delivery {
            pick,
            ranges: self.ranges.into_values().collect(),
            mark: self.mark,
            conflated,
            folded,
        }
    }
}
