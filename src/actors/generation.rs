//! One run of the pipeline: its stages, their threads, its credits, and how it starts and ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Arbiter, Recipient};
use tokio::sync::watch;

use super::consumer::{Consumer, ToTransformer};
use super::doubt::Doubt;
use super::failing::FailingStreams;
use super::fenced::Fenced;
use super::hub::HubHandle;
use super::ledger::PostgresLedger;
use super::lookups;
use super::messages::Failed;
use super::pausing::Pausing;
use super::transformer::{Schemas, Transformer};
use super::writer::{Outlets, Session, Source, Writer};
use crate::cache::{Bus, LatestCache};
use crate::data::{Credits, Installation};
use crate::decode::registry::SchemaRegistry;
use crate::sources::{Broker, PollConfig, Reading, StreamSource, TopicSpec, ensure_topics};
use crate::store::connect::DatabaseUrl;
use crate::store::retention::Keep;
use crate::store::rollups::RollupConfig;
use crate::store::{self, Pace, WriteError, WriterConfig, migrate};
use crate::telemetry::{Metrics, Status};
use crate::transform::{StreamPlan, Transform};

/// The stage that loads tables, as it is called where something is missing.
const LOOKUP: &str = "lookup";

/// What every generation is built from.
#[derive(Debug)]
pub struct Pipeline {
    pub broker: Broker,
    pub database: DatabaseUrl,
    pub streams: Vec<StreamSource>,
    pub plans: watch::Receiver<Arc<[StreamPlan]>>,
    pub registry: Option<Arc<SchemaRegistry>>,
    pub poll: PollConfig,
    pub writer: WriterConfig,
    pub keep: Keep,
    /// `None`: other nodes refresh the rollups.
    pub rollups: Option<RollupConfig>,
    pub credit_bytes: usize,
    /// The share of a stream's last records that may fail, and how many records those are.
    pub dead_letter_limit: (f64, usize),
    pub hub: HubHandle,
    pub cache: LatestCache,
    pub doubt: Arc<Doubt>,
    pub bus: Option<Arc<Bus>>,
    /// Sent to the users of Redis once the tables exist.
    pub installation: watch::Sender<Option<Installation>>,
    pub pausing: Pausing,
    pub metrics: Arc<Metrics>,
    pub status: Arc<Status>,
}

#[derive(Debug)]
pub struct Generation {
    pub consumer: Addr<Consumer>,
    transformer: Addr<Transformer>,
    writer: Addr<Writer>,
    arbiters: Vec<Arbiter>,
    credits: Arc<Credits>,
    pace: Arc<Pace>,
    seen: (u64, Instant),
}

