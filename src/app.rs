//! Builds all parts from the sink to the source, and stops them from the source to the sink.
//!
//! The only file that knows every part. Unset parts of the configuration are replaced here by
//! embedded defaults: a broker in this process, a private Postgres, latest values in memory.

mod reload;
mod serving;
mod unverified;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Arbiter};
use actix_web::dev::ServerHandle;
use anyhow::{Context, Result};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::access::Audit;
use crate::actors::aggregates::Aggregates;
use crate::actors::generation::Pipeline;
use crate::actors::hub::HubHandle;
use crate::actors::lookups;
use crate::actors::pausing::Pausing;
use crate::actors::sampler;
use crate::actors::supervisor::{Stop, Supervisor};
use crate::cache::{Bus, BusEvent, LatestCache, RedisConfig};
use crate::config::{Config, Overrides};
use crate::embedded_kafka::{self, Announcement};
use crate::feed::{CatchUp, Feeds};
use crate::graphql::{self, services};
use crate::http::connections::open_files;
use crate::http::{self, session};
use crate::inspect::Inspection;
use crate::sources::{Broker, PollConfig, Producer, reach};
use crate::store::connect::DatabaseUrl;
use crate::store::embedded::Embedded;
use crate::store::retention::Keep;
use crate::store::{DeadLetterQuota, WriterConfig};
use crate::telemetry::{Metrics, Status};
use crate::write::{KafkaPublisher, NewSeries, Writers};

use reload::Replaceable;

/// Everything must have stopped by then; what has not is read again at the next start.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// For the subscribers to go after the drain window, and for HTTP; connections without a
/// subscription get half of it.
const FAREWELL: Duration = Duration::from_secs(5);
/// For the audit events that wait when everything else has stopped.
const AUDIT_WITHIN: Duration = Duration::from_secs(2);
const STOP_REPORT_EVERY: Duration = Duration::from_secs(5);
pub const PRODUCE_PATIENCE: Duration = Duration::from_secs(30);
/// Series the in-process cache of latest values holds: some 60 MB when full.
const LATEST_IN_PROCESS: usize = 1_000_000;

/// A running StreamSync.
#[allow(
    missing_debug_implementations,
    reason = "a handful of handles that say nothing"
)]
pub struct App {
    pub address: SocketAddr,
    is_secured: bool,
    pub broker: Broker,
    announced: Option<Announcement>,
    pub producer: Arc<Producer>,
    pub database: DatabaseUrl,
    pub status: Arc<Status>,
    replaceable: Option<Replaceable>,
    supervisor: Addr<Supervisor>,
    hub: HubHandle,
    http: ServerHandle,
    embedded: Option<Embedded>,
    archiver: Option<Arbiter>,
    fatal: mpsc::Receiver<String>,
    audit: Audit,
    drain: Duration,
}

