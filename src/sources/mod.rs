//! Where records come from: Kafka, or the in-process cluster that stands in for it.
//!
//! Partitions of Kafka topics become [`RawBatch`]es with the offsets they cover. The next offset of
//! every partition is in Postgres, behind [`Ledger`]. Kafka's own committed offsets are only reported,
//! for lag tools. What this part needs of others is a trait here, so that it imports none of them.
//!
//! Reading order: [`broker`] (which cluster), [`topics`] (they exist), [`poller`] (the handle of
//! the poll thread), `poll` (its loop), `rebalance` (what an assignment does), `offsets` (where to
//! begin), `builder` (records to batches), `report` (lag and commits), and for the other
//! direction [`producer`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::data::{Claim, Claimed, Micros, RawBatch, TopicPartition};

pub mod broker;
pub mod properties;
pub mod reach;
pub mod topics;
pub mod checkup;
pub mod poller;
pub mod peek;
mod control;
mod poll;
mod subscribed;
mod rebalance;
mod offsets;
mod builder;
mod report;
mod native;
pub mod producer;
pub mod pace;
mod throttle;
#[cfg(test)]
mod tests;

pub use broker::{Broker, SourceError};
pub use offsets::resolve_time;
pub use pace::Pace;
pub use peek::{Peek, PeekFrom};
pub use poller::{Poller, Reading};
pub use producer::{Outgoing, ProduceError, Producer};
pub use topics::{TopicSpec, ensure_topics};

/// Where a stream begins on a topic that was never read. Partitions that a topic gets later are read from
/// their beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    #[default]
    Earliest,
    Latest,
    /// At the first record of this Kafka timestamp or later.
    At(Micros),
}

/// What to do when Kafka no longer has (or does not yet have) the stored offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnOffsetLost {
    /// The partition is stopped until an operator decides.
    #[default]
    Stop,
    /// It goes on with what Kafka has; the loss is recorded.
    Jump,
}

/// One stream as the poll thread sees it.
#[derive(Clone, Debug)]
pub struct StreamSource {
    pub name: Arc<str>,
    pub topic: Arc<str>,
    pub partitions: i32,
    pub start: Start,
    pub on_offset_lost: OnOffsetLost,
    /// The topic of redriven dead letters; always read from its beginning.
    pub redrive_topic: Option<Arc<str>>,
}

/// How the poll thread reads.
#[derive(Clone, Debug)]
pub struct PollConfig {
    pub group_id: String,
    /// A batch is handed over at the latest with this many records …
    pub batch_records: usize,
    /// … or this many bytes, as the credits count them.
    pub batch_bytes: usize,
    /// What librdkafka may hold beyond the credits, in bytes; part of the same memory budget.
    pub prefetch_bytes: usize,
    /// After this silence the group gives this node's partitions to others.
    pub session_timeout: Duration,
    /// How often the topics' ids are asked for again.
    pub recheck_topics: Duration,
}

impl Default for PollConfig {
    fn default() -> Self {
        Self {
            group_id: "streamsync".to_owned(),
            batch_records: 10_000,
            batch_bytes: 4 << 20,
            prefetch_bytes: 32 << 20,
            session_timeout: Duration::from_secs(45),
            recheck_topics: Duration::from_secs(30),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Worth a restart: the database is unavailable or busy.
    #[error("{0}")]
    Retry(String),
    /// No restart can help.
    #[error("{0}")]
    Fatal(String),
}

/// The offsets in Postgres. Called synchronously on the poll thread while it is assigned
/// partitions, so each call should answer or fail within seconds.
pub trait Ledger: fmt::Debug + Send {
    /// Takes the partition over: its previous owner can no longer commit.
    fn claim(&mut self, of: TopicPartition<'_>) -> Result<Claim, LedgerError>;

    /// Sets where each partition (number, offset) of a topic begins that was never claimed. If another
    /// node was first, its offsets hold.
    fn begin_topic(&mut self, of: TopicPartition<'_>, first: &[(i32, i64)]) -> Result<(), LedgerError>;

    /// Begins a new epoch of the partition at `next_offset`, owned by this node.
    fn begin_epoch(&mut self, of: TopicPartition<'_>, next_offset: i64) -> Result<Claimed, LedgerError>;

    /// Records that `claimed.next_offset..to` is gone, and moves the epoch's next offset to `to`.
    fn record_gap(&mut self, claimed: Claimed, to: i64) -> Result<(), LedgerError>;

    /// Records that Kafka has lost `from..claimed.next_offset` after it was read.
    fn record_lost_end(&mut self, claimed: Claimed, from: i64) -> Result<(), LedgerError>;
}

/// Where the poll thread delivers to. Neither method may block.
pub trait Sink: fmt::Debug + Send {
    fn batch(&self, batch: RawBatch);

    /// Nothing follows: this generation's poll thread ends. `fatal`: no restart can help.
    fn failed(&self, why: String, fatal: bool);
}

/// Why a poll thread ends before it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub why: String,
    pub fatal: bool,
}

impl Failure {
    pub fn retry(why: impl fmt::Display) -> Self {
        Self {
            why: why.to_string(),
            fatal: false,
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self {
            why: format!("ledger: {error}"),
            fatal: matches!(error, LedgerError::Fatal(_)),
        }
    }
}