impl Generation {
    /// Waits for Postgres and Kafka as long as it takes, then starts the stages, sink first.
    pub async fn build(
        number: u64,
        pipeline: &Arc<Pipeline>,
        supervisor: Recipient<Failed>,
    ) -> Result<Self, Failed> {
        let failed = |stage, why: String, fatal| Failed {
            generation: number,
            stage,
            why,
            fatal,
        };
        let database = &pipeline.database;
        migrate::migrate(database).await.map_err(|error| {
            pipeline.status.trouble("postgres", error.to_string());
            failed("postgres", error.to_string(), error.is_final())
        })?;
        let ran_before = pipeline.status.update(|snapshot| {
            snapshot.without_tables = false;
            snapshot.generation > 0
        });
        let config = pipeline.writer.clone();
        let connecting = async {
            let installation = store::installation::installation(database).await?;
            pipeline.installation.send_replace(Some(installation));
            store::Writer::connect(database, config.clone(), Arc::clone(&pipeline.metrics)).await
        };
        let store = connecting.await.map_err(|error| {
            pipeline.status.trouble("postgres", error.to_string());
            // At the first start somebody watches and can read the error.
            let fatal = match error {
                WriteError::Unknown(_) => !ran_before || pipeline.doubt.is_over(Instant::now()),
                _ => error.is_final(),
            };
            failed("postgres", error.to_string(), fatal)
        })?;
        pipeline.status.well("postgres");

        pipeline
            .pausing
            .begin()
            .await
            .map_err(|error| failed("postgres", error.to_string(), error.is_final()))?;
        // Paused streams too: their partitions are held until the streams are resumed.
        ensure_topics(&pipeline.broker, &topics(&pipeline.streams), &pipeline.status)
            .await
            .map_err(|error| failed("kafka", error.to_string(), error.is_final()))?;

        let plans = Arc::clone(&pipeline.plans.borrow());
        lookups::load(&plans, database).await.map_err(|why| {
            pipeline.status.trouble(LOOKUP, why.clone());
            failed(LOOKUP, why, false)
        })?;
        if plans.iter().any(|plan| !plan.lookups.is_empty()) {
            pipeline.status.well(LOOKUP);
        }

        let credits = Credits::new(pipeline.credit_bytes);
        let pace = Arc::clone(&config.pace);
        let arbiters = vec![Arbiter::new(), Arbiter::new()];
        let writer = Writer {
            generation: number,
            session: Session {
                database: database.clone(),
                config,
                store: Some(store),
                doubt: Arc::clone(&pipeline.doubt),
            },
            outlets: Outlets {
                hub: pipeline.hub.clone(),
                supervisor: supervisor.clone(),
                cache: pipeline.cache.clone(),
                bus: pipeline.bus.clone(),
                pausing: pipeline.pausing.clone(),
            },
            source: None,
            failing: FailingStreams::new(pipeline.dead_letter_limit.0, pipeline.dead_letter_limit.1),
            fenced: Fenced::new(pipeline.poll.session_timeout * 2),
            metrics: Arc::clone(&pipeline.metrics),
            status: Arc::clone(&pipeline.status),
            stopped: false,
        };
        let writer = Writer::start_in_arbiter(&arbiters[0].handle(), |_| writer);
        let mut plans = pipeline.plans.clone();
        let transform = Transform::new(plans.borrow_and_update().iter().cloned());
        let transformer = Transformer {
            transform,
            plans,
            schemas: Schemas {
                registry: pipeline.registry.clone(),
                status: Arc::clone(&pipeline.status),
                pace: Arc::clone(&pace),
            },
            writer: writer.clone(),
            metrics: Arc::clone(&pipeline.metrics),
        };
        let transformer = Transformer::start_in_arbiter(&arbiters[1].handle(), |_| transformer);
        let sink = ToTransformer {
            generation: number,
            transformer: transformer.clone(),
            supervisor,
        };
        let reading = Reading {
            config: pipeline.poll.clone(),
            broker: pipeline.broker.clone(),
            streams: pipeline.streams.clone(),
            ledger: Box::new(PostgresLedger::new(database.clone())),
            sink: Box::new(sink.clone()),
            credits: Arc::clone(&credits),
            metrics: Arc::clone(&pipeline.metrics),
            status: Arc::clone(&pipeline.status),
        };
        let consumer = Consumer {
            reading: Some(reading),
            poller: None,
            sink,
        };
        let consumer = Consumer::start_in_arbiter(&arbiters[1].handle(), |_| consumer);
        writer.do_send(Source(consumer.clone().recipient()));
        let shown = Arc::clone(&credits);
        pipeline.status.update(|snapshot| snapshot.credits = Some(shown));
        Ok(Self {
            consumer,
            transformer,
            writer,
            arbiters,
            credits,
            seen: (0, Instant::now()),
            pace,
        })
    }

    /// The stage that panicked, or the writer when work waits and nothing has moved for `stalled`.
    pub fn trouble(&mut self, stalled: Duration) -> Option<(&'static str, String)> {
        let alive = [
            ("consumer", self.consumer.connected()),
            ("transformer", self.transformer.connected()),
            ("writer", self.writer.connected()),
        ];
        if let Some((stage, _)) = alive.iter().find(|(_, alive)| !alive) {
            return Some((stage, "panicked".to_owned()));
        }
        let steps = self.pace.steps();
        if steps != self.seen.0 || self.credits.held() == 0 {
            self.seen = (steps, Instant::now());
        }
        if self.seen.1.elapsed() <= stalled {
            return None;
        }
        // The next generation gets the same batch.
        self.pace.slower();
        Some(("writer", format!("no progress for {stalled:?}")))
    }

    /// Stops the stages at once. What they held is read again from the offsets in Postgres. The future
    /// ends with the threads; leaving the group takes up to a few seconds.
    pub fn end(self) -> impl Future<Output = ()> + use<> {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        async move {
            let joined = tokio::task::spawn_blocking(move || {
                for arbiter in self.arbiters {
                    // A panicked stage has been reported already.
                    let _ = arbiter.join();
                }
            });
            let _ = joined.await;
        }
    }
}

fn topics(streams: &[StreamSource]) -> Vec<TopicSpec> {
    let own = streams.iter().map(|s| TopicSpec::new(&*s.topic, s.partitions));
    let redrive = streams.iter().filter_map(|s| s.redrive_topic.as_deref());
    own.chain(redrive.map(|topic| TopicSpec::new(topic, 1))).collect()
}
