//! Stores batches one after the other and, once they are history, tells everybody who waits.
//!
//! A lost Postgres is waited out with the batch in hand; offsets stand still meanwhile, and the
//! credits the batch holds keep the source from reading on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, AtomicResponse, Context, Handler, Recipient};

use super::failing::FailingStreams;
use super::hub::HubHandle;
use super::messages::{Committed, Drain, Failed, PauseStreams, Write};
use super::pausing::Pausing;
use crate::cache::{Bus, LatestCache};
use crate::data::Batch;
use crate::store::connect::DatabaseUrl;
use crate::store::{self, DeadRecord, WriteError, WriterConfig, Written};
use crate::telemetry::{Metrics, Status};

const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// Who is told what.
#[derive(Debug)]
pub struct Outlets {
    pub hub: HubHandle,
    pub supervisor: Recipient<Failed>,
    pub cache: LatestCache,
    pub bus: Option<Arc<Bus>>,
    pub pausing: Pausing,
}

/// The facts that go back up the pipeline; known only once the consumer exists.
#[derive(Debug)]
pub struct Feedback {
    pub committed: Recipient<Committed>,
    pub pause: Recipient<PauseStreams>,
}

impl actix::Message for Feedback {
    type Result = ();
}

#[derive(Debug)]
pub struct Writer {
    generation: u64,
    session: Session,
    outlets: Outlets,
    feedback: Option<Feedback>,
    failing: FailingStreams,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    stopped: bool,
}

/// The connection and what is needed to make another.
#[derive(Debug)]
pub struct Session {
    pub database: DatabaseUrl,
    pub config: WriterConfig,
    pub store: Option<store::Writer>,
    /// Counts attempts and successes: the supervisor sees that the writer lives.
    pub progress: Arc<AtomicU64>,
}

impl Writer {
    pub fn new(
        generation: u64,
        session: Session,
        outlets: Outlets,
        failing: FailingStreams,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
    ) -> Self {
        Self {
            generation,
            session,
            outlets,
            feedback: None,
            failing,
            metrics,
            status,
            stopped: false,
        }
    }

    fn stored(&mut self, counts: &RecordCounts, written: Written) {
        fail::fail_point!("before-publish", |_| std::process::abort());
        let stored = Arc::new(written.stored);
        self.outlets.hub.publish(Arc::clone(&stored));
        if !written.already.is_empty() {
            self.outlets.hub.catch_up();
            self.outlets.cache.invalidate();
        }
        self.outlets.cache.offer(&stored);
        if let Some(bus) = &self.outlets.bus {
            bus.publish(&stored);
        }
        self.judge(counts, &written.dead_letters);
        if let Some(feedback) = &self.feedback {
            // The last share of a partition counts, and what an earlier attempt committed lies before.
            let shares = written.already.into_iter().chain(written.committed).collect();
            feedback.committed.do_send(Committed {
                generation: self.generation,
                shares,
            });
        }
    }

    /// Counts what failed, stream by stream, and pauses one that fails too much.
    fn judge(&mut self, counts: &RecordCounts, dead: &[DeadRecord]) {
        for letter in dead {
            let labels = [("stream", &*letter.stream), ("reason", letter.reason.code())];
            self.metrics.add(&self.metrics.dead_letters, &labels, 1);
        }
        self.metrics.flow.dead_letters.inc_by(dead.len() as u64);
        for (stream, records) in counts {
            if self.status.is_paused(stream) {
                self.failing.forget(stream);
                continue;
            }
            let failed = dead
                .iter()
                .filter(|letter| letter.stream == *stream && letter.blames_mapping)
                .count();
            let Some(why) = self.failing.note(stream, *records, failed) else {
                continue;
            };
            tracing::error!(stream = &**stream, "stream paused: {why}");
            self.outlets.pausing.pause(stream, why);
            if let Some(feedback) = &self.feedback {
                feedback.pause.do_send(PauseStreams {
                    generation: self.generation,
                });
            }
        }
    }

