//! The bus between nodes: what one commits the others hear through Redis, sooner than they would
//! find it in Postgres.
//!
//! Nothing rests on it. A batch that is not delivered (Redis away, queue full, batch too large) is a
//! hole that the hub fills from Postgres; after each (re)connect it is told to look.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError};
use tokio::sync::{mpsc, watch};

use super::link::{Backoff, CacheError, RedisConfig, brief, connect};
use super::wire::{self, NodeId};
use crate::data::Stored;
use crate::telemetry::{Metrics, Status};

/// Batches on their way to Redis.
const QUEUE: usize = 64;
/// Redis drops subscribers that are 8 MiB behind for a minute; a batch larger than this many bytes
/// is left to Postgres.
const MESSAGE_MAX: usize = 4 * 1024 * 1024;
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that fell silent is found out by this; in between Redis owes us nothing.
const PING_EVERY: Duration = Duration::from_secs(10);
const BUS: &str = "redis bus";

/// What another node did.
#[derive(Clone, Debug)]
pub enum BusEvent {
    Stored(Arc<Stored>),
    /// Messages may have been missed before this moment.
    Connected,
}

/// Publishes until dropped; the tasks end with it.
pub struct Bus {
    queue: mpsc::Sender<Arc<Stored>>,
    metrics: Arc<Metrics>,
    _alive: watch::Sender<()>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").finish_non_exhaustive()
    }
}

impl Bus {
    /// Starts two tasks on the current tokio runtime; `hear` is called in one of them for each event
    /// and must not block.
    pub fn start(
        config: &RedisConfig,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
        hear: impl Fn(BusEvent) + Send + Sync + 'static,
    ) -> Result<Self, CacheError> {
        let client = config.client()?;
        let node = node_id();
        let channel = format!("{{{}}}:stored", config.prefix);
        let (queue, batches) = mpsc::channel(QUEUE);
        let (alive, gone) = watch::channel(());
        tokio::spawn(publish(
            client.clone(),
            channel.clone(),
            node,
            Arc::clone(&metrics),
            batches,
        ));
        tokio::spawn(async move {
            let mut gone = gone;
            tokio::select! {
                () = subscribe(client, channel, node, status, hear) => {}
                _ = gone.changed() => {}
            }
        });
        Ok(Self {
            queue,
            metrics,
            _alive: alive,
        })
    }

    /// Tells the other nodes. Never waits.
    pub fn publish(&self, stored: &Arc<Stored>) {
        if self.queue.try_send(Arc::clone(stored)).is_err() {
            self.metrics.cache_errors.inc();
        }
    }
}

async fn publish(
    client: Client,
    channel: String,
    node: NodeId,
    metrics: Arc<Metrics>,
    mut batches: mpsc::Receiver<Arc<Stored>>,
) {
    let mut link: Option<MultiplexedConnection> = None;
    let mut backoff = Backoff::new();
    let mut not_before = tokio::time::Instant::now();
    while let Some(stored) = batches.recv().await {
        if link.is_none() && tokio::time::Instant::now() >= not_before {
            match connect(&client, PUBLISH_TIMEOUT).await {
                Ok(connection) => {
                    link = Some(connection);
                    backoff = Backoff::new();
                }
                Err(_) => not_before = tokio::time::Instant::now() + backoff.next_wait(),
            }
        }
        let Some(connection) = &mut link else {
            metrics.cache_errors.inc();
            continue;
        };
        let message = wire::encode(node, &stored);
        if message.len() > MESSAGE_MAX {
            continue;
        }
        let sent: Result<(), RedisError> = redis::cmd("PUBLISH")
            .arg(&channel)
            .arg(message)
            .query_async(connection)
            .await;
        if sent.is_err() {
            metrics.cache_errors.inc();
            link = None;
        }
    }
}

async fn subscribe(
    client: Client,
    channel: String,
    node: NodeId,
    status: Arc<Status>,
    hear: impl Fn(BusEvent) + Send + Sync,
) {
    let mut backoff = Backoff::new();
    loop {
        let connected = AtomicBool::new(false);
        let ended = listen(&client, &channel, node, &|event| {
            if matches!(event, BusEvent::Connected) {
                connected.store(true, Ordering::Relaxed);
                status.update(|s| s.degraded.remove(BUS));
            }
            hear(event);
        })
        .await;
        let why = ended.map_or_else(|error| brief(&error), |()| "connection closed".to_owned());
        let before = status.update(|s| s.degraded.insert(BUS, why.clone()));
        if before.is_none() {
            tracing::warn!(%why, "Redis is away; other nodes' batches come from Postgres until it is back");
        }
        if connected.into_inner() {
            backoff = Backoff::new();
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// `Ok` when Redis closed the connection.
async fn listen(
    client: &Client,
    channel: &str,
    node: NodeId,
    hear: &impl Fn(BusEvent),
) -> Result<(), RedisError> {
    let connecting = async {
        let mut pubsub = client.get_async_pubsub().await?;
        pubsub.subscribe(channel).await?;
        Ok::<_, RedisError>(pubsub)
    };
    let pubsub = tokio::time::timeout(PUBLISH_TIMEOUT, connecting)
        .await
        .map_err(|_| silent())??;
    let (mut sink, mut messages) = pubsub.split();
    hear(BusEvent::Connected);
    loop {
        match tokio::time::timeout(PING_EVERY, messages.next()).await {
            Ok(Some(message)) => match wire::decode(message.get_payload_bytes()) {
                Some((from, stored)) if from != node => hear(BusEvent::Stored(Arc::new(stored))),
                Some(_) => {}
                None => tracing::debug!("a message on the bus is not of this version"),
            },
            Ok(None) => return Ok(()),
            Err(_) => {
                tokio::time::timeout(PUBLISH_TIMEOUT, sink.ping::<redis::Value>())
                    .await
                    .map_err(|_| silent())??;
            }
        }
    }
}

fn silent() -> RedisError {
    RedisError::from((redis::ErrorKind::Io, "no answer"))
}

fn node_id() -> NodeId {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
