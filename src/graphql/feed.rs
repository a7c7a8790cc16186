//! One subscriber's points from its cursor on: pages from Postgres until they meet the hub's seam,
//! then live. Each batch carries the cursor from which the next one continues.
//!
//! The feed is pulled: nothing is read from Postgres or taken from the outbox before the batch
//! before it has gone out, so the outbox is the only buffer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Error, ErrorExtensions, Result, Value};
use futures_util::Stream;

use self::batches::{advance, folded, split, whole};
use super::errors::Code;
use crate::actors::hub::{HubHandle, SubscribeError, Subscription};
use crate::data::cursor::{Backfill, Cursor};
use crate::data::{Micros, Positions, Selector, SeriesId, Stored};
use crate::live::{End, Fold, Options, Overflow, Pick};
use crate::store::tail::{Horizon, Names, ResumeGap, Tail, TailError, Want};

mod batches;
#[cfg(test)]
mod tests;

/// The most points of one message, unless one record or one conflated interval has more.
pub const BATCH_MAX: usize = 1_000;
/// An idle subscription gets an empty batch with its cursor this often.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where a feed begins.
#[derive(Clone, Debug)]
pub enum Start {
    Now,
    After(Cursor),
    /// Stored points of this span first.
    Backfill(Duration),
}

#[derive(Clone, Debug)]
pub struct Request {
    pub selector: Selector,
    pub start: Start,
    /// Conflates to one point of each series in this time.
    pub every: Option<Duration>,
    pub fold: Fold,
    pub overflow: Overflow,
    /// What the subscriber may have waiting, in bytes.
    pub outbox_bytes: usize,
}

/// Some points, and the cursor after them.
#[derive(Clone, Debug)]
pub struct Batch {
    pub cursor: Cursor,
    pub pick: Arc<Pick>,
    pub conflated: u64,
    /// How many other points each of the pick stands for; `None`: none of them any.
    pub folded: Option<Arc<[u64]>>,
}

struct Feed {
    hub: HubHandle,
    tail: Tail,
    request: Request,
    cursor: Cursor,
    stage: Stage,
}

enum Stage {
    /// The first message is an empty batch; then what is inside follows.
    Opening(Box<Stage>),
    Backfill(Backfill, Option<Names>),
    /// Checks the cursor against Postgres, then reads on towards the hub.
    Seek,
    CatchUp(CatchUp),
    Live(Subscription, VecDeque<Batch>),
    Failing(Error),
    Over,
}

struct CatchUp {
    upto: Positions,
    only: Option<Vec<SeriesId>>,
    names: Names,
    /// Present when `upto` is its seam.
    subscription: Option<Subscription>,
}

/// # Errors
/// `RESUME_GAP` when the cursor cannot be continued, `UNAVAILABLE`, `GOING_AWAY`.
pub async fn open(
    hub: HubHandle,
    tail: Tail,
    request: Request,
) -> Result<impl Stream<Item = Result<Batch>> + Send> {
    let mut feed = Feed {
        hub,
        tail,
        cursor: Cursor::default(),
        stage: Stage::Seek,
        request,
    };
    let next = match feed.request.start.clone() {
        Start::Now => {
            let subscription = feed.subscribe().await?;
            feed.cursor = Cursor::at(subscription.seam.clone());
            feed.go_live(subscription)
        }
        Start::After(cursor) => {
            feed.check(&cursor.positions).await?;
            feed.cursor = cursor;
            match feed.cursor.backfill.clone() {
                Some(backfill) => Stage::Backfill(backfill, None),
                None => Stage::Seek,
            }
        }
        Start::Backfill(span) => {
            let seam = feed.tail.horizon(&Positions::new()).await;
            let backfill = Backfill {
                since: Micros::now().minus(span),
                done: None,
            };
            feed.cursor = Cursor {
                positions: seam.map_err(unavailable)?.next_offsets(),
                backfill: Some(backfill.clone()),
            };
            Stage::Backfill(backfill, None)
        }
    };
    feed.stage = Stage::Opening(Box::new(next));
    Ok(futures_util::stream::unfold(feed, |mut feed| async move {
        // Boxed: a step's state is large, and most of a feed's life it only waits.
        let item = Box::pin(feed.next()).await?;
        Some((item, feed))
    }))
}