    fn failed(&mut self, why: String) {
        self.stopped = true;
        self.outlets.supervisor.do_send(Failed {
            generation: self.generation,
            stage: "writer",
            why,
            fatal: true,
        });
    }
}

/// Records by stream, redriven ones aside: those failed once already.
type RecordCounts = HashMap<Arc<str>, usize>;

fn count_records(batch: &Batch) -> RecordCounts {
    let mut by_share = vec![0; batch.raw.shares.len()];
    for record in &batch.raw.records {
        by_share[record.share as usize] += 1;
    }
    let mut counts = RecordCounts::new();
    for (share, records) in batch.raw.shares.iter().zip(by_share) {
        if !share.of.redrive {
            *counts.entry(Arc::clone(&share.of.stream)).or_default() += records;
        }
    }
    counts
}

impl Session {
    /// Moves the connection into a handler's future; it comes back with the outcome.
    fn take(&mut self) -> Self {
        Self {
            database: self.database.clone(),
            config: self.config.clone(),
            store: self.store.take(),
            progress: Arc::clone(&self.progress),
        }
    }

    /// Stores the batch, however long Postgres is away; `Err` is fatal.
    async fn store(
        &mut self,
        mut batch: Batch,
        metrics: &Arc<Metrics>,
        status: &Status,
    ) -> Result<Written, String> {
        let mut wait = RETRY_FIRST;
        loop {
            self.progress.fetch_add(1, Ordering::Relaxed);
            let why = match self.attempt(batch, metrics).await {
                Ok(written) => {
                    status.well("postgres");
                    return Ok(written);
                }
                Err((_, WriteError::Fatal(why) | WriteError::Poisoned(why))) => return Err(why),
                Err((returned, WriteError::Retry(why))) => {
                    batch = returned;
                    why
                }
            };
            tracing::warn!(%why, retry_in = ?wait, "postgres does not take the batch");
            status.trouble("postgres", why);
            self.store = None;
            tokio::time::sleep(wait).await;
            wait = RETRY_LONGEST.min(wait * 2);
        }
    }

    async fn attempt(
        &mut self,
        batch: Batch,
        metrics: &Arc<Metrics>,
    ) -> Result<Written, (Batch, WriteError)> {
        let store = match &mut self.store {
            Some(store) => store,
            none => {
                match store::Writer::connect(&self.database, self.config.clone(), Arc::clone(metrics)).await {
                    Ok(store) => none.insert(store),
                    Err(error) => return Err((batch, error)),
                }
            }
        };
        store.write(batch).await
    }
}

impl Actor for Writer {
    type Context = Context<Self>;
}

impl Handler<Write> for Writer {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Write(batch): Write, _: &mut Context<Self>) -> Self::Result {
        if self.stopped {
            return AtomicResponse::new(Box::pin(actix::fut::ready(())));
        }
        let begun = Instant::now();
        let counts = count_records(&batch);
        let (metrics, status) = (Arc::clone(&self.metrics), Arc::clone(&self.status));
        let mut session = self.session.take();
        let stored = async move {
            let outcome = session.store(batch, &metrics, &status).await;
            (session, outcome)
        };
        AtomicResponse::new(Box::pin(wrap_future(stored).map(
            move |(session, outcome), this: &mut Self, _| {
                this.session = session;
                match outcome {
                    Ok(written) => {
                        this.metrics.batch_seconds.observe(begun.elapsed().as_secs_f64());
                        this.stored(&counts, written);
                    }
                    Err(why) => this.failed(why),
                }
            },
        )))
    }
}

impl Handler<Feedback> for Writer {
    type Result = ();

    fn handle(&mut self, feedback: Feedback, _: &mut Context<Self>) {
        self.feedback = Some(feedback);
    }
}

/// Everything sent before has been stored: an `AtomicResponse` holds the mailbox back till then.
impl Handler<Drain> for Writer {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Context<Self>) {}
}
