//! Runs the pipeline as generations: builds the stages from the sink backwards, watches them, and
//! when one fails, panics or stalls it stops them all and restarts from the offsets in Postgres.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, Arbiter, AsyncContext, Context, Handler, Message, ResponseActFuture};
use tokio::sync::mpsc;

use super::generation::{Generation, Pipeline};
use super::maintenance::{MAINTAIN_EVERY, Maintenance};
use super::messages::{Drain, Failed};
use super::refresher;
use crate::telemetry::caught;

const TICK: Duration = Duration::from_secs(1);
const RESTART_LONGEST: Duration = Duration::from_secs(60);
/// After a generation that ran this long the next restart has the shortest delay again.
const GOOD_RUN: Duration = Duration::from_secs(60);
/// Longer than any statement and any retry may keep the writer silent.
const STALLED_AFTER: Duration = Duration::from_secs(120);

/// Stop the pipeline once everything read is stored. Answered when it has stopped.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Stop;

#[derive(Debug)]
pub struct Supervisor {
    pipeline: Arc<Pipeline>,
    /// Told why no generation can go on.
    fatal: mpsc::Sender<String>,
    number: u64,
    /// The current generation has failed.
    over: bool,
    running: Option<Generation>,
    began: Instant,
    restarts: u32,
    stopping: bool,
    maintenance: Arc<Maintenance>,
    maintained: Option<Instant>,
    /// Begins with the first generation, which brings the tables, and outlives it.
    refresher: Option<Arbiter>,
    watching_pauses: bool,
}

impl Supervisor {
    pub fn new(pipeline: Arc<Pipeline>, fatal: mpsc::Sender<String>) -> Self {
        let maintenance = Maintenance::new(
            pipeline.database.clone(),
            pipeline.keep.clone(),
            pipeline.cache.clone(),
            Arc::clone(&pipeline.metrics),
            Arc::clone(&pipeline.status),
        );
        Self {
            maintenance: Arc::new(maintenance),
            pipeline,
            fatal,
            number: 0,
            over: false,
            running: None,
            began: Instant::now(),
            restarts: 0,
            stopping: false,
            maintained: None,
            refresher: None,
            watching_pauses: false,
        }
    }

    fn begin(&mut self, ctx: &mut Context<Self>) {
        self.number += 1;
        self.over = false;
        self.began = Instant::now();
        let (number, pipeline) = (self.number, Arc::clone(&self.pipeline));
        let supervisor = ctx.address().recipient();
        let built = async move { Generation::build(number, &pipeline, supervisor).await };
        ctx.spawn(
            wrap_future(built).map(move |built, this: &mut Self, ctx| match built {
                Ok(generation) if this.stopping => drop(generation.end()),
                Ok(generation) => {
                    tracing::info!(generation = number, "pipeline running");
                    let pipeline = &this.pipeline;
                    pipeline.status.update(|s| s.generation = number);
                    pipeline.status.well("pipeline");
                    pipeline.metrics.generation.set(number.cast_signed());
                    pipeline.hub.catch_up();
                    pipeline.cache.invalidate();
                    this.running = Some(generation);
                    this.refresh();
                    this.watch_pauses(ctx);
                }
                Err(failed) => this.ended(&failed, ctx),
            }),
        );
    }

    /// Ends the generation and plans the next.
    fn ended(&mut self, failed: &Failed, ctx: &mut Context<Self>) {
        if failed.generation != self.number || self.over || self.stopping {
            return;
        }
        // Later facts of this generation change nothing.
        self.over = true;
        let why = format!("{}: {}", failed.stage, failed.why);
        self.pipeline.status.trouble("pipeline", why.clone());
        let ending = self.running.take().map(Generation::end);
        if failed.fatal {
            tracing::error!(%why, "the pipeline failed");
            // One reason is enough: a full channel holds an earlier one.
            let _ = self.fatal.try_send(why);
            return;
        }
        if self.began.elapsed() > GOOD_RUN {
            self.restarts = 0;
        }
        let delay = RESTART_LONGEST.min(Duration::from_secs(1 << self.restarts.min(6)));
        self.restarts += 1;
        tracing::warn!(%why, restart_in = ?delay, "pipeline restarting");
        let rest = async move {
            if let Some(ending) = ending {
                ending.await;
            }
            tokio::time::sleep(delay).await;
        };
        ctx.spawn(wrap_future(rest).map(|(), this: &mut Self, ctx| {
            if !this.stopping {
                this.begin(ctx);
            }
        }));
    }

    fn watch(&mut self, ctx: &mut Context<Self>) {
        let Some(running) = &mut self.running else {
            return;
        };
        if let Some((stage, why)) = running.trouble(STALLED_AFTER) {
            let failed = Failed {
                generation: self.number,
                stage,
                why,
                fatal: false,
            };
            self.ended(&failed, ctx);
        }
    }

    fn refresh(&mut self) {
        let Some(config) = self.pipeline.rollups.filter(|_| self.refresher.is_none()) else {
            return;
        };
        let pipeline = Arc::clone(&self.pipeline);
        let arbiter = Arbiter::new();
        arbiter.spawn(async move {
            refresher::run(&pipeline.database, config, &pipeline.metrics).await;
        });
        self.refresher = Some(arbiter);
    }

    fn watch_pauses(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.watching_pauses, true) {
            let pipeline = Arc::clone(&self.pipeline);
            ctx.spawn(wrap_future(async move {
                // Nothing but a panic ends it.
                while caught(&pipeline.metrics, "pausing", pipeline.pausing.watch())
                    .await
                    .is_none()
                {
                    tokio::time::sleep(TICK).await;
                }
            }));
        }
    }

    fn maintain(&mut self, ctx: &mut Context<Self>) {
        if self.running.is_none() || self.maintained.is_some_and(|at| at.elapsed() < MAINTAIN_EVERY) {
            return;
        }
        self.maintained = Some(Instant::now());
        let maintenance = Arc::clone(&self.maintenance);
        ctx.spawn(wrap_future(async move { maintenance.run().await }));
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.begin(ctx);
        ctx.run_interval(TICK, |this, ctx| {
            this.watch(ctx);
            this.maintain(ctx);
        });
    }
}

impl Handler<Failed> for Supervisor {
    type Result = ();

    fn handle(&mut self, failed: Failed, ctx: &mut Context<Self>) {
        self.ended(&failed, ctx);
    }
}

impl Handler<Stop> for Supervisor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Stop, _: &mut Context<Self>) -> Self::Result {
        self.stopping = true;
        if let Some(refresher) = self.refresher.take() {
            refresher.stop();
        }
        let drained = self.running.as_ref().map(|g| g.consumer.send(Drain));
        let drain = async move {
            if let Some(drained) = drained {
                // A stage that is gone cannot drain; what it held is read again next time.
                let _ = drained.await;
            }
        };
        let drained = wrap_future(drain).then(|(), this: &mut Self, _| {
            let ending = this.running.take().map(Generation::end);
            wrap_future(async move {
                if let Some(ending) = ending {
                    ending.await;
                }
            })
        });
        Box::pin(drained)
    }
}
