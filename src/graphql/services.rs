//! What the resolvers work with, and how its failures become errors a client can act on.
//!
//! One [`Services`] for the whole process lies in the schema. The [`Reader`] belongs to the HTTP
//! worker that answers, so it comes with each request (`request.data(reader)`).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{Context, Error, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::errors::{Code, NO_LONGER};
use super::new_series::NewSeries;
use super::types::StreamSettings;
use crate::access::{Access, Audit, Principal};
use crate::actors::pausing::Pausing;
use crate::cache::LatestCache;
use crate::data::{ClientKey, Header, Micros, Problem, Viewer};
use crate::feed::Feeds;
use crate::sources::producer::{self, Placed, Producer};
use crate::store::read::Reader;
use crate::telemetry::{Metrics, Samples, Status};
use crate::transform::Limits;

/// Shared by all requests.
#[derive(Clone)]
pub struct Services {
    pub access: Access,
    pub status: Arc<Status>,
    pub metrics: Arc<Metrics>,
    pub samples: Arc<Samples>,
    /// The configured streams by name.
    pub streams: BTreeMap<String, StreamTarget>,
    /// The same, as `pipeline` shows them.
    pub settings: BTreeMap<String, StreamSettings>,
    pub latest: LatestCache,
    pub publisher: Arc<dyn Publisher>,
    pub pausing: Pausing,
    pub new_series: NewSeries,
    pub audit: Audit,
}

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
    fn publish(&self, records: Vec<Record>) -> BoxFuture<'_, Result<Vec<Placed>, NotPublished>>;

    /// False for the in-process cluster, which forgets everything when the program ends.
    fn durable(&self) -> bool;
}

/// A record on its way to Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub topic: String,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    /// The Kafka record's time; that of the broker or client when absent.
    pub timestamp: Option<Micros>,
    pub headers: Vec<Header>,
}

/// Some records, or all, were not acknowledged. They may still have been written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{acknowledged} records were acknowledged, then: {why}")]
pub struct NotPublished {
    pub acknowledged: usize,
    pub why: String,
}

/// Records put into the producer's queue before their acknowledgements are awaited. The embedded
/// broker has room for more than this, and counts it free only as they are.
const WINDOW: usize = 1_000;

/// The producer of this process.
#[derive(Clone, Debug)]
pub struct KafkaPublisher {
    pub producer: Arc<Producer>,
    /// False for the in-process cluster.
    pub durable: bool,
}

impl Publisher for KafkaPublisher {
    fn publish(&self, records: Vec<Record>) -> BoxFuture<'_, Result<Vec<Placed>, NotPublished>> {
        async move {
            let mut places = Vec::with_capacity(records.len());
            for window in records.chunks(WINDOW) {
                self.send(window, &mut places)
                    .await
                    .map_err(|error| NotPublished {
                        acknowledged: places.len(),
                        why: error.to_string(),
                    })?;
            }
            Ok(places)
        }
        .boxed()
    }

    fn durable(&self) -> bool {
        self.durable
    }
}

impl KafkaPublisher {
    async fn send(&self, records: &[Record], places: &mut Vec<Placed>) -> Result<(), producer::ProduceError> {
        let mut deliveries = Vec::with_capacity(records.len());
        for record in records {
            let outgoing = producer::Outgoing {
                topic: &record.topic,
                key: record.key.as_deref(),
                payload: record.payload.as_deref(),
                headers: &record.headers,
                timestamp: record.timestamp,
            };
            deliveries.push(self.producer.enqueue(outgoing).await?);
        }
        for delivery in deliveries {
            places.push(delivery.placed().await?);
        }
        Ok(())
    }
}

pub fn services<'a>(ctx: &Context<'a>) -> Result<&'a Services> {
    ctx.data::<Services>()
        .map_err(|_| Code::Internal.error("the schema was built without services"))
}

/// Whose shares are used: those of whoever asks, or else of the address.
pub fn client(ctx: &Context<'_>) -> Option<ClientKey> {
    let asks = ctx.data_opt::<Viewer>().and_then(Viewer::client);
    asks.or_else(|| ctx.data_opt::<ClientKey>().copied())
}

pub fn feeds(ctx: &Context<'_>) -> Result<Feeds> {
    let feeds = ctx
        .data::<Feeds>()
        .map_err(|_| Code::Internal.error("the request came without feeds"))?;
    Ok(client(ctx).map_or_else(|| feeds.clone(), |client| feeds.for_client(client)))
}

pub fn reader(ctx: &Context<'_>) -> Result<Reader> {
    // Before the migrations have run there may be no tables to read.
    if services(ctx)?.status.is_without_tables() {
        return Err(Code::Unavailable.error("postgres is starting; try again in a moment"));
    }
    let reader = ctx
        .data::<Reader>()
        .map_err(|_| Code::Internal.error("the request came without a reader"))?;
    let reader = reader.metered(viewer(ctx)?.meter());
    Ok(match client(ctx) {
        Some(client) => reader.for_client(client),
        None => reader,
    })
}

/// Who asks; HTTP says so with each request.
pub fn viewer<'a>(ctx: &Context<'a>) -> Result<&'a Viewer> {
    ctx.data::<Viewer>()
        .map_err(|_| Code::Internal.error("the request came without a viewer"))
}

pub fn principal<'a>(ctx: &Context<'a>) -> Result<&'a Arc<Principal>> {
    ctx.data::<Arc<Principal>>()
        .map_err(|_| Code::Internal.error("the request came without a principal"))
}

/// After a wait, before a change: whoever asks is still let in, and allowed what the operation needs.
pub fn still_allowed(ctx: &Context<'_>) -> Result<()> {
    let now = services(ctx)?.access.renew(principal(ctx)?);
    let now = now.map_err(Problem::from)?;
    match viewer(ctx)?.change(&now.viewer.grant()) {
        true => Ok(()),
        false => Err(Code::Forbidden.error(NO_LONGER)),
    }
}

/// What a client is told of records that Kafka did not acknowledge.
pub fn publish_error(error: NotPublished) -> Error {
    tracing::warn!(%error, "cannot publish records to Kafka");
    Code::Unavailable.error(format!(
        "kafka acknowledged only {} of the records; sending all again is safe, a point stored \
         twice counts once",
        error.acknowledged
    ))
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services")
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sources::Broker;

    #[tokio::test]
    async fn each_record_has_its_place_in_the_order_it_was_given() {
        let broker = Broker::embedded().unwrap();
        let producer = Producer::new(&broker, Duration::from_secs(20)).unwrap();
        let publisher = KafkaPublisher {
            producer: Arc::new(producer),
            durable: false,
        };
        let record = |n: usize| Record {
            topic: "t".to_owned(),
            key: Some(b"always the same".to_vec()),
            payload: Some(n.to_string().into_bytes()),
            timestamp: None,
            headers: Vec::new(),
        };
        let records = (0..2 * WINDOW + 1).map(record).collect();
        let places = publisher.publish(records).await.unwrap();
        let offsets: Vec<i64> = places.iter().map(|place| place.offset).collect();
        assert_eq!(offsets, (0..=2 * WINDOW as i64).collect::<Vec<_>>());
    }
}
