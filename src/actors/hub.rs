//! The hub: puts committed batches into the outboxes of their subscribers.
//!
//! It outlives generations. It reads from Postgres what does not reach it in memory and in order: at
//! start, when told to, when offsets are missing, and every 500 ms. While Postgres is away it still
//! delivers the batches that continue the sequence.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use self::messages::{Origin, Shared, Subscribe, ToHub};
use crate::cache::LatestCache;
use crate::data::stored::Range;
use crate::data::{PartitionId, Positions, SharedCursor, Stored};
use crate::live::index::{GroupId, Index, Limits};
use crate::live::{End, Page, Sequence, SubscriberId};
use crate::store::DatabaseUrl;
use crate::store::tail::{Horizon, Names, Tail, TailError, Want};
use crate::telemetry::{Metrics, Status};

mod handle;
mod joining;
mod messages;

pub use handle::HubHandle;
pub use messages::{SubscribeError, Subscription};

const TICK: Duration = Duration::from_millis(500);
/// Points the hub reads from Postgres at a time.
const PAGE: usize = 5_000;
/// Names kept from one read to the next.
const NAMES_MAX: usize = 100_000;
/// How far beyond the last poll another node is believed, in offsets.
const WORD_MAX: i64 = 1_000_000;
/// The time between polls that other nodes' messages cause, so that wrong ones cost little.
const POLL_APART: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Hub {
    tail: Tail,
    /// Told what other nodes committed; without Redis only the hub tells it.
    latest: LatestCache,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    shared: Arc<Shared>,
    index: Index,
    began: Instant,
    /// Requests that wait until their group is judged.
    unjudged: HashMap<GroupId, Vec<Subscribe>>,
    judging: bool,
    /// `None` before the first poll.
    sequence: Option<Sequence>,
    /// The next offsets at the last poll.
    horizon: Positions,
    waiting: Vec<Subscribe>,
    next_id: SubscriberId,
    names: Names,
    reading: bool,
    /// Poll again after this read.
    read_again: bool,
    polled_at: Option<Instant>,
    /// A poll is due in a moment.
    poll_due: bool,
    away: bool,
    drained: Vec<oneshot::Sender<()>>,
}

/// What a poll of Postgres found: the horizon, and the first page of what is missing.
struct Polled {
    horizon: Horizon,
    page: Option<Arc<Stored>>,
    proven: bool,
    /// Partitions with less in Postgres than was published when the poll began.
    went_back: Vec<PartitionId>,
}

