//! Partitions that Kafka assigns to this node while Postgres names another owner.
//!
//! During a rebalance this is normal: the new owner has claimed a partition that this node is about to
//! lose, and what this node still reads of it is dropped. If it lasts, perhaps no node reads the
//! partition.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::data::PartitionId;

/// A partition and the owner epoch under which this node claimed it.
pub type Claimed = (PartitionId, i64);

#[derive(Debug)]
pub struct Fenced {
    patience: Duration,
    since: HashMap<Claimed, Instant>,
}

impl Fenced {
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            since: HashMap::new(),
        }
    }

    /// Forgets those that Kafka revoked or that were claimed again.
    pub fn retain(&mut self, still: impl Fn(&Claimed) -> bool) {
        self.since.retain(|claimed, _| still(claimed));
    }

    /// Another owner has it; true when that has lasted too long.
    pub fn note(&mut self, claimed: Claimed, now: Instant) -> bool {
        let since = *self.since.entry(claimed).or_insert_with(|| {
            let (partition_id, owner_epoch) = claimed;
            tracing::warn!(
                partition_id,
                owner_epoch,
                "another node owns a partition that is still assigned to this node"
            );
            now
        });
        now.duration_since(since) > self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_partition_that_stays_assigned_is_missed_and_only_after_a_while() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut fenced = Fenced::new(Duration::from_secs(10));
        assert!(!fenced.note((1, 4), at(0)) && !fenced.note((1, 4), at(10)));
        assert!(fenced.note((1, 4), at(11)));
        assert!(!fenced.note((1, 5), at(11)), "claimed anew");
        fenced.retain(|claimed| *claimed == (1, 5));
        assert!(!fenced.note((1, 4), at(30)));
        assert!(fenced.note((1, 5), at(30)));
    }
}
