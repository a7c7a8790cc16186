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

use self::handle::{Drain, Offer, Origin, Shared, Subscribe, Unsubscribe};
use super::messages::CatchUp;
use crate::cache::LatestCache;
use crate::data::stored::Range;
use crate::data::{Mark, PartitionId, Positions, Stored};
use crate::live::index::{GroupId, Index, Limits};
use crate::live::{End, Page, Sequence, SubscriberId};
use crate::store::DatabaseUrl;
use crate::store::tail::{Horizon, Names, Tail, TailError, Want};
use crate::telemetry::{Metrics, Status};

mod handle;
mod joining;

pub use handle::{HubHandle, SubscribeError, Subscription};

const TICK: Duration = Duration::from_millis(500);
/// Points the hub reads from Postgres at a time.
const PAGE: usize = 5_000;
/// Names kept from one read to the next.
const NAMES_MAX: usize = 100_000;
/// How far beyond the last look another node's word is taken, in offsets.
const WORD_MAX: i64 = 1_000_000;
/// Looks that another node's word asks for are this far apart, so that nonsense costs little.
const LOOK_APART: Duration = Duration::from_millis(50);

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
    /// Where everything stood at the last look.
    horizon: Positions,
    waiting: Vec<Subscribe>,
    next_id: SubscriberId,
    names: Names,
    reading: bool,
    /// Something came up during a read that asks for another.
    read_again: bool,
    looked_at: Option<Instant>,
    /// A look is due in a moment.
    look_due: bool,
    away: bool,
    drained: Vec<oneshot::Sender<()>>,
}

/// One look into Postgres: where everything stands, and the first page of what is missing.
struct Look {
    horizon: Horizon,
    page: Option<Arc<Stored>>,
    proven: bool,
    /// Of which less is stored than was published when the look began.
    went_back: Vec<PartitionId>,
}

impl Hub {
    /// Starts the hub on a thread of its own; it keeps so many bytes of what it published last.
    pub fn start(
        url: DatabaseUrl,
        recent: usize,
        limits: Limits,
        latest: LatestCache,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
    ) -> HubHandle {
        let shared = Arc::new(Shared::new(recent, limits.by_client.is_some()));
        let hub = Self {
            tail: Tail::new(url, 1),
            latest,
            metrics,
            status,
            shared: Arc::clone(&shared),
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
            looked_at: None,
            look_due: false,
            away: false,
            drained: Vec::new(),
        };
        let addr = Self::start_in_arbiter(&Arbiter::new().handle(), |_| hub);
        HubHandle::new(addr, shared)
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
            self.look(ctx);
            return;
        }
        let accepted = sequence.accept(&stored.ranges);
        let page = Page::new(Arc::clone(stored));
        self.index.deliver(&page, &accepted, self.now());
        if !accepted.ranges.is_empty() {
            self.shared.recent.push(&page, &accepted.ranges);
            self.shared.publish(accepted.mark);
        }
        if accepted.behind {
            self.look(ctx);
        }
    }

    /// What another node says it committed. It is taken at its word as far as it continues what is
    /// known; anything else is a reason to look.
    fn hear(&mut self, stored: &Arc<Stored>, ctx: &mut Context<Self>) {
        let known = |id| self.horizon.get(&id).copied();
        let beyond = |range: &Range| match known(range.partition_id) {
            Some(at) => range.to.saturating_sub(at) > WORD_MAX,
            None => true,
        };
        if !stored.ranges.iter().any(beyond) {
            self.publish(stored, ctx);
        } else if self.sequence.is_some() {
            self.look_soon(ctx);
        }
    }

    fn look_soon(&mut self, ctx: &mut Context<Self>) {
        if self.look_due {
            return;
        }
        let since = self.looked_at.map_or(LOOK_APART, |at| at.elapsed());
        self.look_due = true;
        ctx.run_later(LOOK_APART.saturating_sub(since), |hub, ctx| {
            hub.look_due = false;
            hub.look(ctx);
        });
    }

    /// Looks into Postgres, once at a time.
    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.reading {
            self.read_again = true;
            return;
        }
        self.reading = true;
        self.looked_at = Some(Instant::now());
        let published = self.sequence.as_ref().map(|s| s.positions().clone());
        let names = std::mem::take(&mut self.names);
        let look = look(self.tail.clone(), published, names);
        ctx.spawn(look.into_actor(self).map(|(look, names), hub, ctx| {
            hub.reading = false;
            hub.names = names;
            if hub.names.len() > NAMES_MAX {
                hub.names.clear();
            }
            let behind = match look {
                Ok(look) => hub.looked(look, ctx),
                Err(error) => hub.blind(&error),
            };
            if std::mem::take(&mut hub.read_again) || behind {
                hub.look(ctx);
            }
        }));
    }

    /// Takes what was found; tells whether there is more.
    fn looked(&mut self, look: Look, ctx: &mut Context<Self>) -> bool {
        // Before the first look nobody was told that postgres is away.
        if std::mem::take(&mut self.away) && self.sequence.is_some() {
            tracing::info!("postgres is back; live delivery continues");
            self.status.well("postgres");
        }
        let next = look.horizon.next_offsets();
        self.horizon.clone_from(&next);
        let Some(sequence) = &mut self.sequence else {
            self.shared.publish(Mark::at(next.clone()));
            // What other nodes committed before this was not offered to it.
            self.latest.invalidate();
            self.sequence = Some(Sequence::new(next));
            for waiting in std::mem::take(&mut self.waiting) {
                self.register(waiting, ctx);
            }
            return false;
        };
        if !look.proven || !look.went_back.is_empty() {
            if !look.went_back.is_empty() {
                let counters = &self.metrics.went_back;
                self.metrics.add(counters, &[("noticed_by", "live")], 1);
                tracing::warn!(
                    partitions = ?look.went_back,
                    "postgres lost points that were already delivered; they are delivered again once Kafka replays them"
                );
                // The same ids may be other series now.
                self.names.clear();
                self.index.forget_series();
            } else if !self.index.is_empty() {
                tracing::warn!("an epoch changed or offsets were lost; every subscriber checks its cursor");
            }
            // Subscribers keep their own positions, so nobody sees a point twice.
            sequence.move_to(&next, &look.went_back);
            self.latest.invalidate();
            self.shared.recent.clear();
            // Before the new positions are shown: an idle feed would take them for its own.
            for id in self.index.ids() {
                self.index.end(id, End::Gap);
            }
            self.shared.publish(Mark::at(sequence.positions().clone()));
            return false;
        }
        if let Some(page) = look.page {
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

    fn blind(&mut self, error: &TailError) -> bool {
        if !std::mem::replace(&mut self.away, true) {
            // Before the first look there may be no tables yet.
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

async fn look(
    tail: Tail,
    published: Option<Positions>,
    mut names: Names,
) -> (Result<Look, TailError>, Names) {
    let looked = async {
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
        Ok(Look {
            horizon,
            page: page.map(Arc::new),
            proven,
            went_back,
        })
    }
    .await;
    (looked, names)
}

fn gauge(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        ctx.run_interval(TICK, |hub, ctx| {
            hub.index.sweep(hub.now());
            hub.look(ctx);
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
        self.look(ctx);
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
