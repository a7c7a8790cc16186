//! Sends records to Kafka: for the `publish` mutation, redrives, the terminal and the demo.
//!
//! Returns the place of each record once all in-sync replicas have it. The producer is idempotent. It
//! has the partitioner of the Java and Node clients (murmur2), so that a key has the same partition for
//! all producers.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::time::{Instant, sleep, timeout_at};

use super::broker::{Broker, Quiet, SourceError, refused};
use super::throttle::Reservation;
use crate::data::{Header, Micros};

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

/// Where a record ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub partition: i32,
    pub offset: i64,
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

/// Dropping it does not wait for records on their way.
pub struct Producer {
    inner: FutureProducer<Quiet>,
    broker: Broker,
    patience: Duration,
}

/// A record on its way. [`Delivery::placed`] must be awaited for each: the embedded broker counts the
/// room it takes from there on.
#[allow(missing_debug_implementations, reason = "librdkafka's future has none")]
pub struct Delivery<'p> {
    future: DeliveryFuture,
    reservation: Option<Reservation<'p>>,
}

impl Producer {
    /// `patience`: how long a record may take from [`Producer::enqueue`] to its confirmation.
    pub fn new(broker: &Broker, patience: Duration) -> Result<Self, SourceError> {
        let inner = config(broker, patience)
            .create_with_context(Quiet)
            .map_err(refused)?;
        Ok(Self {
            inner,
            broker: broker.clone(),
            patience,
        })
    }

    /// Sends one record and waits for its place.
    pub async fn send(&self, record: Outgoing<'_>) -> Result<Placed, ProduceError> {
        self.enqueue(record).await?.placed().await
    }

    /// Puts the record into the queue, and waits while that is full. For many records: enqueue one after
    /// the other, which keeps the order within a key, then await the deliveries.
    pub async fn enqueue(&self, record: Outgoing<'_>) -> Result<Delivery<'_>, ProduceError> {
        let deadline = Instant::now() + self.patience;
        let reservation = match self.broker.throttle() {
            None => None,
            Some(throttle) => Some(
                timeout_at(deadline, throttle.reserve(record.topic, size(&record)))
                    .await
                    .map_err(|_| ProduceError::Lagging(record.topic.to_owned()))?,
            ),
        };
        let mut outgoing = native(&record);
        loop {
            match self.inner.send_result(outgoing) {
                Ok(future) => return Ok(Delivery { future, reservation }),
                Err((error, back)) => {
                    let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !full || Instant::now() >= deadline {
                        return Err(refusal(error));
                    }
                    outgoing = back;
                }
            }
            sleep(QUEUE_FULL_PAUSE).await;
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer")
            .field("broker", &self.broker)
            .finish_non_exhaustive()
    }
}

impl Delivery<'_> {
    pub async fn placed(self) -> Result<Placed, ProduceError> {
        let delivered = self.future.await.map_err(|_| ProduceError::TimedOut)?;
        let delivery = delivered.map_err(|(error, _)| refusal(error))?;
        if let Some(reservation) = self.reservation {
            reservation.placed(delivery.partition, delivery.offset);
        }
        Ok(Placed {
            partition: delivery.partition,
            offset: delivery.offset,
        })
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

fn native<'a>(record: &Outgoing<'a>) -> FutureRecord<'a, [u8], [u8]> {
    let headers = record
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, header| {
            headers.insert(KafkaHeader {
                key: &header.name,
                value: Some(&header.value),
            })
        });
    FutureRecord {
        topic: record.topic,
        partition: None,
        payload: record.payload,
        key: record.key,
        timestamp: record.timestamp.map(Micros::as_millis),
        headers: (!record.headers.is_empty()).then_some(headers),
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
