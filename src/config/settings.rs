//! A stream's configuration as `pipeline` shows it, with defaults for unset settings.

use serde::Serialize;

use super::{Config, StreamConfig};
use crate::graphql::scalars::{Duration, Long};
use crate::graphql::services::ConfiguredStreams;
use crate::graphql::types::{RetentionSetting, StreamSettings};
use crate::store::level::Level;
use crate::transform::{Label, LabelSource, ValueField, ValueSource};
use crate::write::StreamTarget;

impl Config {
    /// The streams as the API shows them.
    pub fn shown_streams(&self, embedded: bool) -> ConfiguredStreams {
        let settings = |stream: &StreamConfig| (stream.name.clone(), stream.settings(embedded));
        ConfiguredStreams {
            targets: self.streams.iter().map(StreamConfig::target).collect(),
            settings: self.streams.iter().map(settings).collect(),
        }
    }
}

impl StreamConfig {
    /// Where what is published or sent again goes, by the stream's name.
    pub fn target(&self) -> (String, StreamTarget) {
        let target = StreamTarget {
            topic: self.topic().to_owned(),
            redrive_topic: self.redrive_topic(),
            limits: self.limits(),
            max_series: self.max_series,
        };
        (self.name.clone(), target)
    }

    pub fn settings(&self, embedded: bool) -> StreamSettings {
        let source = self.source(embedded);
        let mapping = self.mapping();
        let keep = Level::ALL.into_iter().zip(self.retention.ages());
        StreamSettings {
            topic: self.topic().to_owned(),
            redrive_topic: self.redrive_topic(),
            partitions: self.partitions,
            format: word(&self.format),
            time_unit: word(&mapping.time.unit()),
            time_field: mapping.time.field,
            labels: mapping.labels.iter().map(label).collect(),
            values: mapping.values.iter().map(value).collect(),
            metric_prefix: mapping.metric_prefix,
            on_missing: word(&self.on_missing),
            start: word(&self.start),
            on_offset_lost: word(&source.on_offset_lost),
            max_series: Long(i64::try_from(self.max_series).unwrap_or(i64::MAX)),
            max_record_bytes: Long(i64::try_from(self.max_record_bytes).unwrap_or(i64::MAX)),
            accept_past: Duration(self.accept.past),
            accept_future: Duration(self.accept.future),
            retention: keep
                .map(|(level, keep)| RetentionSetting {
                    level: level.name(),
                    keep: keep.map(Duration),
                })
                .collect(),
        }
    }
}

fn label(label: &Label) -> String {
    match &label.from {
        LabelSource::All(field) => format!("{field}.*"),
        _ => label.name.clone(),
    }
}

fn value(value: &ValueField) -> String {
    match &value.from {
        ValueSource::All(field) => format!("{field}.*"),
        ValueSource::Field(field) => field.clone(),
    }
}

/// As it is written in the file.
fn word(setting: &impl Serialize) -> String {
    match serde_json::to_value(setting) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