impl Feed {
    async fn next(&mut self) -> Option<Result<Batch>> {
        loop {
            // A step that fails ends the feed.
            let stage = std::mem::replace(&mut self.stage, Stage::Over);
            let step = match stage {
                Stage::Over => return None,
                Stage::Failing(error) => Err(error),
                Stage::Opening(next) => {
                    self.stage = *next;
                    return Some(Ok(self.empty()));
                }
                _ if self.hub.is_draining() && !matches!(stage, Stage::Live(..)) => {
                    self.stage = Stage::Failing(going_away());
                    return Some(Ok(self.empty()));
                }
                Stage::Backfill(backfill, names) => self.backfill(backfill, names).await,
                Stage::Seek => self.seek().await,
                Stage::CatchUp(catch_up) => self.catch_up(catch_up).await,
                Stage::Live(subscription, parts) => self.live(subscription, parts).await,
            };
            match step {
                Ok(None) => {}
                Ok(Some(batch)) => return Some(Ok(batch)),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    async fn backfill(&mut self, mut backfill: Backfill, names: Option<Names>) -> Result<Option<Batch>> {
        let names = match names {
            Some(names) => names,
            None => self.matching().await?,
        };
        let seam = &self.cursor.positions;
        let page = self
            .tail
            .backfill(backfill.since, backfill.done, seam, BATCH_MAX, &names)
            .await
            .map_err(unavailable)?;
        let Some((stored, done)) = page else {
            self.cursor.backfill = None;
            self.stage = Stage::Seek;
            return Ok(None);
        };
        backfill.done = Some(done);
        self.cursor.backfill = Some(backfill.clone());
        self.stage = Stage::Backfill(backfill, Some(names));
        Ok(self.page(stored))
    }

    /// First reads up to what the hub has published, then subscribes and reads the little rest.
    async fn seek(&mut self) -> Result<Option<Batch>> {
        let horizon = self.check(&self.cursor.positions).await?;
        let mut upto = match self.hub.published() {
            Some(published) => Positions::clone(&published),
            None => Positions::new(),
        };
        // An epoch that ended is behind every cursor that could be continued.
        upto.retain(|id, _| horizon.partitions.contains_key(id));
        self.aim(upto, None).await?;
        Ok(None)
    }

    async fn aim(&mut self, upto: Positions, subscription: Option<Subscription>) -> Result<()> {
        let behind = |(id, to): (&i32, &i64)| self.cursor.positions.get(id).unwrap_or(&0) < to;
        // Series are looked up after the aim is fixed: all that have points before it are there.
        let (only, names) = if self.request.selector.selects_all() || !upto.iter().any(behind) {
            (None, Names::default())
        } else {
            let names = self.matching().await?;
            (Some(names.keys().copied().collect()), names)
        };
        self.stage = Stage::CatchUp(CatchUp {
            upto,
            only,
            names,
            subscription,
        });
        Ok(())
    }

    async fn catch_up(&mut self, mut catch_up: CatchUp) -> Result<Option<Batch>> {
        let want = Want {
            only: catch_up.only.as_deref(),
            rows: BATCH_MAX,
        };
        let from = &self.cursor.positions;
        let page = self
            .tail
            .page(from, &catch_up.upto, want, &mut catch_up.names)
            .await
            .map_err(unavailable)?;
        if let Some(stored) = page {
            // Still provable: no gap, no new epoch, and the commits were there while we read.
            self.check(&self.cursor.positions).await?;
            advance(&mut self.cursor, &stored.ranges);
            self.stage = Stage::CatchUp(catch_up);
            return Ok(self.page(stored));
        }
        match catch_up.subscription {
            Some(subscription) => {
                for (id, at) in &subscription.seam {
                    self.cursor.positions.entry(*id).or_insert(*at);
                }
                self.stage = self.go_live(subscription);
            }
            None => {
                let mut subscription = self.subscribe().await?;
                let horizon = self.check(&self.cursor.positions).await?;
                subscription
                    .seam
                    .retain(|id, _| horizon.partitions.contains_key(id));
                self.aim(subscription.seam.clone(), Some(subscription)).await?;
            }
        }
        Ok(None)
    }

    async fn live(
        &mut self,
        mut subscription: Subscription,
        mut parts: VecDeque<Batch>,
    ) -> Result<Option<Batch>> {
        if let Some(mut part) = parts.pop_front() {
            self.cursor = part.cursor;
            if parts.is_empty() {
                self.keep_up(&subscription);
            }
            part.cursor = self.cursor.clone();
            self.stage = Stage::Live(subscription, parts);
            return Ok(Some(part));
        }
        let next = tokio::time::timeout(HEARTBEAT, subscription.receiver.next()).await;
        let Ok(next) = next else {
            self.keep_up(&subscription);
            self.stage = Stage::Live(subscription, parts);
            return Ok(Some(self.empty()));
        };
        match next {
            Ok(delivery) if delivery.conflated > 0 || self.request.every.is_some() => {
                parts.push_back(whole(&self.cursor, &delivery));
                self.stage = Stage::Live(subscription, parts);
                Ok(None)
            }
            Ok(delivery) => {
                parts.extend(split(&self.cursor, &delivery, BATCH_MAX));
                self.stage = Stage::Live(subscription, parts);
                Ok(None)
            }
            Err(End::Gap) => {
                self.stage = Stage::Seek;
                Ok(None)
            }
            Err(End::Overflow) => {
                let slow = "this subscriber did not keep up; resume with the last cursor";
                self.stage = Stage::Failing(Code::SlowClient.error(slow));
                Ok(Some(self.empty()))
            }
            Err(End::GoingAway) => {
                self.stage = Stage::Failing(going_away());
                Ok(Some(self.empty()))
            }
        }
    }

    /// Moves the cursor past what was published and brought this subscriber nothing.
    fn keep_up(&mut self, subscription: &Subscription) {
        // Read before looking whether the outbox is idle: what it says has been received then.
        let published = self.hub.published();
        if let Some(published) = published.filter(|_| subscription.receiver.is_idle()) {
            // Only what it holds: the hub may know an epoch for a moment longer than Postgres does.
            for (id, held) in &mut self.cursor.positions {
                *held = published.get(id).map_or(*held, |at| (*held).max(*at));
            }
        }
    }

    fn go_live(&self, subscription: Subscription) -> Stage {
        if subscription.receiver.go_live(self.request.overflow) {
            Stage::Live(subscription, VecDeque::new())
        } else {
            Stage::Seek
        }
    }

    async fn subscribe(&self) -> Result<Subscription> {
        let options = Options {
            limit: self.request.outbox_bytes,
            every: self.request.every,
            fold: self.request.fold,
            ..Options::default()
        };
        let selector = self.request.selector.clone();
        match self.hub.subscribe(selector, options).await {
            Ok(subscription) => Ok(subscription),
            Err(SubscribeError::GoingAway) => Err(going_away()),
            Err(error @ SubscribeError::Unavailable) => Err(Code::Unavailable.error(error.to_string())),
        }
    }

    async fn check(&self, positions: &Positions) -> Result<Horizon> {
        let horizon = self.tail.horizon(positions).await.map_err(unavailable)?;
        horizon.check(positions).map_err(resume_gap)?;
        Ok(horizon)
    }

    async fn matching(&self) -> Result<Names> {
        let names = self.tail.matching(&self.request.selector).await;
        names.map_err(unavailable)
    }

    /// A page from Postgres with the cursor as it stands; nothing when it has no points.
    fn page(&self, stored: Stored) -> Option<Batch> {
        let batch = folded(self.cursor.clone(), stored, self.request.every, self.request.fold);
        (!batch.pick.is_empty()).then_some(batch)
    }

    fn empty(&self) -> Batch {
        folded(self.cursor.clone(), Stored::default(), None, Fold::Newest)
    }
}

fn going_away() -> Error {
    Code::GoingAway.error(SubscribeError::GoingAway.to_string())
}

fn resume_gap(gap: ResumeGap) -> Error {
    let earliest = Cursor::at(gap.earliest).encode();
    Code::ResumeGap
        .error("points after this cursor are missing here; earliestCursor can be continued")
        .extend_with(|_, e| e.set("earliestCursor", Value::from(earliest.clone())))
}

fn unavailable(error: TailError) -> Error {
    tracing::warn!(%error, "a subscription could not read from postgres");
    Code::Unavailable.error("postgres is away; resume with the last cursor in a moment")
}
