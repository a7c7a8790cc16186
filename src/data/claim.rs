//! Ownership of a Kafka partition: the claim and the next offset.

use super::batch::LeaderEpoch;
use super::stored::PartitionId;

/// A partition as Kafka names it, with the topic's present id and the stream it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct TopicPartition<'a> {
    pub stream: &'a str,
    pub topic: &'a str,
    pub partition: i32,
    pub topic_id: &'a str,
}

/// A partition that this node owns now, and its next offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub partition_id: PartitionId,
    pub owner_epoch: i64,
    pub next_offset: i64,
    /// Of the last record below `next_offset`, if it is known.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// What is known of a partition at its assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The topic was never claimed: the stream's `start` decides, once for all partitions.
    New,
    /// The topic was recreated, or got this partition later: it is read from offset 0.
    Unread,
    /// The current epoch's row, its owner epoch raised by this claim.
    Resumed(Claimed),
}
