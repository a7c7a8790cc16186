//! The way from a cursor to the hub's seam: what is stored of a span, then page after page, each
//! proven to be without a hole, until the outbox has what comes next.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Error, ErrorExtensions, Result, Value};

use super::batches::{advanced, folded};
use super::live::Live;
use super::{Batch, Request, Start, State, going_away};
use crate::actors::hub::{HubHandle, SubscribeError, Subscription};
use crate::data::cursor::Backfill;
use crate::data::{Cursor, Mark, Micros, Positions, Selector, SeriesId, Stored};
use crate::graphql::errors::Code;
use crate::live::{Fold, MESSAGE_MAX, Options, Overflow, Page, Pick};
use crate::store::tail::{Horizon, Names, ResumeGap, Tail, TailError, Want};

/// What a feed was asked for, and whom it asks.
pub struct Asked {
    pub hub: HubHandle,
    pub tail: Tail,
    pub selector: Selector,
    pub every: Option<Duration>,
    fold: Fold,
    overflow: Overflow,
    outbox_bytes: usize,
}

pub struct CatchUp {
    asked: Box<Asked>,
    at: Arc<Mark>,
    stage: Stage,
}

enum Stage {
    Backfill(Backfill, Option<Names>),
    /// Checks the cursor against Postgres, then reads on towards the hub.
    Seek,
    Read(Read),
}

struct Read {
    upto: Positions,
    only: Option<Vec<SeriesId>>,
    names: Names,
    /// Present when `upto` is its seam.
    subscription: Option<Subscription>,
}

impl From<CatchUp> for State {
    fn from(catch_up: CatchUp) -> Self {
        Self::CatchingUp(Box::pin(catch_up.step()))
    }
}

impl CatchUp {
    /// Where the feed begins, and what it does first.
    pub async fn open(hub: HubHandle, tail: Tail, request: Request) -> Result<(Arc<Mark>, State)> {
        let mut feed = Self {
            asked: Box::new(Asked {
                hub,
                tail,
                selector: request.selector,
                every: request.every,
                fold: request.fold,
                overflow: request.overflow,
                outbox_bytes: request.outbox_bytes,
            }),
            at: Arc::default(),
            stage: Stage::Seek,
        };
        match request.start {
            Start::Now => {
                let subscription = feed.subscribe().await?;
                let seam = Arc::clone(&subscription.seam);
                feed.at = Arc::clone(&seam);
                return Ok((seam, feed.go_live(subscription)));
            }
            Start::After(cursor) => {
                feed.check(&cursor.positions).await?;
                if let Some(backfill) = cursor.backfill.clone() {
                    feed.stage = Stage::Backfill(backfill, None);
                }
                feed.at = Mark::new(cursor);
            }
            Start::Backfill(span) => {
                let seam = feed.asked.tail.horizon(&Positions::new()).await;
                let backfill = Backfill {
                    since: Micros::now().minus(span),
                    done: None,
                };
                feed.at = Mark::new(Cursor {
                    positions: seam.map_err(unavailable)?.next_offsets(),
                    backfill: Some(backfill.clone()),
                });
                feed.stage = Stage::Backfill(backfill, None);
            }
        }
        Ok((Arc::clone(&feed.at), feed.into()))
    }

    /// Goes on from where a live feed lost its thread.
    pub fn of(live: Live) -> Self {
        Self {
            asked: live.asked,
            at: live.at,
            stage: Stage::Seek,
        }
    }

    async fn step(mut self) -> (Option<Result<Batch>>, State) {
        loop {
            if self.asked.hub.is_draining() {
                let last = Batch::empty(self.at);
                return (Some(Ok(last)), State::Failing(Box::new(going_away())));
            }
            let step = match std::mem::replace(&mut self.stage, Stage::Seek) {
                Stage::Backfill(backfill, names) => self.backfill(backfill, names).await,
                Stage::Seek => self.seek().await,
                Stage::Read(read) => match self.read(read).await {
                    Ok(Ok(batch)) => Ok(batch),
                    Ok(Err(subscription)) => return (None, self.go_live(subscription)),
                    Err(error) => Err(error),
                },
            };
            match step {
                Ok(None) => {}
                Ok(Some(batch)) => return (Some(Ok(batch)), self.into()),
                Err(error) => return (Some(Err(error)), State::Over),
            }
        }
    }

