//! `StreamSettings`: a stream as it was configured.

use async_graphql::SimpleObject;

use crate::graphql::scalars::{Duration, Long};

/// A stream as it was configured, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct StreamSettings {
    /// The Kafka topic it reads.
    pub topic: String,
    /// Where its dead letters are sent to be tried again.
    pub redrive_topic: String,
    /// With how many partitions the topic is created if it is missing.
    pub partitions: i32,
    /// How its records are written, such as `json`.
    pub format: String,
    /// The field of a record that has the time.
    pub time_field: String,
    /// Of a time that is a number: `s`, `ms`, `us` or `ns`.
    pub time_unit: String,
    /// The fields that become labels.
    pub labels: Vec<String>,
    /// The fields that become points, each as the metric `<metricPrefix>_<field>`; none: records
    /// bring `metric`, `labels`, `ts` and `value` themselves.
    pub values: Vec<String>,
    pub metric_prefix: String,
    /// Of a record that lacks a field: `dead_letter` or `skip`.
    pub on_missing: String,
    /// Where reading begins on a topic without a stored offset: `earliest`, `latest` or a time.
    pub start: String,
    /// Where Kafka no longer has what is next: `stop` or `jump`.
    pub on_offset_lost: String,
    /// The most series it may bring.
    pub max_series: Long,
    /// Bytes of the largest record it takes.
    pub max_record_bytes: Long,
    /// How far the time of a point may lie before that of its record.
    pub accept_past: Duration,
    /// How far the time of a point may lie after that of its record.
    pub accept_future: Duration,
    /// For how long points and their rollups are kept, finest first.
    pub retention: Vec<RetentionSetting>,
}

/// For how long one level is kept.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct RetentionSetting {
    /// `raw`, `1m`, `1h` or `1d`.
    pub level: &'static str,
    /// Null: for ever.
    pub keep: Option<Duration>,
}
