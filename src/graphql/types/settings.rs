//! `StreamSettings`: a stream as it was configured.

use async_graphql::SimpleObject;

use crate::graphql::scalars::{Duration, Long};

/// The configuration of a stream, with defaults.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct StreamSettings {
    /// The Kafka topic it reads.
    pub topic: String,
    /// The topic to which its redriven dead letters are sent.
    pub redrive_topic: String,
    /// The number of partitions of the topic if it has to be created.
    pub partitions: i32,
    /// The format of its records, such as `json`.
    pub format: String,
    /// The field with the time of a record.
    pub time_field: String,
    /// The unit of numeric times: `s`, `ms`, `us` or `ns`.
    pub time_unit: String,
    /// The labels by their names; `tags.*` stands for all that is in the object `tags`.
    pub labels: Vec<String>,
    /// The fields that become points, each as the metric `<metricPrefix>_<field>`. If empty,
    /// records have `metric`, `labels`, `ts` and `value` themselves.
    pub values: Vec<String>,
    pub metric_prefix: String,
    /// What happens to a record without a mapped field: `dead_letter` or `skip`.
    pub on_missing: String,
    /// Where reading starts on a topic without a stored offset: `earliest`, `latest` or a time.
    pub start: String,
    /// What happens when Kafka no longer has the next offset: `stop` or `jump`.
    pub on_offset_lost: String,
    /// The maximum number of series it may create.
    pub max_series: Long,
    /// The largest record it accepts, in bytes.
    pub max_record_bytes: Long,
    /// How far the time of a point may be before the timestamp of its record.
    pub accept_past: Duration,
    /// How far the time of a point may be after the timestamp of its record.
    pub accept_future: Duration,
    /// How long points and their rollups are kept, finest first.
    pub retention: Vec<RetentionSetting>,
}

/// How long one level is kept.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct RetentionSetting {
    /// `raw`, `1m`, `1h` or `1d`.
    pub level: &'static str,
    /// Null: forever.
    pub keep: Option<Duration>,
}