impl App {
    /// Starts every part on the current actix system. Postgres and Kafka may still be away: the
    /// pipeline waits for them and `/readyz` says so.
    pub async fn start(config: &Config) -> Result<Self> {
        let open_files = open_files::raise();
        // Bound first: a taken port should not cost the start of a Postgres.
        let listener = TcpListener::bind(config.http.listen)
            .with_context(|| format!("cannot listen on {}", config.http.listen))?;
        let operations = serving::operations_listener(config)?;
        let metrics = Arc::new(Metrics::default());
        let status = Arc::new(Status::default());
        for need in ["postgres", "kafka", "pipeline"] {
            status.expect(need);
        }
        status.update(|snapshot| snapshot.without_tables = true);
        let broker = broker(config)?;
        unverified::warn(config);
        // Postgres may take a while, and a wrong address should not wait for that.
        reach::look_once(&broker, &status);
        let (database, embedded) = database(config)?;
        let audit = Audit::start(database.clone(), Arc::clone(&metrics));
        let announced = embedded_kafka::announce(&broker, &config.data_dir.0);
        let producer = Arc::new(Producer::new(&broker, PRODUCE_PATIENCE)?);

        let (installation, told) = watch::channel(None);
        let redis = config
            .redis
            .url
            .clone()
            .map(|url| RedisConfig::new(url, config.redis.prefix.clone(), told));
        let latest = match &redis {
            Some(redis) => LatestCache::redis(redis, Arc::clone(&metrics), Arc::clone(&status))?,
            None => LatestCache::local(LATEST_IN_PROCESS),
        };
        let (counted, shown) = (Arc::clone(&metrics), Arc::clone(&status));
        let recent = config.pipeline.recent_mib << 20;
        let bounds = config.live_limits();
        let hub = HubHandle::start(database.clone(), recent, bounds, latest.clone(), counted, shown);
        let catch_up = CatchUp::start(&database, &metrics)?;
        let outbox_bytes = config.pipeline.outbox_kib << 10;
        let feeds = Feeds::new(hub.clone(), catch_up, outbox_bytes, &metrics);
        let aggregates = Aggregates::start(database.clone(), hub.clone(), Arc::clone(&metrics))?;
        let bus = match &redis {
            Some(redis) => Some(bus(redis, &hub, &metrics, &status)?),
            None => None,
        };
        let registry = config.registry().map_err(anyhow::Error::msg)?;
        let plans = watch::Sender::new(config.plans(registry.as_ref())?);
        lookups::refresh(&plans.borrow(), &database);
        let group = config.kafka.group_id.clone();
        let inspection = Inspection::new(broker.clone(), group, plans.subscribe(), registry.clone());
        let pausing = Pausing::new(
            database.clone(),
            &**plans.borrow(),
            config.pipeline.dead_letter_pause,
            Arc::clone(&status),
        );
        let (to_fatal, fatal) = mpsc::channel(1);
        let pipeline = Pipeline {
            streams: config
                .streams
                .iter()
                .map(|s| s.source(broker.is_embedded()))
                .collect(),
            plans: plans.subscribe(),
            registry: registry.clone(),
            pausing: pausing.clone(),
            poll: PollConfig {
                group_id: config.kafka.group_id.clone(),
                session_timeout: config.kafka.session_timeout,
                prefetch_bytes: config.pipeline.memory_mib << 20,
                // So that one batch is written while the next is read and a third is decoded.
                batch_bytes: PollConfig::default()
                    .batch_bytes
                    .min((config.pipeline.memory_mib << 20) / 4),
                ..PollConfig::default()
            },
            writer: writer_config(config),
            rollups: config.rollups.refresher(),
            keep: Keep {
                dead_letters: config.pipeline.dead_letter_retention,
                commits: config.pipeline.resume_horizon,
                streams: config
                    .streams
                    .iter()
                    .map(|s| (s.name.clone(), s.retention.ages()))
                    .collect(),
                rollups: config.rollups.enabled,
                archive: config.archive.url.is_some(),
            },
            credit_bytes: config.pipeline.memory_mib << 20,
            dead_letter_limit: (
                config.pipeline.dead_letter_limit,
                config.pipeline.dead_letter_window,
            ),
            hub: hub.clone(),
            cache: latest.clone(),
            doubt: Arc::default(),
            bus,
            installation,
            broker: broker.clone(),
            database: database.clone(),
            metrics: Arc::clone(&metrics),
            status: Arc::clone(&status),
        };
        let supervisor = Supervisor::new(Arc::new(pipeline), to_fatal).start();

        let access = serving::access(config, &database, &status, &metrics)?;
        let archiver = serving::archiver(config, &database, &metrics)?;
        let streams = watch::Sender::new(Arc::new(config.shown_streams(broker.is_embedded())));
        let (reloads, requests) = mpsc::channel(1);
        let services = services::Services {
            access: access.clone(),
            status: Arc::clone(&status),
            metrics: Arc::clone(&metrics),
            samples: sampler::start(&metrics, &status),
            streams: streams.subscribe(),
            reloads,
            latest,
            publisher: Arc::new(KafkaPublisher {
                producer: Arc::clone(&producer),
                durable: !broker.is_embedded(),
            }),
            pausing: pausing.clone(),
            inspection,
            new_series: NewSeries::default(),
            writers: Writers::default(),
            audit: audit.clone(),
        };
        let writes = http::Writes::new(services.clone(), serving::write_settings(config));
        let (server, http, address) = http::serve(
            listener,
            serving::http_config(config, open_files),
            http::Parts {
                schema: graphql::Api::new(services).with_documents(serving::documents(config)?),
                per_worker: serving::per_worker(&database, &feeds, &aggregates, &metrics)?,
                live: session::Settings {
                    limits: serving::limits(config, FAREWELL),
                    metrics: Arc::clone(&metrics),
                    audit: audit.clone(),
                    draining: hub.draining(),
                },
                writes,
                access: access.clone(),
                metrics: Arc::clone(&metrics),
                status: Arc::clone(&status),
            },
        )?;
        actix::spawn(server);
        if let Some(listener) = operations {
            let hosts = &config.http.allowed_hosts;
            actix::spawn(http::serve_operations(listener, hosts, &metrics, &status)?);
        }
        let replaceable = Replaceable {
            access,
            audit: audit.clone(),
            pausing,
            registry,
            plans,
            streams,
            requests,
            database: database.clone(),
            is_embedded: broker.is_embedded(),
        };
        Ok(Self {
            address,
            is_secured: config.http.tls.is_some(),
            broker,
            announced,
            producer,
            database,
            status,
            replaceable: Some(replaceable),
            supervisor,
            hub,
            http,
            embedded,
            archiver,
            fatal,
            audit,
            drain: config.http.drain,
        })
    }

