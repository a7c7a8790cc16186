//! `[[stream]]`: the topic, how its records become points, and the limits.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::retention::Retention;
use super::stream_test::StreamTest;
use super::{lookups, mapping};
use crate::data::{Micros, TimeUnit};
use crate::decode::registry::SchemaRegistry;
use crate::decode::{Compression, Csv, Format, Reading, SchemaFile};
use crate::sources::{OnOffsetLost, Start, StreamSource};
use crate::transform::{
    AcceptedTime, Dedupe, Envelope, Label, Limits, LookupSettings, Mapping, MetricField, OnMissing, Program,
    ProgramText, Relabel, StreamPlan, TimeField, ValueField, When,
};

/// The topics of redriven dead letters; no stream may have one as its topic.
const REDRIVE_PREFIX: &str = "streamsync.redrive.";

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    pub name: String,
    /// Unset: the name.
    pub topic: Option<String>,
    /// The number of partitions of the topic if it has to be created.
    pub partitions: i32,
    pub format: Format,
    pub compression: Compression,
    pub csv: Csv,
    /// Of Avro and Protobuf, unless records name their schemas in the registry.
    pub schema: Option<SchemaFile>,
    /// A program in VRL that goes through the objects of a record before the mapping does.
    pub transform: Option<ProgramText>,
    pub envelope: Option<Envelope>,
    /// The path to the objects of a record that have points.
    pub each: Option<String>,
    /// Conditions on fields; an object that does not meet them has no points.
    pub when: Vec<When>,
    /// What was there a short time ago has no points.
    pub dedupe: Option<Dedupe>,
    pub time: TimeField,
    pub metric: Option<MetricField>,
    pub labels: Vec<Label>,
    /// Each becomes the metric `<metric_prefix>_<field>`, or that of `metric`.
    pub values: Vec<ValueField>,
    /// Unset: the name.
    pub metric_prefix: Option<String>,
    pub on_missing: OnMissing,
    /// Labels that tables know.
    pub lookup: Vec<LookupSettings>,
    /// Applied to the series of each point, in this order.
    pub relabel: Vec<Relabel>,
    pub start: StartAt,
    /// Unset: `stop` on a real Kafka, `jump` on the embedded broker.
    pub on_offset_lost: Option<OnOffsetLost>,
    pub max_series: u64,
    pub max_record_bytes: usize,
    pub accept: AcceptedTime,
    pub retention: Retention,
    #[serde(rename = "test")]
    pub tests: Vec<StreamTest>,
}

/// Where reading begins on a topic without a stored offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartAt(pub Start);

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            topic: None,
            partitions: 1,
            format: Format::default(),
            compression: Compression::default(),
            csv: Csv::default(),
            schema: None,
            transform: None,
            envelope: None,
            each: None,
            when: Vec::new(),
            dedupe: None,
            metric: None,
            time: TimeField::default(),
            labels: Vec::new(),
            values: Vec::new(),
            metric_prefix: None,
            on_missing: OnMissing::default(),
            lookup: Vec::new(),
            relabel: Vec::new(),
            start: StartAt::default(),
            on_offset_lost: None,
            max_series: 100_000,
            max_record_bytes: Limits::default().record_bytes,
            accept: AcceptedTime::default(),
            retention: Retention::default(),
            tests: Vec::new(),
        }
    }
}

impl StreamConfig {
    pub fn topic(&self) -> &str {
        self.topic.as_deref().unwrap_or(&self.name)
    }

    pub fn redrive_topic(&self) -> String {
        format!("{REDRIVE_PREFIX}{}", self.name)
    }

    /// Fields that hold numbers: those of the mapping, and those of a record that needs none.
    pub fn number_fields(&self) -> Vec<String> {
        let own = ["ts", "value"].map(str::to_owned);
        let mapped = self.values.iter().map(ValueField::reads);
        let mapped = mapped.chain([&*self.time.field]).map(str::to_owned);
        mapped.chain(own).collect()
    }

    pub fn source(&self, embedded: bool) -> StreamSource {
        let or_else = if embedded {
            OnOffsetLost::Jump
        } else {
            OnOffsetLost::Stop
        };
        StreamSource {
            name: Arc::from(self.name.as_str()),
            topic: Arc::from(self.topic()),
            partitions: self.partitions,
            start: self.start.0,
            on_offset_lost: self.on_offset_lost.unwrap_or(or_else),
            redrive_topic: Some(Arc::from(self.redrive_topic())),
        }
    }

    /// # Errors
    /// `setting: why` of a schema or a file that cannot be used.
    pub fn plan(&self, registry: Option<&Arc<SchemaRegistry>>) -> Result<StreamPlan, String> {
        let reading = Reading {
            format: self.format,
            compression: self.compression,
            limit: self.max_record_bytes,
            csv: &self.csv,
            schema: self.schema.as_ref(),
            registry,
        };
        let program = self.transform.as_ref().map(Program::of).transpose();
        Ok(StreamPlan {
            name: Arc::from(self.name.as_str()),
            opener: reading.opener().map_err(|why| format!("schema: {why}"))?,
            program: program.map_err(|mistakes| format!("transform: {}", mistakes.join("; ")))?,
            mapping: self.mapping(),
            lookups: lookups::opened(&self.lookup)?,
            relabel: self.relabel.clone(),
            limits: self.limits(),
        })
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            record_bytes: self.max_record_bytes,
            accepted: self.accept,
            retention: self.retention.raw,
            ..Limits::default()
        }
    }

    pub(super) fn mapping(&self) -> Mapping {
        let mapping = Mapping {
            metric_prefix: self.metric_prefix.clone().unwrap_or_else(|| self.name.clone()),
            envelope: self.envelope,
            each: self.each.clone(),
            when: self.when.clone(),
            dedupe: self.dedupe.clone(),
            time: self.time.clone(),
            metric: self.metric.clone(),
            labels: self.labels.clone(),
            values: self.values.clone(),
            on_missing: self.on_missing,
        };
        if !self.values.is_empty() {
            return mapping;
        }
        match (self.format, self.envelope) {
            (Format::LineProtocol, None) => mapping.of_fields_and_tags("measurement", "time", TimeUnit::Ns),
            (_, Some(Envelope::Otlp)) => mapping.of_samples(),
            (_, Some(Envelope::Telegraf)) => mapping.of_fields_and_tags("name", "timestamp", TimeUnit::S),
            _ => mapping,
        }
    }
}