    async fn backfill(&mut self, mut backfill: Backfill, names: Option<Names>) -> Result<Option<Batch>> {
        let names = match names {
            Some(names) => names,
            None => self.matching().await?,
        };
        let seam = &self.at.positions;
        let page = self
            .asked
            .tail
            .backfill(backfill.since, backfill.done, seam, MESSAGE_MAX, &names)
            .await
            .map_err(unavailable)?;
        let Some((stored, done)) = page else {
            self.at = Mark::at(seam.clone());
            return Ok(None);
        };
        backfill.done = Some(done);
        self.at = Mark::new(Cursor {
            positions: seam.clone(),
            backfill: Some(backfill.clone()),
        });
        self.stage = Stage::Backfill(backfill, Some(names));
        Ok(self.page(stored))
    }

    /// First reads up to what the hub has published, then subscribes and reads the little rest.
    async fn seek(&mut self) -> Result<Option<Batch>> {
        let horizon = self.check(&self.at.positions).await?;
        let published = self.asked.hub.published();
        let mut upto = published.map_or_else(Positions::new, |mark| mark.positions.clone());
        // An epoch that ended is behind every cursor that could be continued.
        upto.retain(|id, _| horizon.partitions.contains_key(id));
        self.aim(upto, None).await?;
        Ok(None)
    }

    async fn aim(&mut self, upto: Positions, subscription: Option<Subscription>) -> Result<()> {
        let behind = |(id, to): (&i32, &i64)| self.at.positions.get(id).unwrap_or(&0) < to;
        // Series are looked up after the aim is fixed: all that have points before it are there.
        let (only, names) = if self.asked.selector.selects_all() || !upto.iter().any(behind) {
            (None, Names::default())
        } else {
            let names = self.matching().await?;
            (Some(names.keys().copied().collect()), names)
        };
        self.stage = Stage::Read(Read {
            upto,
            only,
            names,
            subscription,
        });
        Ok(())
    }

    /// A page, or, when nothing is left to read, the subscription to go live with.
    async fn read(&mut self, mut read: Read) -> Result<Result<Option<Batch>, Subscription>> {
        let want = Want {
            only: read.only.as_deref(),
            rows: MESSAGE_MAX,
        };
        let from = &self.at.positions;
        let page = self.asked.tail.page(from, &read.upto, want, &mut read.names);
        if let Some(stored) = page.await.map_err(unavailable)? {
            // Still provable: no gap, no new epoch, and the commits were there while we read.
            self.check(&self.at.positions).await?;
            self.at = Mark::at(advanced(&self.at.positions, &stored.ranges));
            self.stage = Stage::Read(read);
            return Ok(Ok(self.page(stored)));
        }
        if let Some(subscription) = read.subscription {
            let mut positions = self.at.positions.clone();
            for (id, at) in &read.upto {
                positions.entry(*id).or_insert(*at);
            }
            self.at = Mark::at(positions);
            return Ok(Err(subscription));
        }
        let subscription = self.subscribe().await?;
        let horizon = self.check(&self.at.positions).await?;
        let mut upto = subscription.seam.positions.clone();
        upto.retain(|id, _| horizon.partitions.contains_key(id));
        self.aim(upto, Some(subscription)).await?;
        Ok(Ok(None))
    }

    fn go_live(self, subscription: Subscription) -> State {
        let ahead = self.at.beyond(&subscription.seam);
        if subscription.receiver.go_live(self.asked.overflow, ahead) {
            State::Live(Live::new(self.asked, subscription, &self.at))
        } else {
            self.into()
        }
    }

    async fn subscribe(&self) -> Result<Subscription> {
        let options = Options {
            limit: self.asked.outbox_bytes,
            every: self.asked.every,
            fold: self.asked.fold,
            ..Options::default()
        };
        let selector = self.asked.selector.clone();
        match self.asked.hub.subscribe(selector, options).await {
            Ok(subscription) => Ok(subscription),
            Err(SubscribeError::GoingAway) => Err(going_away()),
            Err(error @ SubscribeError::Unavailable) => Err(Code::Unavailable.error(error.to_string())),
        }
    }

    async fn check(&self, positions: &Positions) -> Result<Horizon> {
        let horizon = self.asked.tail.horizon(positions).await.map_err(unavailable)?;
        horizon.check(positions).map_err(resume_gap)?;
        Ok(horizon)
    }

    async fn matching(&self) -> Result<Names> {
        let names = self.asked.tail.matching(&self.asked.selector).await;
        names.map_err(unavailable)
    }

    /// A page from Postgres with the cursor as it stands; nothing when it has no points.
    fn page(&self, stored: Stored) -> Option<Batch> {
        let pick = Pick::all(Page::new(stored.into()));
        let batch = folded(&self.at, pick, self.asked.every, self.asked.fold);
        (!batch.pick.is_empty()).then_some(batch)
    }
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
