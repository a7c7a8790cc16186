//! The hub: committed batches come in, each goes to the outboxes of whoever asked for it.
//!
//! It outlives generations. Whatever does not reach it in memory, or reaches it out of order, it
//! reads from Postgres: at start, when told to, when it sees a hole, and every 500 ms. While
//! Postgres is away it goes on delivering what continues the sequence.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use self::messages::{Drain, Offer, Origin, Shared, Subscribe, Unsubscribe};
use super::messages::CatchUp;
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
/// How far beyond the last poll another node's word is taken, in offsets.
const WORD_MAX: i64 = 1_000_000;
/// Polls that another node's word asks for are this far apart, so that nonsense costs little.
const POLL_APART: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Hub {
    tail: Tail,
    /// Learns here what other nodes committed; without Redis nobody else tells it.
    latest: LatestCache,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    shared: Arc<Shared>,
    index: Index,
    began: Instant,
    /// Who waits for its group to be judged.
    unjudged: HashMap<GroupId, Vec<Subscribe>>,
    judging: bool,
    /// `None` until Postgres first told where everything stands.
    sequence: Option<Sequence>,
    /// Where everything stood at the last poll.
    horizon: Positions,
    waiting: Vec<Subscribe>,
    next_id: SubscriberId,
    names: Names,
    reading: bool,
    /// Something came up during a read that asks for another.
    read_again: bool,
    polled_at: Option<Instant>,
    /// A poll is due in a moment.
    poll_due: bool,
    away: bool,
    drained: Vec<oneshot::Sender<()>>,
}

/// What a poll of Postgres found: where everything stands, and the first page of what is missing.
struct Polled {
    horizon: Horizon,
    page: Option<Arc<Stored>>,
    proven: bool,
    /// Of which less is stored than was published when the poll began.
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
        if stored
            .ranges
            .iter()
            .any(|range| !sequence.positions().contains_key(&range.partition_id))
        {
            // A new partition, or a new epoch of one: Postgres tells which.
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

    /// What another node says it committed. It is taken at its word as far as it continues what is
    /// known; anything else is a reason to poll Postgres.
    fn hear(&mut self, stored: &Arc<Stored>, ctx: &mut Context<Self>) {
        let known = |id| self.horizon.get(&id).copied();
        let beyond = |range: &Range| match known(range.partition_id) {
            Some(at) => range.to.saturating_sub(at) > WORD_MAX,
            None => true,
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
            let behind = match polled {
                Ok(polled) => hub.on_polled(polled, ctx),
                Err(error) => hub.on_poll_failed(&error),
            };
            if std::mem::take(&mut hub.read_again) || behind {
                hub.poll(ctx);
            }
        }));
    }

    /// Takes what was found; tells whether there is more.
    fn on_polled(&mut self, polled: Polled, ctx: &mut Context<Self>) -> bool {
        // Before the first poll nobody was told that postgres is away.
        if std::mem::take(&mut self.away) && self.sequence.is_some() {
            tracing::info!("postgres is back; live delivery continues");
            self.status.well("postgres");
        }
        let next = polled.horizon.next_offsets();
        self.horizon.clone_from(&next);
        let Some(sequence) = &mut self.sequence else {
            self.shared.publish(SharedCursor::at(next.clone()));
            // What other nodes committed before this was not offered to it.
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
                // The same ids may be other series now.
                self.names.clear();
                self.index.forget_series();
            } else if !self.index.is_empty() {
                tracing::warn!("an epoch changed or offsets were lost; every subscriber checks its cursor");
            }
            // Subscribers keep their own positions, so nobody sees a point twice.
            sequence.move_to(&next, &polled.went_back);
            self.latest.invalidate();
            self.shared.recent.clear();
            // Before the new positions are shown: an idle feed would take them for its own.
            for id in self.index.ids() {
                self.index.end(id, End::Gap);
            }
            self.shared
                .publish(SharedCursor::at(sequence.positions().clone()));
            return false;
        }
        if let Some(page) = polled.page {
            // Postgres knows them for current.
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

    fn on_poll_failed(&mut self, error: &TailError) -> bool {
        if !std::mem::replace(&mut self.away, true) {
            // Before the first poll there may be no tables yet.
            if self.sequence.is_some() {
                tracing::warn!(%error, "live delivery cannot read from postgres; retrying");
                // While no record comes, nobody else would notice.
                self.status.trouble("postgres", error.to_string());
            }
        }
        // The next tick tries again, not at once.
        self.read_again = false;
        false
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
        // Nothing is published before it is committed.
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

impl Handler<Offer> for Hub {
    type Result = ();

    fn handle(&mut self, offer: Offer, ctx: &mut Self::Context) {
        match offer.origin {
            Origin::Here => self.publish(&offer.stored, ctx),
            Origin::Elsewhere => self.hear(&offer.stored, ctx),
        }
    }
}

impl Handler<CatchUp> for Hub {
    type Result = ();

    fn handle(&mut self, _: CatchUp, ctx: &mut Self::Context) {
        self.poll(ctx);
    }
}

impl Handler<Subscribe> for Hub {
    type Result = ();

    fn handle(&mut self, request: Subscribe, ctx: &mut Self::Context) {
        self.register(request, ctx);
    }
}

impl Handler<Unsubscribe> for Hub {
    type Result = ();

    fn handle(&mut self, Unsubscribe(id): Unsubscribe, _: &mut Self::Context) {
        self.unsubscribe(id);
    }
}

impl Handler<Drain> for Hub {
    type Result = ();

    /// Ends all subscriptions, evenly spread over the window.
    fn handle(&mut self, drain: Drain, ctx: &mut Self::Context) {
        let ids = self.index.ids();
        if ids.is_empty() {
            let _ = drain.done.send(());
            return;
        }
        self.drained.push(drain.done);
        let all = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        for (nth, id) in (0u32..).zip(ids) {
            let after = drain.window.mul_f64(f64::from(nth) / f64::from(all));
            ctx.run_later(after, move |hub, _| hub.index.end(id, End::GoingAway));
        }
    }
}
