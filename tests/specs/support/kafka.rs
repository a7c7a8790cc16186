//! The Kafka of the tests: Apache Kafka at `STREAMSYNC_TEST_KAFKA`, else a cluster in this process.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use streamsync::data::{Header, Micros};
use streamsync::sources::{Broker, Outgoing, Producer, TopicSpec, ensure_topics};
use streamsync::telemetry::Status;

pub fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| match std::env::var("STREAMSYNC_TEST_KAFKA") {
        Ok(brokers) if !brokers.is_empty() => Broker::remote(&brokers, BTreeMap::new()),
        _ => Broker::embedded().expect("the in-process cluster starts"),
    })
}

pub fn is_apache_kafka() -> bool {
    !broker().is_embedded()
}

fn producer() -> &'static Producer {
    static PRODUCER: OnceLock<Producer> = OnceLock::new();
    // Not as the cluster's own: that one waits for the ingest of its process, and here is none.
    let outside = || Broker::remote(broker().bootstrap_servers(), BTreeMap::new());
    PRODUCER.get_or_init(|| Producer::new(&outside(), Duration::from_secs(30)).expect("a producer"))
}

pub async fn create_topic(name: &str, partitions: i32) {
    ensure_topics(broker(), &[TopicSpec::new(name, partitions)], &Status::default())
        .await
        .expect("the topic is created");
}

/// A record to send; see [`record`].
#[derive(Clone, Debug)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<Header>,
    pub timestamp: Option<Micros>,
}

pub fn record(payload: impl Into<Vec<u8>>) -> Record {
    Record {
        key: None,
        payload: Some(payload.into()),
        headers: vec![],
        timestamp: None,
    }
}

/// A point in the form that needs no mapping.
pub fn point(metric: &str, ts: Micros, value: f64) -> Record {
    let payload = serde_json::json!({"metric": metric, "ts": ts.to_string(), "value": value});
    Record {
        key: Some(metric.as_bytes().to_vec()),
        timestamp: Some(ts),
        ..record(payload.to_string())
    }
}

/// The same with labels; the key is the metric's, so one metric stays on one partition.
pub fn labelled_point(metric: &str, labels: &[(&str, &str)], ts: Micros, value: f64) -> Record {
    let labels: BTreeMap<_, _> = labels.iter().copied().collect();
    let payload =
        serde_json::json!({"metric": metric, "labels": labels, "ts": ts.to_string(), "value": value});
    Record {
        key: Some(metric.as_bytes().to_vec()),
        timestamp: Some(ts),
        ..record(payload.to_string())
    }
}

impl Record {
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    pub fn at(mut self, timestamp: Micros) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let (name, value) = (name.to_owned(), value.into());
        self.headers.push(Header { name, value });
        self
    }
}

/// Sends in order; returns (partition, offset) of each.
pub async fn send(topic: &str, records: &[Record]) -> Vec<(i32, i64)> {
    let mut deliveries = Vec::new();
    for record in records {
        let outgoing = Outgoing {
            topic,
            key: record.key.as_deref(),
            payload: record.payload.as_deref(),
            headers: &record.headers,
            timestamp: record.timestamp,
        };
        deliveries.push(producer().enqueue(outgoing).await.expect("the record is queued"));
    }
    let mut places = Vec::new();
    for delivery in deliveries {
        let placed = delivery.placed().await.expect("the record is acknowledged");
        places.push((placed.partition, placed.offset));
    }
    places
}

/// Makes Kafka lose the beginning of a partition: Apache Kafka is told to delete it up to `below`,
/// the in-process cluster has dropped what it has no room for. Returns the first offset left.
pub async fn lose(topic: &str, partition: i32, below: i64) -> i64 {
    if is_apache_kafka() {
        let mut wanted = TopicPartitionList::new();
        wanted
            .add_partition_offset(topic, partition, Offset::Offset(below))
            .expect("an offset");
        let deleted = admin().delete_records(&wanted, &AdminOptions::new()).await;
        deleted.expect("the records are deleted");
    }
    let consumer: BaseConsumer = client().create().expect("a client");
    let marks = consumer.fetch_watermarks(topic, partition, Duration::from_secs(30));
    marks.expect("the partition's ends").0
}

/// Returns when the topic is gone and its name is free again.
pub async fn delete_topic(name: &str) {
    let deleted = admin().delete_topics(&[name], &AdminOptions::new()).await;
    deleted.expect("an answer")[0]
        .clone()
        .expect("the topic is deleted");
    let consumer: BaseConsumer = client().create().expect("a client");
    super::eventually("the topic is gone", async || {
        let known = consumer
            .fetch_metadata(None, Duration::from_secs(30))
            .expect("metadata");
        known
            .topics()
            .iter()
            .all(|topic| topic.name() != name)
            .then_some(())
    })
    .await;
}

fn admin() -> AdminClient<DefaultClientContext> {
    client().create().expect("a client")
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker().bootstrap_servers());
    config
}