impl Hub {
    fn new(
        url: DatabaseUrl,
        limits: Limits,
        latest: LatestCache,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            tail: Tail::new(url, 1),
            latest,
            metrics,
            status,
            shared,
            index: Index::new(limits),
            began: Instant::now(),
            unjudged: HashMap::new(),
            judging: false,
            sequence: None,
            horizon: Positions::new(),
            waiting: Vec::new(),
            next_id: 0,
            names: Names::default(),
            reading: false,
            read_again: false,
            polled_at: None,
            poll_due: false,
            away: false,
            drained: Vec::new(),
        }
    }

    fn publish(&mut self, stored: &Arc<Stored>, ctx: &mut Context<Self>) {
        let Some(sequence) = &mut self.sequence else {
            return;
        };
        let is_new = |range: &Range| !sequence.positions().contains_key(&range.partition_id);
        if stored.ranges.iter().any(is_new) {
            // A new partition or epoch: Postgres tells which.
            self.poll(ctx);
            return;
        }
        let accepted = sequence.accept(&stored.ranges);
        let page = Page::new(Arc::clone(stored));
        self.index.deliver(&page, &accepted, self.now());
        if !accepted.ranges.is_empty() {
            self.shared.recent.push(&page, &accepted.ranges);
            self.shared.publish(accepted.cursor);
        }
        if accepted.behind {
            self.poll(ctx);
        }
    }

    /// Another node says that it committed this. It is published if it continues what is known. Otherwise
    /// Postgres is polled.
    fn hear(&mut self, stored: &Arc<Stored>, ctx: &mut Context<Self>) {
        let beyond = |range: &Range| {
            let known = self.horizon.get(&range.partition_id);
            known.is_none_or(|at| range.to.saturating_sub(*at) > WORD_MAX)
        };
        if !stored.ranges.iter().any(beyond) {
            self.publish(stored, ctx);
        } else if self.sequence.is_some() {
            self.poll_soon(ctx);
        }
    }

    fn poll_soon(&mut self, ctx: &mut Context<Self>) {
        if self.poll_due {
            return;
        }
        let since = self.polled_at.map_or(POLL_APART, |at| at.elapsed());
        self.poll_due = true;
        ctx.run_later(POLL_APART.saturating_sub(since), |hub, ctx| {
            hub.poll_due = false;
            hub.poll(ctx);
        });
    }

    /// Polls Postgres, once at a time.
    fn poll(&mut self, ctx: &mut Context<Self>) {
        if self.reading {
            self.read_again = true;
            return;
        }
        self.reading = true;
        self.polled_at = Some(Instant::now());
        let published = self.sequence.as_ref().map(|s| s.positions().clone());
        let names = std::mem::take(&mut self.names);
        let polled = poll(self.tail.clone(), published, names);
        ctx.spawn(polled.into_actor(self).map(|(polled, names), hub, ctx| {
            hub.reading = false;
            hub.names = names;
            if hub.names.len() > NAMES_MAX {
                hub.names.clear();
            }
            match polled {
                Ok(polled) => {
                    let behind = hub.on_polled(polled, ctx);
                    if std::mem::take(&mut hub.read_again) || behind {
                        hub.poll(ctx);
                    }
                }
                Err(error) => hub.on_poll_failed(&error),
            }
        }));
    }

    /// Takes what was found; true when there is more.
    fn on_polled(&mut self, polled: Polled, ctx: &mut Context<Self>) -> bool {
        // Before the first poll the status was not changed.
        if std::mem::take(&mut self.away) && self.sequence.is_some() {
            tracing::info!("postgres is back; live delivery continues");
            self.status.well("postgres");
        }
        let next = polled.horizon.next_offsets();
        self.horizon.clone_from(&next);
        let Some(sequence) = &mut self.sequence else {
            self.shared.publish(SharedCursor::at(next.clone()));
            // The cache was not offered what other nodes committed before.
            self.latest.invalidate();
            self.sequence = Some(Sequence::new(next));
            for waiting in std::mem::take(&mut self.waiting) {
                self.register(waiting, ctx);
            }
            return false;
        };
        if !polled.proven || !polled.went_back.is_empty() {
            if !polled.went_back.is_empty() {
                let counters = &self.metrics.went_back;
                self.metrics.add(counters, &[("noticed_by", "live")], 1);
                tracing::warn!(
                    partitions = ?polled.went_back,
                    "postgres lost points that were already delivered; once Kafka replays them, only subscribers that have not seen them get them"
                );
                // An id may be of another series now.
                self.names.clear();
                self.index.forget_series();
            } else if !self.index.is_empty() {
                tracing::warn!("an epoch changed or offsets were lost; every subscriber checks its cursor");
            }
            // Subscribers keep their own positions, so nobody sees a point twice.
            sequence.move_to(&next, &polled.went_back);
            self.latest.invalidate();
            self.shared.recent.clear();
            // Before the new positions are published: an idle feed would take them for its own.
            for id in self.index.ids() {
                self.index.end(id, End::Gap);
            }
            self.shared
                .publish(SharedCursor::at(sequence.positions().clone()));
            return false;
        }
        if let Some(page) = polled.page {
            // They are current in Postgres.
            for range in &page.ranges {
                sequence.begin(range.partition_id);
            }
            self.metrics.tail_reads.inc();
            self.latest.offer(&page);
            self.publish(&page, ctx);
        }
        let sequence = self.sequence.as_ref();
        sequence.is_some_and(|s| next.iter().any(|(id, next)| s.position(*id) < *next))
    }

    fn on_poll_failed(&mut self, error: &TailError) {
        // Before the first poll there may be no tables yet.
        if !std::mem::replace(&mut self.away, true) && self.sequence.is_some() {
            tracing::warn!(%error, "live delivery cannot read from postgres; retrying");
            // While no record comes, no other part notices.
            self.status.trouble("postgres", error.to_string());
        }
        // The next tick polls again.
        self.read_again = false;
    }

    fn drain(&mut self, window: Duration, done: oneshot::Sender<()>, ctx: &mut Context<Self>) {
        let ids = self.index.ids();
        if ids.is_empty() {
            let _ = done.send(());
            return;
        }
        self.drained.push(done);
        let all = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        for (nth, id) in (0u32..).zip(ids) {
            let after = window.mul_f64(f64::from(nth) / f64::from(all));
            ctx.run_later(after, move |hub, _| hub.index.end(id, End::GoingAway));
        }
    }

    fn now(&self) -> u32 {
        u32::try_from(self.began.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    fn unsubscribe(&mut self, id: SubscriberId) {
        self.index.unsubscribe(id);
        self.metrics.subscribers.set(gauge(self.index.len()));
        if self.index.is_empty() {
            for drained in self.drained.drain(..) {
                let _ = drained.send(());
            }
        }
    }
}

async fn poll(
    tail: Tail,
    published: Option<Positions>,
    mut names: Names,
) -> (Result<Polled, TailError>, Names) {
    let polled = async {
        let horizon = tail.horizon().await?;
        let proven = published.as_ref().is_none_or(|p| horizon.check(p).is_ok());
        // What was published was committed.
        let went_back = published.as_ref().map(|p| horizon.went_back(p));
        let went_back = went_back.unwrap_or_default();
        let page = match published.filter(|_| proven && went_back.is_empty()) {
            Some(from) => {
                let want = Want {
                    only: None,
                    rows: PAGE,
                };
                let mut upto = horizon.next_offsets();
                horizon.stop_at_gaps(&from, &mut upto);
                tail.page(&from, &upto, want, &mut names).await?
            }
            None => None,
        };
        Ok(Polled {
            horizon,
            page: page.map(Arc::new),
            proven,
            went_back,
        })
    }
    .await;
    (polled, names)
}

fn gauge(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.poll(ctx);
        ctx.run_interval(TICK, |hub, ctx| {
            hub.index.sweep(hub.now());
            hub.poll(ctx);
        });
    }
}

impl Handler<ToHub> for Hub {
    type Result = ();

    fn handle(&mut self, message: ToHub, ctx: &mut Self::Context) {
        match message {
            ToHub::Offer(stored, Origin::Here, _place) => self.publish(&stored, ctx),
            ToHub::Offer(stored, Origin::Elsewhere, _place) => self.hear(&stored, ctx),
            ToHub::CatchUp => self.poll(ctx),
            ToHub::Subscribe(request) => self.register(request, ctx),
            ToHub::Unsubscribe(id) => self.unsubscribe(id),
            ToHub::Drain(window, done) => self.drain(window, done, ctx),
        }
    }
}
