//! Sends records to Kafka and waits until they are kept.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::data::{Header, Micros};
use crate::sources::Outgoing;
use crate::sources::producer::{Placed, Producer, Unsent};
use crate::transform::Limits;

/// What a producer has to know of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamTarget {
    pub topic: String,
    /// The topic to which its redriven dead letters are sent.
    pub redrive_topic: String,
    /// What its records are held to; a point beyond them is refused before it is sent.
    pub limits: Limits,
    /// The most series it may have.
    pub max_series: u64,
}

/// Sends records to Kafka; [`KafkaPublisher`] but for tests.
pub trait Publisher: Send + Sync {
    /// Waits until the broker has acknowledged every record; one place for each, in their order.
    fn publish<'a>(&'a self, records: Records<'a>) -> BoxFuture<'a, Result<Vec<Placed>, NotPublished>>;

    /// Waits until what lies at these places of a topic is kept for good: in Postgres, where Kafka is the
    /// in-process cluster.
    fn keep<'a>(&'a self, topic: &'a str, places: &'a [Placed]) -> BoxFuture<'a, Result<(), NotPublished>>;

    /// False for the in-process cluster, which forgets everything when the program ends.
    fn durable(&self) -> bool;
}

/// A record on its way to Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub topic: Arc<str>,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    /// The Kafka record's time; that of the broker or client when absent.
    pub timestamp: Option<Micros>,
    pub headers: Arc<[Header]>,
}

/// Each is made when it is its turn, so that few are there at once.
pub type Records<'a> = Box<dyn Iterator<Item = Record> + Send + 'a>;

/// Some records, or all, were not acknowledged. They may still have been written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{acknowledged} records were acknowledged, then: {why}")]
pub struct NotPublished {
    pub acknowledged: usize,
    pub why: String,
}

/// Records put into the producer's queue before their acknowledgements are awaited.
const WINDOW: usize = 1_000;

/// The producer of this process.
#[derive(Clone, Debug)]
pub struct KafkaPublisher {
    pub producer: Arc<Producer>,
    /// False for the in-process cluster.
    pub durable: bool,
}

impl Publisher for KafkaPublisher {
    fn publish<'a>(&'a self, records: Records<'a>) -> BoxFuture<'a, Result<Vec<Placed>, NotPublished>> {
        async move {
            let (mut records, mut places) = (records.peekable(), Vec::new());
            while records.peek().is_some() {
                let window = records.by_ref().take(WINDOW);
                let sent = self.send(window).await;
                let sent = sent.map_err(|Unsent { acknowledged, why }| NotPublished {
                    acknowledged: places.len() + acknowledged,
                    why: why.to_string(),
                });
                places.extend(sent?);
            }
            Ok(places)
        }
        .boxed()
    }

    fn keep<'a>(&'a self, topic: &'a str, places: &'a [Placed]) -> BoxFuture<'a, Result<(), NotPublished>> {
        async move {
            let kept = self.producer.keep(topic, places).await;
            kept.map_err(|error| NotPublished {
                acknowledged: places.len(),
                why: error.to_string(),
            })
        }
        .boxed()
    }

    fn durable(&self) -> bool {
        self.durable
    }
}

impl KafkaPublisher {
    async fn send(&self, records: impl Iterator<Item = Record>) -> Result<Vec<Placed>, Unsent> {
        let mut sending = self.producer.begin();
        for record in records {
            let outgoing = Outgoing {
                topic: &record.topic,
                key: record.key.as_deref(),
                payload: record.payload.as_deref(),
                headers: &record.headers,
                timestamp: record.timestamp,
            };
            if let Err(why) = sending.add(outgoing).await {
                let before = sending.placed().await;
                let acknowledged = before.map_or_else(|unsent| unsent.acknowledged, |places| places.len());
                return Err(Unsent { acknowledged, why });
            }
        }
        sending.placed().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sources::Broker;

    fn publisher(patience: u64) -> KafkaPublisher {
        let broker = Broker::embedded().unwrap();
        let producer = Producer::new(&broker, Duration::from_secs(patience)).unwrap();
        KafkaPublisher {
            producer: Arc::new(producer),
            durable: false,
        }
    }

    fn record(payload: Vec<u8>) -> Record {
        Record {
            topic: "t".into(),
            key: Some(b"always the same".to_vec()),
            payload: Some(payload),
            timestamp: None,
            headers: Arc::default(),
        }
    }

    #[tokio::test]
    async fn each_record_has_its_place_in_the_order_it_was_given() {
        let records = (0..2 * WINDOW + 1).map(|n| record(n.to_string().into_bytes()));
        let places = publisher(20).publish(Box::new(records)).await.unwrap();
        let offsets: Vec<i64> = places.iter().map(|place| place.offset).collect();
        assert_eq!(offsets, (0..=2 * WINDOW as i64).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_record_that_finds_no_room_fails_and_those_before_it_are_counted() {
        let records = (0..3).map(|_| record(vec![b'1'; 900_000]));
        let failed = publisher(5).publish(Box::new(records)).await.unwrap_err();
        assert_eq!(failed.acknowledged, 2, "{failed}");
    }
}
