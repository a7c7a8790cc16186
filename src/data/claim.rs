//! Owning a Kafka partition: what is claimed, and where it goes on.

use super::stored::PartitionId;

/// A partition as Kafka names it, under the topic id of the moment, with the stream it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub stream: &'a str,
    pub topic: &'a str,
    pub partition: i32,
    pub topic_id: &'a str,
}

/// A partition that now belongs to this node alone, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub partition_id: PartitionId,
    pub owner_epoch: i64,
    pub next_offset: i64,
}

/// What is known of a partition at its assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Never heard of: the stream's `start` decides.
    New,
    /// Known under another topic id: the topic was created anew and is read from offset 0.
    Recreated,
    /// The current epoch's row, its owner epoch raised by this claim.
    Resumed(Claimed),
}
