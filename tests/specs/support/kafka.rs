//! The Kafka of the tests: Apache Kafka at `STREAMSYNC_TEST_KAFKA`, else a cluster in this process.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

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
    PRODUCER.get_or_init(|| Producer::new(broker(), Duration::from_secs(30)).expect("a producer"))
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
