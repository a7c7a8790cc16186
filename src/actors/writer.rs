//! Stores batches one after the other and notifies hub, cache, other nodes and source after the
//! commit.
//!
//! The writer keeps the batch while Postgres is unavailable. Offsets do not move meanwhile, and the
//! batch's credits keep the source from reading on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Recipient};

use super::failing::FailingStreams;
use super::fenced::{Claimed, Fenced};
use super::hub::HubHandle;
use super::messages::{Drain, Failed, Feedback, Write};
use super::pausing::Pausing;
use crate::cache::{Bus, LatestCache};
use crate::data::Batch;
use crate::store::{DeadRecord, Held, Written};
use crate::telemetry::{Metrics, Status};

mod session;

use session::Ended;
pub use session::Session;

/// How often the writer checks that Postgres still has what it confirmed.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// Who is notified.
#[derive(Debug)]
pub struct Outlets {
    pub hub: HubHandle,
    pub supervisor: Recipient<Failed>,
    pub cache: LatestCache,
    pub bus: Option<Arc<Bus>>,
    pub pausing: Pausing,
}

/// Where feedback goes; known only once the consumer exists.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Source(pub Recipient<Feedback>);

#[derive(Debug)]
pub struct Writer {
    pub generation: u64,
    pub session: Session,
    pub outlets: Outlets,
    pub source: Option<Source>,
    pub failing: FailingStreams,
    pub fenced: Fenced,
    pub metrics: Arc<Metrics>,
    pub status: Arc<Status>,
    pub stopped: bool,
}

impl Writer {
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
        let dropped = written.dropped.iter();
        self.lost(dropped.map(|range| (range.of.partition_id, range.of.owner_epoch)));
        if let Some(Source(consumer)) = &self.source {
            // The last range of a partition counts, so what an earlier attempt committed comes first.
            let ranges = written.already.into_iter().chain(written.committed).collect();
            consumer.do_send(Feedback::Committed(ranges));
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
            if let Some(Source(consumer)) = &self.source {
                consumer.do_send(Feedback::PauseStreams);
            }
        }
    }

    /// Checks that Postgres still has what this node committed, and that no other node owns it.
    fn check(&mut self, ctx: &mut Context<Self>) {
        let held = self.held();
        if self.stopped || held.is_empty() {
            return;
        }
        let metrics = Arc::clone(&self.metrics);
        let mut session = self.session.take();
        let checked = async move {
            let outcome = session.check(&held, &metrics).await;
            (session, outcome)
        };
        ctx.wait(
            wrap_future(checked).map(|(session, outcome), this: &mut Self, _| {
                this.session = session;
                match outcome {
                    Ok(lost) => {
                        let lost: HashSet<Claimed> = lost.iter().map(claimed).collect();
                        this.fenced.retain(|claimed| lost.contains(claimed));
                        this.lost(lost.into_iter());
                    }
                    Err(ended) => this.failed(ended),
                }
            }),
        );
    }

    fn held(&self) -> Vec<Held> {
        self.status.update(|snapshot| {
            let reading = snapshot.partitions.values().filter(|p| p.trouble.is_none());
            let held = reading.map(|p| Held {
                partition_id: p.partition_id,
                owner_epoch: p.owner_epoch,
                next_offset: p.next_offset,
            });
            held.collect()
        })
    }

    /// These have another owner. That is normal while Kafka takes them away from this node.
    fn lost(&mut self, lost: impl Iterator<Item = Claimed>) {
        let mut lost = lost.peekable();
        if lost.peek().is_none() {
            return;
        }
        let held: HashSet<Claimed> = self.held().iter().map(claimed).collect();
        self.fenced.retain(|claimed| held.contains(claimed));
        for one in lost.filter(|one| held.contains(one)) {
            if self.fenced.note(one, Instant::now()) {
                let why = format!(
                    "partition id {} has another owner, though kafka leaves it here",
                    one.0
                );
                self.failed(Ended { why, fatal: false });
                return;
            }
        }
    }

    fn failed(&mut self, Ended { why, fatal }: Ended) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.outlets.supervisor.do_send(Failed {
            generation: self.generation,
            stage: "writer",
            why,
            fatal,
        });
    }
}

fn claimed(held: &Held) -> Claimed {
    (held.partition_id, held.owner_epoch)
}

/// Records by stream, without redriven ones: those failed once already.
type RecordCounts = HashMap<Arc<str>, usize>;

fn count_records(batch: &Batch) -> RecordCounts {
    let mut counts = RecordCounts::new();
    for (range, records) in batch.raw.counts().filter(|(range, _)| !range.of.redrive) {
        *counts.entry(Arc::clone(&range.of.stream)).or_default() += records;
    }
    counts
}

impl Actor for Writer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(CHECK_EVERY, Self::check);
    }
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
                    Err(ended) => this.failed(ended),
                }
            },
        )))
    }
}

impl Handler<Source> for Writer {
    type Result = ();

    fn handle(&mut self, source: Source, _: &mut Context<Self>) {
        self.source = Some(source);
    }
}

/// Everything sent before is stored: an `AtomicResponse` holds the mailbox back until then.
impl Handler<Drain> for Writer {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Context<Self>) {}
}
