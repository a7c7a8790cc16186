//! Sends records to Kafka: for the `publish` mutation, redrives, the terminal and the demo.
//!
//! Returns the place of each record once all in-sync replicas have it. The producer is idempotent. It
//! has the partitioner of the Java and Node clients (murmur2), so that a key has the same partition for
//! all producers.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use tokio::time::{Instant, sleep, timeout_at};

use super::broker::{Broker, SourceError, refused};
use crate::data::{Header, Micros};
use deliveries::{Deliveries, Together};

mod deliveries;

pub use deliveries::Placed;

/// The pause while librdkafka's own queue is full; it empties at network speed.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// One record to send.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub topic: &'a str,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub payload: Option<&'a [u8]>,
    pub headers: &'a [Header],
    /// Kafka's record timestamp (to the millisecond); `None`: now.
    pub timestamp: Option<Micros>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// The embedded broker has no room until ingest catches up.
    #[error("ingestion of topic {0} lags; the embedded broker accepts no more records for now")]
    Lagging(String),
    /// Kafka did not answer in time. The record may still have arrived.
    #[error("kafka did not confirm the record in time")]
    TimedOut,
    /// Kafka will not take this record.
    #[error("kafka refused the record: {0}")]
    Refused(RDKafkaErrorCode),
    #[error("kafka: {0}")]
    Other(#[from] KafkaError),
}

/// Some records were not acknowledged. They may still have been written.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Unsent {
    pub acknowledged: usize,
    pub why: ProduceError,
}

/// Dropping it does not wait for records on their way.
pub struct Producer {
    inner: ThreadedProducer<Deliveries>,
    broker: Broker,
    patience: Duration,
}

/// Records that are sent together. Whoever drops it does not know what becomes of them.
#[derive(Debug)]
pub struct Sending<'p> {
    producer: &'p Producer,
    together: Together<'p>,
}

impl Producer {
    /// `patience`: how long a record may take from [`Sending::add`] to its confirmation.
    pub fn new(broker: &Broker, patience: Duration) -> Result<Self, SourceError> {
        let inner = config(broker, patience)
            .create_with_context(Deliveries::default())
            .map_err(refused)?;
        Ok(Self {
            inner,
            broker: broker.clone(),
            patience,
        })
    }

    /// Sends one record and waits for its place.
    pub async fn send(&self, record: Outgoing<'_>) -> Result<Placed, ProduceError> {
        let mut sending = self.begin();
        sending.add(record).await?;
        let places = sending.placed().await.map_err(|unsent| unsent.why)?;
        places.first().copied().ok_or(ProduceError::TimedOut)
    }

    /// For many records: add one after the other, which keeps the order within a key, then wait for all.
    pub fn begin(&self) -> Sending<'_> {
        Sending {
            producer: self,
            together: self.inner.context().begin(),
        }
    }

    /// Waits until records at these places are kept for good. Those of Kafka are. The in-process cluster
    /// forgets them when the program ends, so there they must be in Postgres.
    pub async fn keep(&self, topic: &str, places: &[Placed]) -> Result<(), ProduceError> {
        let Some(throttle) = self.broker.throttle() else {
            return Ok(());
        };
        let deadline = Instant::now() + self.patience;
        let mut last: BTreeMap<i32, i64> = BTreeMap::new();
        for place in places {
            let offset = last.entry(place.partition).or_insert(place.offset);
            *offset = place.offset.max(*offset);
        }
        for (partition, offset) in last {
            let committed = throttle.until_committed(topic, partition, offset);
            timeout_at(deadline, committed)
                .await
                .map_err(|_| ProduceError::Lagging(topic.to_owned()))?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer")
            .field("broker", &self.broker)
            .finish_non_exhaustive()
    }
}