/// Says `stream #n.setting: why` of each mistake. Streams may have metrics of the same names: which
/// of two equal points wins is decided across topics as well.
pub fn check(streams: &[StreamConfig], registry: Option<&Arc<SchemaRegistry>>, mistakes: &mut Vec<String>) {
    let mut names: HashMap<String, usize> = HashMap::new();
    let mut topics: HashMap<String, usize> = HashMap::new();
    for (at, stream) in (1..).zip(streams) {
        let mut say = |mistake: String| mistakes.push(format!("stream #{at}.{mistake}"));
        check_one(stream, registry, &mut say);
        let first = names.entry(same_in_kafka(&stream.name)).or_insert(at);
        if *first != at && !stream.name.is_empty() {
            say(match streams[*first - 1].name == stream.name {
                true => format!("name: has the same name as stream #{first}"),
                false => format!(
                    "name: differs from that of stream #{first} in '.' and '_' alone, which Kafka refuses"
                ),
            });
        }
        let first = topics.entry(same_in_kafka(stream.topic())).or_insert(at);
        if *first == at || stream.topic().is_empty() {
            continue;
        }
        let other = &streams[*first - 1];
        // Without one of its own the name is the topic, and has been told.
        if other.topic() == stream.topic() {
            say(format!(
                "topic: '{}' is already read by stream '{}'; a topic has one stream",
                stream.topic(),
                other.name
            ));
        } else if stream.topic.is_some() || other.topic.is_some() {
            say(format!(
                "topic: '{}' differs from '{}' only in '.' and '_', which Kafka refuses",
                stream.topic(),
                other.topic()
            ));
        }
    }
}

/// Kafka takes no two topics whose names differ in these characters alone.
fn same_in_kafka(name: &str) -> String {
    name.replace('.', "_")
}

fn check_one(stream: &StreamConfig, registry: Option<&Arc<SchemaRegistry>>, say: &mut impl FnMut(String)) {
    if stream.name.is_empty() {
        say("name: is missing".to_owned());
    } else if !is_kafka_name(&stream.name) {
        say("name: must be 1 to 200 letters, digits, '.', '_' or '-'".to_owned());
    }
    if stream.topic.is_some() && !is_kafka_name(stream.topic()) {
        say(format!(
            "topic: '{}' is not a valid Kafka topic name",
            stream.topic()
        ));
    }
    if stream.topic().starts_with(REDRIVE_PREFIX) {
        say(format!(
            "topic: '{REDRIVE_PREFIX}…' is reserved for redriven dead letters"
        ));
    }
    if !(1..=10_000).contains(&stream.partitions) {
        say("partitions: must be 1 to 10000".to_owned());
    }
    if stream.mapping().values.is_empty() && !stream.labels.is_empty() {
        say("labels: have no effect without values (records then bring their own labels)".to_owned());
    }
    stream.csv.check(say);
    check_plan(stream, registry, say);
    mapping::check(&stream.name, &stream.mapping(), &stream.limits(), say);
    lookups::check(&stream.lookup, &stream.mapping(), &stream.limits(), say);
    stream.retention.check(stream.accept.future, say);
    if stream.max_series == 0 {
        say("max_series: must be at least 1".to_owned());
    }
    if stream.max_record_bytes == 0 {
        say("max_record_bytes: must be at least 1".to_owned());
    }
}

fn check_plan(stream: &StreamConfig, registry: Option<&Arc<SchemaRegistry>>, say: &mut impl FnMut(String)) {
    let has_schemas = matches!(stream.format, Format::Avro | Format::Protobuf);
    if stream.schema.is_some() && !has_schemas {
        say("schema: has no effect unless format is \"avro\" or \"protobuf\"".to_owned());
    }
    if let Err(why) = stream.plan(registry) {
        say(why);
    }
}

/// Kafka's rule for topic names, a little shorter to leave room for the redrive prefix.
fn is_kafka_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=200).contains(&name.len()) && name.chars().all(legal) && name != "." && name != ".."
}

impl<'de> Deserialize<'de> for StartAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "earliest" => Ok(Self(Start::Earliest)),
            "latest" => Ok(Self(Start::Latest)),
            time => Micros::from_rfc3339(time)
                .map(|ts| Self(Start::At(ts)))
                .ok_or_else(|| {
                    serde::de::Error::custom("must be \"earliest\", \"latest\" or an RFC 3339 time")
                }),
        }
    }
}

impl Serialize for StartAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Start::Earliest => serializer.serialize_str("earliest"),
            Start::Latest => serializer.serialize_str("latest"),
            Start::At(ts) => serializer.collect_str(&ts),
        }
    }
}
