//! The bus between nodes: sends committed batches through Redis, sooner than other nodes would read
//! them from Postgres.
//!
//! Correctness does not depend on it. A batch that is not delivered (Redis unavailable, queue full,
//! batch too large) is a gap that the hub fills from Postgres; it checks after each (re)connect.
//! Messages without our tag are dropped and counted, as others may write to this Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError};
use tokio::sync::{mpsc, watch};

use super::link::{Backoff, CacheError, Names, RedisConfig, brief, connect, random};
use super::wire::{self, NodeId};
use crate::data::{Installation, Stored};
use crate::telemetry::{Metrics, Status};

/// Batches on their way to Redis.
const QUEUE: usize = 64;
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);
/// Detects a silent connection; Redis sends nothing in between.
const PING_EVERY: Duration = Duration::from_secs(10);
const BUS: &str = "redis bus";
const STORED: &str = "stored";

/// What another node did.
#[derive(Clone, Debug)]
pub enum BusEvent {
    Stored(Arc<Stored>),
    /// Messages may have been missed before this moment.
    Connected,
}

/// Publishes until dropped; the tasks end with it.
#[derive(Debug)]
pub struct Bus {
    queue: mpsc::Sender<Arc<Stored>>,
    metrics: Arc<Metrics>,
    _alive: watch::Sender<()>,
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
        let node = random();
        let names = config.names();
        let (queue, batches) = mpsc::channel(QUEUE);
        let (alive, gone) = watch::channel(());
        tokio::spawn(publish(
            client.clone(),
            names.clone(),
            node,
            Arc::clone(&metrics),
            batches,
        ));
        let ear = Ear {
            client,
            names,
            node,
            metrics: Arc::clone(&metrics),
            status,
        };
        tokio::spawn(async move {
            let mut gone = gone;
            tokio::select! {
                () = ear.subscribe(hear) => {}
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
    names: Names,
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
        // A committed batch implies that Postgres has told the installation.
        let (Some(connection), Some(installation)) = (&mut link, names.installation()) else {
            metrics.cache_errors.inc();
            continue;
        };
        let Some(message) = wire::encode(&installation, node, &stored) else {
            continue;
        };
        let sent: Result<(), RedisError> = redis::cmd("PUBLISH")
            .arg(names.name(&installation, STORED))
            .arg(message)
            .query_async(connection)
            .await;
        if sent.is_err() {
            metrics.cache_errors.inc();
            link = None;
        }
    }
}

/// What listens to the other nodes.
struct Ear {
    client: Client,
    names: Names,
    node: NodeId,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
}

impl Ear {
    async fn subscribe(mut self, hear: impl Fn(BusEvent) + Send + Sync) {
        let mut backoff = Backoff::new();
        loop {
            let installation = self.names.known().await;
            let connected = AtomicBool::new(false);
            let ended = self
                .listen(&installation, &|event| {
                    if matches!(event, BusEvent::Connected) {
                        connected.store(true, Ordering::Relaxed);
                        self.status.update(|s| s.degraded.remove(BUS));
                    }
                    hear(event);
                })
                .await;
            let why = ended.map_or_else(|error| brief(&error), |()| "connection closed".to_owned());
            let before = self.status.update(|s| s.degraded.insert(BUS, why.clone()));
            if before.is_none() {
                tracing::warn!(%why, "Redis is unavailable; batches of other nodes come from Postgres until it is back");
            }
            if connected.into_inner() {
                backoff = Backoff::new();
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    /// `Ok` when Redis closed the connection.
    async fn listen(&self, installation: &Installation, hear: &impl Fn(BusEvent)) -> Result<(), RedisError> {
        let channel = self.names.name(installation, STORED);
        let connecting = async {
            let mut pubsub = self.client.get_async_pubsub().await?;
            pubsub.subscribe(channel).await?;
            Ok::<_, RedisError>(pubsub)
        };
        let pubsub = tokio::time::timeout(PUBLISH_TIMEOUT, connecting)
            .await
            .map_err(|_| silent())??;
        let (mut sink, mut messages) = pubsub.split();
        hear(BusEvent::Connected);
        let mut warned = false;
        loop {
            match tokio::time::timeout(PING_EVERY, messages.next()).await {
                Ok(Some(message)) => match wire::decode(installation, message.get_payload_bytes()) {
                    Some((from, stored)) if from != self.node => hear(BusEvent::Stored(Arc::new(stored))),
                    Some(_) => {}
                    None => {
                        self.metrics.cache_errors.inc();
                        if !std::mem::replace(&mut warned, true) {
                            tracing::warn!(
                                "dropped a message on the Redis bus: it is of another installation or version"
                            );
                        }
                    }
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
}

fn silent() -> RedisError {
    RedisError::from((redis::ErrorKind::Io, "no answer"))
}