impl Sending<'_> {
    /// Puts the record into librdkafka's queue, and waits while that is full.
    pub async fn add(&mut self, record: Outgoing<'_>) -> Result<(), ProduceError> {
        let Producer {
            inner,
            broker,
            patience,
        } = self.producer;
        let mut deadline = None;
        let mut deadline = || *deadline.get_or_insert_with(|| Instant::now() + *patience);
        if let Some(throttle) = broker.throttle() {
            let reserved = timeout_at(deadline(), throttle.reserve(record.topic, size(&record))).await;
            let lagging = |_| ProduceError::Lagging(record.topic.to_owned());
            self.together.reserve(reserved.map_err(lagging)?);
        }
        let mut outgoing = native(&record, self.together.opaque());
        while let Err((error, back)) = inner.send(outgoing) {
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            let until = deadline();
            if !full || Instant::now() >= until {
                return Err(refusal(error));
            }
            outgoing = back;
            sleep(QUEUE_FULL_PAUSE).await;
        }
        self.together.taken();
        Ok(())
    }

    /// Waits until all are acknowledged, or for the first that is not. One place for each, in their order.
    pub async fn placed(self) -> Result<Vec<Placed>, Unsent> {
        let settled = self.together.settled().await;
        let places: Vec<Placed> = self.together.places().into_iter().flatten().collect();
        match settled {
            Ok(()) => Ok(places),
            Err(error) => Err(Unsent {
                acknowledged: places.len(),
                why: refusal(error),
            }),
        }
    }
}

pub(super) fn config(broker: &Broker, patience: Duration) -> ClientConfig {
    broker.client(
        &[
            ("partitioner", "murmur2_random".into()),
            ("compression.type", "none".into()),
            ("linger.ms", "5".into()),
            ("delivery.timeout.ms", patience.as_millis().to_string()),
        ],
        &[("acks", "all".into()), ("enable.idempotence", "true".into())],
    )
}

fn native<'r>(record: &Outgoing<'r>, opaque: usize) -> BaseRecord<'r, [u8], [u8], usize> {
    let headers = record
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, header| {
            headers.insert(KafkaHeader {
                key: &header.name,
                value: Some(&header.value),
            })
        });
    BaseRecord {
        topic: record.topic,
        partition: None,
        payload: record.payload,
        key: record.key,
        timestamp: record.timestamp.map(Micros::as_millis),
        headers: (!record.headers.is_empty()).then_some(headers),
        delivery_opaque: opaque,
    }
}

fn size(record: &Outgoing<'_>) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|header| header.name.len() + header.value.len())
        .sum();
    record.key.map_or(0, <[u8]>::len) + record.payload.map_or(0, <[u8]>::len) + headers
}

