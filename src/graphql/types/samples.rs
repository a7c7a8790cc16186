//! `Sample`: what happened on this node in one second.

use async_graphql::SimpleObject;

use super::long;
use crate::graphql::scalars::{DateTime, Long};
use crate::telemetry;

/// What happened on this node in one second.
#[derive(Clone, Debug, SimpleObject)]
pub struct Sample {
    /// The end of the second.
    pub at: DateTime,
    /// Records read from Kafka.
    pub records: Long,
    /// Points stored, including those that replaced an older value.
    pub points: Long,
    /// Points sent to subscribers.
    pub delivered: Long,
    /// Records that became dead letters.
    pub dead_letters: Long,
    /// Records not yet committed at the end of the second, over all partitions of this node.
    pub lag: Long,
    /// Live subscriptions at the end of the second.
    pub subscribers: Long,
    /// Bytes of the memory budget in use at the end of the second.
    pub credits_held: Long,
    /// From a record's Kafka timestamp to its commit, which makes it queryable and live. It is
    /// large for old records, as at a first start or after a rewind. Excludes redriven records;
    /// null without records.
    pub latency: Option<Latency>,
}

/// Seconds, over the records of one second.
#[derive(Clone, Debug, SimpleObject)]
pub struct Latency {
    /// The median; at most a sixteenth too large.
    pub p50: f64,
    /// The 99th percentile; at most a sixteenth too large.
    pub p99: f64,
    /// The slowest record.
    pub max: f64,
}

impl From<telemetry::Sample> for Sample {
    fn from(sample: telemetry::Sample) -> Self {
        Self {
            at: DateTime(sample.at),
            records: long(sample.flow.read),
            points: long(sample.flow.stored),
            delivered: long(sample.flow.delivered),
            dead_letters: long(sample.dead_letters),
            lag: Long(sample.lag),
            subscribers: Long(sample.subscribers),
            credits_held: Long(sample.credits_held),
            latency: sample.latency.map(|latency| Latency {
                p50: latency.p50,
                p99: latency.p99,
                max: latency.max,
            }),
        }
    }
}