    /// From now on the configuration can be read again.
    pub fn reload_on_hangup(&mut self, config: &Config, overrides: &Overrides) -> Result<()> {
        match self.replaceable.take() {
            Some(parts) => reload::start(parts, config.clone(), overrides.clone()),
            None => Ok(()),
        }
    }

    /// Where the API is.
    pub fn url(&self) -> String {
        let scheme = if self.is_secured { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Ends when the pipeline cannot go on, with the reason.
    pub async fn failed(&mut self) -> String {
        match self.fatal.recv().await {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }

    /// Readiness off, sources, pipeline, subscribers, HTTP, Postgres: in this order, in one
    /// deadline. Says whether everything had been stored and said good-bye to by then.
    pub async fn stop(self) -> bool {
        self.status.update(|snapshot| snapshot.stopping = true);
        drop(self.announced);
        if let Some(archiver) = &self.archiver {
            // At whatever it is: a copy that was not recorded is made again.
            archiver.stop();
        }
        // Subscribers are notified even if Postgres is unavailable and nothing more can be stored.
        let farewell = self.drain + FAREWELL;
        let stopped = stage("the pipeline", self.supervisor.send(Stop));
        let stored = timeout(STOP_WITHIN.saturating_sub(farewell), stopped)
            .await
            .is_ok();
        let goodbye = async {
            stage("live subscribers", self.hub.drain(self.drain)).await;
            stage("http", self.http.stop(true)).await;
        };
        let graceful = timeout(farewell, goodbye).await.is_ok() && stored;
        self.audit.close(AUDIT_WITHIN).await;
        if !graceful {
            tracing::warn!(
                "the shutdown deadline passed; unfinished records are read again at the next start"
            );
        }
        if let Some(embedded) = self.embedded
            && let Err(error) = embedded.stop()
        {
            tracing::warn!(%error, "the private postgres did not stop cleanly");
        }
        graceful
    }
}

/// Awaits a part's end and says every few seconds that it is still awaited.
async fn stage<T>(name: &str, ending: impl Future<Output = T>) -> T {
    let mut ending = std::pin::pin!(ending);
    loop {
        match timeout(STOP_REPORT_EVERY, &mut ending).await {
            Ok(ended) => return ended,
            Err(_) => tracing::info!("still waiting for {name} to stop"),
        }
    }
}

fn database(config: &Config) -> Result<(DatabaseUrl, Option<Embedded>)> {
    if let Some(url) = &config.postgres.url {
        let url: DatabaseUrl = url.parse()?;
        if url.is_unverified() {
            tracing::warn!(
                postgres = %url,
                "the identity of the Postgres server is not verified: anyone on the network path can read and change the data; add sslmode=verify-full (and sslrootcert) to its URL"
            );
        }
        return Ok((url, None));
    }
    let embedded = Embedded::start(&config.data_dir.0)?;
    Ok((embedded.url().parse()?, Some(embedded)))
}

pub fn broker(config: &Config) -> Result<Broker> {
    Ok(match &config.kafka.brokers {
        Some(brokers) => Broker::remote(brokers, config.kafka.properties.clone()),
        None => Broker::embedded()?,
    })
}

/// Other nodes' batches come to our subscribers by Redis; after a time without it the hub looks into
/// Postgres.
fn bus(
    redis: &RedisConfig,
    hub: &HubHandle,
    metrics: &Arc<Metrics>,
    status: &Arc<Status>,
) -> Result<Arc<Bus>> {
    let hub = hub.clone();
    let hear = move |event| match event {
        BusEvent::Stored(stored) => hub.hear(stored),
        BusEvent::Connected => hub.catch_up(),
    };
    Ok(Arc::new(Bus::start(
        redis,
        Arc::clone(metrics),
        Arc::clone(status),
        hear,
    )?))
}

fn writer_config(config: &Config) -> WriterConfig {
    WriterConfig {
        synchronous_commit: config.postgres.synchronous_commit,
        far_partitions: config.pipeline.max_far_partitions,
        dead_letters: DeadLetterQuota {
            of_a_stream: config.pipeline.dead_letter_stream_mib << 20,
            in_all: config.pipeline.dead_letter_mib << 20,
        },
        max_series: config
            .streams
            .iter()
            .map(|s| (Arc::from(s.name.as_str()), s.max_series))
            .collect(),
        ..WriterConfig::default()
    }
}