fn refusal(error: KafkaError) -> ProduceError {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::MessageTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::QueueFull,
        ) => ProduceError::TimedOut,
        Some(
            code @ (RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::InvalidTimestamp
            | RDKafkaErrorCode::InvalidRecord),
        ) => ProduceError::Refused(code),
        _ => ProduceError::Other(error),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use rdkafka::types::RDKafkaRespErr;

    use super::*;

    fn record<'r>(topic: &'r str, payload: &'r [u8]) -> Outgoing<'r> {
        Outgoing {
            topic,
            key: Some(b"always the same"),
            payload: Some(payload),
            headers: &[],
            timestamp: None,
        }
    }

    /// A client of the embedded broker without its throttle.
    fn outside(broker: &Broker, properties: &[(&str, &str)]) -> Broker {
        let properties = properties.iter();
        let properties = properties.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Broker::remote(broker.bootstrap_servers(), properties.collect())
    }

    #[tokio::test]
    async fn records_wait_while_the_queue_of_the_client_is_full() {
        let embedded = Broker::embedded().unwrap();
        let small = outside(&embedded, &[("queue.buffering.max.messages", "10")]);
        let producer = Producer::new(&small, Duration::from_secs(20)).unwrap();
        let mut sending = producer.begin();
        for _ in 0..100 {
            sending.add(record("t", b"1")).await.unwrap();
        }
        let offsets = sending.placed().await.unwrap();
        let offsets: Vec<_> = offsets.iter().map(|place| place.offset).collect();
        assert_eq!(offsets, (0..100).collect::<Vec<_>>());
        assert_eq!(producer.inner.context().open(), 0);
    }

    #[tokio::test]
    async fn records_that_are_stored_give_room_to_the_rest_of_those_that_are_sent_together() {
        let embedded = Broker::embedded().unwrap();
        embedded.create_embedded("t", 1).unwrap();
        let producer = Producer::new(&embedded, Duration::from_secs(20)).unwrap();
        producer.send(record("t", b"0")).await.unwrap();
        embedded.throttle().unwrap().committed("t", 0, 5);
        let payload = vec![b'1'; 900_000];
        let mut sending = producer.begin();
        for _ in 0..4 {
            sending.add(record("t", &payload)).await.unwrap();
        }
        assert_eq!(sending.placed().await.unwrap().len(), 4);
    }

    #[tokio::test]
    async fn one_record_that_is_refused_fails_all_that_are_sent_with_it() {
        let embedded = Broker::embedded().unwrap();
        embedded.create_embedded("good", 1).unwrap();
        embedded.create_embedded("bad", 1).unwrap();
        let refuses = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        embedded
            .mock(|mock| mock.topic_error("bad", refuses))
            .unwrap()
            .unwrap();
        let producer = Producer::new(&outside(&embedded, &[]), Duration::from_secs(20)).unwrap();
        producer.send(record("good", b"0")).await.unwrap();
        let mut sending = producer.begin();
        // The client itself refuses it where it has heard already that Kafka does.
        let mut at_once = false;
        for topic in ["good", "bad", "good"] {
            match sending.add(record(topic, b"1")).await {
                Err(ProduceError::Refused(_)) if topic == "bad" => at_once = true,
                added => added.unwrap(),
            }
        }
        match sending.placed().await {
            Ok(places) => assert!(at_once && places.len() == 2),
            Err(Unsent { acknowledged, why }) => {
                assert!(matches!(why, ProduceError::Refused(_)), "{why}");
                assert!(!at_once && acknowledged <= 2);
            }
        }
        // The others are answered for soon, and then nothing is left of them.
        producer.send(record("good", b"2")).await.unwrap();
        assert_eq!(producer.inner.context().open(), 0);
    }

    #[tokio::test]
    async fn whoever_goes_away_while_kafka_is_away_leaves_nothing_behind() {
        let embedded = Broker::embedded().unwrap();
        let producer = Producer::new(&outside(&embedded, &[]), Duration::from_secs(30)).unwrap();
        producer.send(record("t", b"0")).await.unwrap();
        embedded.mock(|mock| mock.broker_down(-1)).unwrap().unwrap();
        let mut sending = producer.begin();
        for _ in 0..10 {
            sending.add(record("t", b"1")).await.unwrap();
        }
        assert!(sending.placed().now_or_never().is_none());
        drop(producer.begin());
        assert_eq!(producer.inner.context().open(), 1);
        embedded.mock(|mock| mock.broker_up(-1)).unwrap().unwrap();
        let last = producer.send(record("t", b"2")).await.unwrap();
        assert_eq!((last.offset, producer.inner.context().open()), (11, 0));
    }

    #[tokio::test]
    async fn what_kafka_does_not_acknowledge_in_time_fails() {
        let embedded = Broker::embedded().unwrap();
        let producer = Producer::new(&outside(&embedded, &[]), Duration::from_secs(1)).unwrap();
        // The first one waits for the connection, too.
        let mut is_connected = false;
        for _ in 0..20 {
            is_connected = is_connected || producer.send(record("t", b"0")).await.is_ok();
        }
        assert!(is_connected);
        embedded.mock(|mock| mock.broker_down(-1)).unwrap().unwrap();
        let late = producer.send(record("t", b"1")).await.unwrap_err();
        assert!(matches!(late, ProduceError::TimedOut), "{late}");
        assert_eq!(producer.inner.context().open(), 0);
    }
}
