//! What has been published of each partition, and what of a batch comes next.
//!
//! Ranges arrive in any order, twice, overlapping or not at all. A range that continues the partition
//! is delivered without the part that was delivered before. A range behind a gap is left out, because
//! it can be read from Postgres in order.

use std::sync::Arc;

use crate::data::stored::Range;
use crate::data::{PartitionId, Positions, SharedCursor, StoredPoint};

/// The position of each partition below which everything was delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    published: Positions,
}

/// The part of a batch that may be delivered now.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The ranges that are published with this batch, one for each partition.
    pub ranges: Vec<Range>,
    /// The positions after them.
    pub cursor: Arc<SharedCursor>,
    /// All ranges of the batch were accepted completely, so that no point has to be checked.
    pub whole: bool,
    /// A range came behind a gap: Postgres has what is missing.
    pub behind: bool,
}

impl Sequence {
    pub fn new(published: Positions) -> Self {
        Self { published }
    }

    pub fn positions(&self) -> &Positions {
        &self.published
    }

    /// Begins to publish a partition at offset 0, unless it is published already.
    pub fn begin(&mut self, partition: PartitionId) {
        self.published.entry(partition).or_insert(0);
    }

    /// Where a partition stands; an unknown one stands at offset 0.
    pub fn position(&self, partition: PartitionId) -> i64 {
        self.published.get(&partition).copied().unwrap_or(0)
    }

    /// Goes on with these partitions, from where each was published up to, or from `next` if that is
    /// further. Those in `back` go back to `next`, because what was published of them is not stored.
    pub fn move_to(&mut self, next: &Positions, back: &[PartitionId]) {
        let at = |(id, next): (&PartitionId, &i64)| match back.contains(id) {
            true => (*id, *next),
            false => (*id, self.position(*id).max(*next)),
        };
        self.published = next.iter().map(at).collect();
    }

    /// Takes what continues the sequence and moves on past it.
    pub fn accept(&mut self, ranges: &[Range]) -> Accepted {
        let mut ordered = ranges.to_vec();
        ordered.sort_unstable_by_key(|range| (range.partition_id, range.from));
        let mut accepted = Accepted {
            ranges: Vec::with_capacity(ordered.len()),
            cursor: Arc::default(),
            whole: true,
            behind: false,
        };
        for range in ordered {
            let at = self.position(range.partition_id);
            if range.from > at {
                accepted.whole = false;
                accepted.behind = true;
                continue;
            }
            accepted.whole &= range.from == at;
            if range.to <= at {
                continue;
            }
            match accepted.ranges.last_mut() {
                // A batch may have several ranges of a partition; those accepted continue each other.
                Some(last) if last.partition_id == range.partition_id => last.to = range.to,
                _ => accepted.ranges.push(Range { from: at, ..range }),
            }
            self.published.insert(range.partition_id, range.to);
        }
        if !accepted.ranges.is_empty() {
            accepted.cursor = SharedCursor::at(self.published.clone());
        }
        accepted
    }
}

impl Accepted {
    pub fn contains(&self, point: &StoredPoint) -> bool {
        self.whole || self.ranges.iter().any(|range| range.contains(point))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn range(partition_id: PartitionId, from: i64, to: i64) -> Range {
        Range {
            partition_id,
            from,
            to,
        }
    }

    #[test]
    fn a_share_that_continues_is_delivered_and_one_known_in_part_is_cut() {
        let mut sequence = Sequence::new(Positions::from([(1, 10)]));
        let whole = sequence.accept(&[range(1, 10, 20)]);
        assert!(whole.whole && !whole.behind);
        let cut = sequence.accept(&[range(1, 15, 30)]);
        assert_eq!(cut.ranges, [range(1, 20, 30)]);
        assert!(!cut.whole);
        assert!(sequence.accept(&[range(1, 0, 30)]).ranges.is_empty());
    }

    #[test]
    fn ranges_of_a_partition_that_follow_each_other_are_one() {
        let mut sequence = Sequence::new(Positions::from([(1, 10), (2, 0)]));
        let accepted = sequence.accept(&[
            range(1, 15, 16),
            range(2, 0, 3),
            range(1, 10, 15),
            range(1, 18, 20),
        ]);
        assert_eq!(accepted.ranges, [range(1, 10, 16), range(2, 0, 3)]);
        assert!(accepted.behind && !accepted.whole);
        assert_eq!(sequence.positions(), &Positions::from([(1, 16), (2, 3)]));
    }

    #[test]
    fn a_hole_keeps_back_its_own_partition_only() {
        let mut sequence = Sequence::new(Positions::from([(1, 10), (2, 5)]));
        let accepted = sequence.accept(&[range(1, 11, 20), range(2, 5, 9)]);
        assert!(accepted.behind);
        assert_eq!(accepted.ranges, [range(2, 5, 9)]);
        assert_eq!(sequence.positions(), &Positions::from([(1, 10), (2, 9)]));
    }

    #[test]
    fn a_partition_whose_commits_were_lost_falls_back_to_what_is_stored_and_others_do_not() {
        let mut sequence = Sequence::new(Positions::from([(1, 10), (2, 5), (3, 7)]));
        // 2 went on meanwhile, 3 is an epoch that ended, 4 began.
        sequence.move_to(&Positions::from([(1, 8), (2, 4), (4, 0)]), &[1]);
        assert_eq!(sequence.positions(), &Positions::from([(1, 8), (2, 5), (4, 0)]));
        assert_eq!(sequence.accept(&[range(1, 8, 11)]).ranges, [range(1, 8, 11)]);
    }

    proptest! {
        /// Postgres is the list of commits so far; ranges reach the sequence late, twice,
        /// overlapping or never, and holes are read from Postgres as the hub does.
        #[test]
        fn every_offset_is_delivered_once_and_in_order(
            lengths in prop::collection::vec((1i32..3, 1i64..6), 1..40),
            arrivals in prop::collection::vec((any::<prop::sample::Index>(), 0i64..4), 0..120),
        ) {
            let mut next = BTreeMap::<PartitionId, i64>::new();
            let mut commits = Vec::new();
            for (partition, length) in lengths {
                let at = next.entry(partition).or_insert(0);
                commits.push(range(partition, *at, *at + length));
                *at += length;
            }
            let mut sequence = Sequence::default();
            let mut seen = BTreeMap::<PartitionId, Vec<i64>>::new();
            let mut deliver = |sequence: &mut Sequence, range: Range| {
                let accepted = sequence.accept(&[range]);
                for r in &accepted.ranges {
                    seen.entry(r.partition_id).or_default().extend(r.from..r.to);
                }
                accepted.behind
            };
            let catch_up = |sequence: &Sequence| -> Vec<Range> {
                next.iter().map(|(p, to)| range(*p, sequence.position(*p), *to)).collect()
            };
            for (which, stretch) in arrivals {
                let mut range = commits[which.index(commits.len())];
                range.from = (range.from - stretch).max(0);
                if deliver(&mut sequence, range) {
                    for missing in catch_up(&sequence) {
                        prop_assert!(!deliver(&mut sequence, missing));
                    }
                }
            }
            for missing in catch_up(&sequence) {
                deliver(&mut sequence, missing);
            }
            for (partition, to) in next {
                prop_assert_eq!(&seen[&partition], &(0..to).collect::<Vec<_>>());
            }
        }
    }
}
