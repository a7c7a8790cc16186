//! The way from a cursor to the hub's seam: what is stored of a span, then page after page, until
//! the outbox has what comes next.
//!
//! What the hub published lately lies in memory, and continues without a hole up to where the hub
//! stands. What is older comes from Postgres, each page with a horizon that was read after it and
//! proves it complete. Only a cursor that names other partitions than the hub does is judged by
//! Postgres before anything is read.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Error, ErrorExtensions, Result, Value};
use tokio::time::Instant;

use super::batches::{advanced, folded};
use super::live::Live;
use super::{Batch, Feed, HEARTBEAT, Request, Start, State, going_away};
use crate::actors::archive::{Archive, SERIES_MAX, Unanswered};
use crate::actors::hub::{HubHandle, SubscribeError, Subscription};
use crate::data::cursor::Backfill;
use crate::data::stored::Range;
use crate::data::{ClientKey, Cursor, Mark, Positions, Scoped};
use crate::graphql::errors::Code;
use crate::graphql::services::overloaded;
use crate::live::{Delivery, Fold, Options, Overflow, Recent};
use crate::store::tail::{Horizon, Names, ResumeGap};

/// What a feed was asked for, and whom it asks.
pub struct Asked {
    pub hub: HubHandle,
    archive: Archive,
    client: Option<ClientKey>,
    scoped: Scoped,
    pub every: Option<Duration>,
    fold: Fold,
    overflow: Overflow,
    outbox_bytes: usize,
}

pub struct CatchUp {
    asked: Box<Asked>,
    at: Arc<Mark>,
    stage: Stage,
    /// A page in parts, and how many of them have gone out.
    parts: (Arc<[Delivery]>, usize),
    spoke: Instant,
}

enum Stage {
    Backfill(Backfill, Option<Arc<Names>>),
    /// Reads on towards the hub.
    Seek,
    Read(Read),
}

struct Read {
    upto: Positions,
    /// Looked up when Postgres is first asked: all that have points before `upto` are there. `None`:
    /// all series, of which the selector picks its own.
    names: Option<Arc<Names>>,
    looked_up: bool,
    /// Present when `upto` is its seam.
    subscription: Option<Subscription>,
}

impl From<CatchUp> for State {
    fn from(catch_up: CatchUp) -> Self {
        Self::CatchingUp(Box::pin(catch_up.step()))
    }
}

impl CatchUp {
    /// Where the feed begins. Comes back when the first page is there, or the outbox is.
    pub async fn open(hub: HubHandle, archive: Archive, request: Request) -> Result<Feed> {
        if hub.is_draining() {
            return Err(going_away());
        }
        let mut catch_up = Self {
            asked: Box::new(Asked {
                hub,
                archive,
                client: request.client,
                scoped: request.scoped,
                every: request.every,
                fold: request.fold,
                overflow: request.overflow,
                outbox_bytes: request.outbox_bytes,
            }),
            at: Arc::default(),
            stage: Stage::Seek,
            parts: (Arc::default(), 0),
            spoke: Instant::now(),
        };
        match request.start {
            Start::Now => {
                let subscription = catch_up.subscribe().await?;
                let seam = Arc::clone(&subscription.seam);
                catch_up.at = Arc::clone(&seam);
                return Ok(Feed::new(seam, None, catch_up.go_live(subscription)));
            }
            Start::After(cursor) => catch_up.at = Mark::new(cursor),
            Start::Backfill(span) => {
                let begin = catch_up.asked.archive.begin(span).await;
                catch_up.at = begin.map_err(unavailable)?;
            }
        }
        if let Some(backfill) = catch_up.at.backfill.clone() {
            // Points of the past are told only to whom the rest can be told afterwards.
            catch_up.check().await?;
            catch_up.stage = Stage::Backfill(backfill, None);
        }
        let at = Arc::clone(&catch_up.at);
        let (first, state) = catch_up.step().await;
        Ok(Feed::new(at, first.transpose()?, state))
    }

    /// Goes on from where a live feed lost its thread.
    pub fn of(live: Live) -> Self {
        Self {
            asked: live.asked,
            at: live.at,
            stage: Stage::Seek,
            parts: (Arc::default(), 0),
            spoke: Instant::now(),
        }
    }

