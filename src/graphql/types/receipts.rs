//! Inputs and results of the mutations.

use async_graphql::{ID, InputObject, SimpleObject};

use crate::graphql::scalars::{DateTime, Long, PointValue};

/// A point to publish.
#[derive(Clone, Debug, InputObject)]
pub struct PointInput {
    pub metric: String,
    /// Each name at most once; an empty value means that the series does not have the label.
    #[graphql(default)]
    pub labels: Vec<LabelInput>,
    /// Now if omitted.
    pub ts: Option<DateTime>,
    /// Finite; whole numbers up to 2^53, as larger ones would lose digits.
    pub value: PointValue,
}

#[derive(Clone, Debug, InputObject)]
pub struct LabelInput {
    pub name: String,
    pub value: String,
}

/// What a configuration that was read again has changed.
#[derive(Clone, Debug, SimpleObject)]
pub struct ReloadReceipt {
    /// Streams whose records become something else from now on.
    pub streams: Vec<String>,
    /// Sections whose changes take effect at the next start.
    pub at_restart: Vec<String>,
}

/// Kafka has acknowledged all points; they are stored and delivered a moment later.
#[derive(Clone, Debug, SimpleObject)]
pub struct PublishReceipt {
    /// How many points were sent, each as one Kafka record.
    pub accepted: i32,
    /// False with the embedded broker: points that are not stored yet are lost when the process
    /// dies.
    pub durable: bool,
    /// Where they went; once `pipeline` shows a higher next offset, all of them are history.
    pub offsets: Vec<PublishedOffset>,
}

#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct PublishedOffset {
    pub topic: String,
    pub partition: i32,
    /// The highest offset of this publish in the partition.
    pub last_offset: Long,
}

/// The stream is being read.
#[derive(Clone, Debug, SimpleObject)]
pub struct ResumeReceipt {
    /// False if it was not paused.
    pub was_paused: bool,
}

/// Which dead letters were sent again.
#[derive(Clone, Debug, SimpleObject)]
pub struct RedriveReceipt {
    /// Acknowledged by Kafka. Each becomes resolved, or stays the same dead letter with one more
    /// attempt.
    pub sent: Vec<ID>,
    pub skipped: Vec<SkippedLetter>,
}

/// A dead letter that was not sent.
#[derive(Clone, Debug, SimpleObject)]
pub struct SkippedLetter {
    pub id: ID,
    /// `NOT_FOUND`, `ALREADY_RESOLVED`, `PAYLOAD_TRUNCATED` or `UNKNOWN_STREAM`.
    pub code: String,
    pub reason: String,
}