    async fn step(mut self) -> (Option<Result<Batch>>, State) {
        loop {
            if self.asked.hub.is_draining() {
                let last = Batch::empty(self.at);
                return (Some(Ok(last)), State::Failing(Box::new(going_away())));
            }
            if let Some(part) = self.parts.0.get(self.parts.1) {
                self.parts.1 += 1;
                if !part.ranges.is_empty() {
                    self.at = Mark::at(advanced(&self.at.positions, &part.ranges));
                }
                // Without points it only moved the cursor, which the next one does as well.
                if part.pick.is_empty() && self.spoke.elapsed() < HEARTBEAT {
                    return (None, self.into());
                }
                self.spoke = Instant::now();
                let Asked { every, fold, .. } = *self.asked;
                let batch = folded(&self.at, Arc::clone(&part.pick), every, fold);
                return (Some(Ok(batch)), self.into());
            }
            let step = match std::mem::replace(&mut self.stage, Stage::Seek) {
                Stage::Backfill(backfill, names) => self.backfill(backfill, names).await,
                Stage::Seek => self.seek().await,
                Stage::Read(read) => match self.read(read).await {
                    Ok(Some(subscription)) => return (None, self.go_live(subscription)),
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = step {
                return (Some(Err(error)), State::Over);
            }
        }
    }

    async fn backfill(&mut self, mut backfill: Backfill, names: Option<Arc<Names>>) -> Result<()> {
        let names = match names {
            Some(names) => names,
            None => self.matching().await?.ok_or_else(too_many)?,
        };
        let Asked { archive, scoped, .. } = &*self.asked;
        let chapter = archive.history(scoped, &names, &self.at, &backfill).await;
        let positions = self.at.positions.clone();
        let Some(chapter) = chapter.map_err(unavailable)? else {
            self.at = Mark::at(positions);
            return Ok(());
        };
        backfill.done = Some(chapter.done);
        self.at = Mark::new(Cursor {
            positions,
            backfill: Some(backfill.clone()),
        });
        self.stage = Stage::Backfill(backfill, Some(names));
        // No position moves.
        self.parts = (chapter.page.parts(scoped, &[]), 0);
        Ok(())
    }

    /// First reads up to what the hub has published, then subscribes and reads the little rest.
    async fn seek(&mut self) -> Result<()> {
        let published = self.asked.hub.published().unwrap_or_default();
        let upto = self.aim(&published).await?;
        self.stage = Stage::Read(Read {
            upto,
            names: None,
            looked_up: false,
            subscription: None,
        });
        Ok(())
    }

    /// How far to read. An epoch that ended is behind every cursor that could be continued; the hub
    /// may know it a moment longer than Postgres does.
    async fn aim(&self, mark: &Mark) -> Result<Positions> {
        let mut upto = mark.positions.clone();
        if !upto.keys().eq(self.at.positions.keys()) {
            let horizon = self.check().await?;
            upto.retain(|id, _| horizon.partitions.contains_key(id));
        }
        Ok(upto)
    }

    /// Reads a page, or brings, when nothing is left to read, the subscription to go live with.
    async fn read(&mut self, mut read: Read) -> Result<Option<Subscription>> {
        match self.asked.hub.recent().after(&self.at.positions, &read.upto) {
            Recent::Page(page, ranges) => {
                self.parts = (page.parts(&self.asked.scoped, &ranges), 0);
            }
            Recent::Forgotten(missing) => {
                if !std::mem::replace(&mut read.looked_up, true) && !self.asked.scoped.selects_all() {
                    read.names = self.matching().await?;
                }
                let leaf = self.asked.archive.page(missing, read.names.clone()).await;
                let leaf = leaf.map_err(unavailable)?;
                if !leaf.horizon.proves(missing) {
                    // A new horizon says so as well, and where all partitions can be continued.
                    self.check().await?;
                    return Err(unavailable(Unanswered::Away));
                }
                let range = leaf.horizon.before_gap(Range {
                    to: missing.to.min(leaf.range.to),
                    ..missing
                });
                self.parts = (leaf.page.parts(&self.asked.scoped, &[range]), 0);
            }
            Recent::Level => match read.subscription {
                Some(subscription) => {
                    let mut positions = self.at.positions.clone();
                    for (id, at) in &read.upto {
                        positions.entry(*id).or_insert(*at);
                    }
                    self.at = Mark::at(positions);
                    return Ok(Some(subscription));
                }
                None => {
                    let subscription = self.subscribe().await?;
                    read = Read {
                        upto: self.aim(&subscription.seam).await?,
                        names: None,
                        looked_up: false,
                        subscription: Some(subscription),
                    };
                }
            },
        }
        self.stage = Stage::Read(read);
        Ok(None)
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
        let scoped = self.asked.scoped.clone();
        match self.asked.hub.subscribe(self.asked.client, scoped, options).await {
            Ok(subscription) => Ok(subscription),
            Err(SubscribeError::GoingAway) => Err(going_away()),
            Err(error @ SubscribeError::Unavailable) => Err(Code::Unavailable.error(error.to_string())),
            Err(SubscribeError::Full(full)) => Err(overloaded(&full.to_string())),
        }
    }

    async fn check(&self) -> Result<Arc<Horizon>> {
        let horizon = self.asked.archive.horizon().await.map_err(unavailable)?;
        horizon.check(&self.at.positions).map_err(resume_gap)?;
        Ok(horizon)
    }

    async fn matching(&self) -> Result<Option<Arc<Names>>> {
        let names = self.asked.archive.matching(&self.asked.scoped).await;
        names.map_err(unavailable)
    }
}

fn resume_gap(gap: ResumeGap) -> Error {
    let earliest = Cursor::at(gap.earliest).encode();
    Code::ResumeGap
        .error("points after this cursor are missing here; earliestCursor can be continued")
        .extend_with(|_, e| e.set("earliestCursor", Value::from(earliest.clone())))
}

fn too_many() -> Error {
    Code::TooManyRows.error(format!(
        "a backfill may be of at most {SERIES_MAX} series; select fewer, or begin without one"
    ))
}

fn unavailable(why: Unanswered) -> Error {
    match why {
        Unanswered::Away => {
            Code::Unavailable.error("postgres is unavailable; resume with the last cursor in a moment")
        }
        Unanswered::Overloaded => {
            overloaded("too many subscribers catch up at once; resume with the last cursor in a moment")
        }
    }
}
