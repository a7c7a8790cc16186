//! The way from a cursor to the hub: first the backfill, then page after page, until the outbox has
//! what comes next.
//!
//! Recently published points are in memory, without a gap up to where the hub stands. Older ones come
//! from Postgres. Each page has a horizon that was read after it and proves it complete. Only a cursor
//! with other partitions than the hub's is checked in Postgres before anything is read.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::batch::{Batch, HEARTBEAT};
use super::catch_up::SERIES_MAX;
use super::error::FeedError;
use super::live::Live;
use super::request::{Asked, Feeds, Request, Start, check_every};
use crate::actors::hub::Subscription;
use crate::data::cursor::{Backfill, advanced};
use crate::data::stored::Range;
use crate::data::{Cursor, Positions, SharedCursor};
use crate::live::{Delivery, Options, Recent, fold, select};
use crate::store::tail::{Horizon, Names};

pub struct Replay {
    asked: Box<Asked>,
    at: Arc<SharedCursor>,
    stage: Stage,
    /// The parts of a page, and how many of them were sent.
    parts: (Arc<[Delivery]>, usize),
    /// Its backfill is over, and no batch has said so.
    is_over: bool,
    spoke: Instant,
}

/// What a step brings, and how the feed goes on.
pub type Step = Result<(Option<Batch>, State), FeedError>;

pub enum State {
    Replay(BoxFuture<'static, Step>),
    Live(Live),
    /// The last batch was sent; the error follows.
    Failing(FeedError),
    Over,
}

enum Stage {
    Backfill(Backfill, Option<Arc<Names>>),
    /// Reads on towards the hub.
    Seek,
    Read(Read),
}

struct Read {
    upto: Positions,
    /// Looked up when Postgres is first asked, so that all with points before `upto` are there. `None`:
    /// all series.
    names: Option<Arc<Names>>,
    looked_up: bool,
    /// Present when its outbox has what comes from `upto` on.
    subscription: Option<Subscription>,
}

impl From<Replay> for State {
    fn from(replay: Replay) -> Self {
        Self::Replay(Box::pin(replay.step()))
    }
}

impl Replay {
    /// Where the feed begins, and its first step.
    pub async fn open(
        feeds: Feeds,
        mut request: Request,
    ) -> Result<(Arc<SharedCursor>, (Option<Batch>, State)), FeedError> {
        check_every(request.every)?;
        if feeds.hub.is_draining() {
            return Err(FeedError::GOING_AWAY);
        }
        let start = std::mem::replace(&mut request.start, Start::Now);
        let mut replay = Self::at(Box::new(Asked { feeds, request }), Arc::default());
        match start {
            Start::Now => {
                let subscription = replay.subscribe().await?;
                let at = Arc::clone(&subscription.live_from);
                replay.at = Arc::clone(&at);
                return Ok((at, (None, replay.go_live(subscription))));
            }
            Start::After(cursor) => replay.at = SharedCursor::new(cursor),
            Start::Backfill(span) => replay.at = replay.asked.feeds.catch_up.begin(span).await?,
        }
        if let Some(backfill) = replay.at.backfill.clone() {
            // A backfill begins only if what comes after it can be sent as well.
            replay.check().await?;
            replay.stage = Stage::Backfill(backfill, None);
        }
        Ok((Arc::clone(&replay.at), replay.step().await?))
    }

    /// Goes on from here after a live feed may have missed something.
    pub fn at(asked: Box<Asked>, at: Arc<SharedCursor>) -> Self {
        Self {
            asked,
            at,
            stage: Stage::Seek,
            parts: (Arc::default(), 0),
            is_over: false,
            spoke: Instant::now(),
        }
    }

    pub async fn step(mut self) -> Step {
        loop {
            if self.asked.feeds.hub.is_draining() {
                let last = Batch::empty(self.at);
                return Ok((Some(last), State::Failing(FeedError::GOING_AWAY)));
            }
            if let Some(part) = self.parts.0.get(self.parts.1) {
                self.parts.1 += 1;
                if !part.ranges.is_empty() {
                    self.at = SharedCursor::at(advanced(self.at.positions.clone(), &part.ranges));
                }
                // Without points it only moves the cursor. The next batch does that too.
                if part.selected.is_empty() && self.spoke.elapsed() < HEARTBEAT {
                    return Ok((None, self.into()));
                }
                self.spoke = Instant::now();
                self.is_over = false;
                let Request { every, fold, .. } = self.asked.request;
                let batch = Batch {
                    cursor: Arc::clone(&self.at),
                    selected: match every {
                        Some(every) => fold::page(&part.selected, every, fold),
                        None => Arc::clone(&part.selected),
                    },
                };
                return Ok((Some(batch), self.into()));
            }
            match std::mem::replace(&mut self.stage, Stage::Seek) {
                Stage::Backfill(backfill, names) => self.backfill(backfill, names).await?,
                // First up to what the hub has published. Then it subscribes and reads the rest.
                Stage::Seek => {
                    let published = self.asked.feeds.hub.published().unwrap_or_default();
                    self.stage = Stage::Read(self.towards(&published, None).await?);
                }
                Stage::Read(read) => {
                    if let Some(subscription) = self.read(read).await? {
                        let over = self.is_over.then(|| Batch::empty(Arc::clone(&self.at)));
                        return Ok((over, self.go_live(subscription)));
                    }
                }
            }
        }
    }

    async fn backfill(&mut self, mut backfill: Backfill, names: Option<Arc<Names>>) -> Result<(), FeedError> {
        let names = match names {
            Some(names) => Some(names),
            None => self.matching().await?,
        };
        let names = names.ok_or(FeedError::TooManySeries { limit: SERIES_MAX })?;
        let Asked { feeds, request } = &*self.asked;
        let page = feeds
            .catch_up
            .backfill(&request.scoped, &names, &self.at, &backfill)
            .await?;
        let positions = self.at.positions.clone();
        let Some(page) = page else {
            self.at = SharedCursor::at(positions);
            self.is_over = true;
            return Ok(());
        };
        backfill.done = Some(page.done);
        self.at = SharedCursor::new(Cursor {
            positions,
            backfill: Some(backfill.clone()),
        });
        // A backfill moves no position.
        self.parts = (select(&page.page, &request.scoped, &[]), 0);
        self.stage = Stage::Backfill(backfill, Some(names));
        Ok(())
    }

    /// What to read to reach the hub. It leaves out epochs that have ended in Postgres, which the hub
    /// may still know for a moment.
    async fn towards(
        &self,
        hub: &SharedCursor,
        subscription: Option<Subscription>,
    ) -> Result<Read, FeedError> {
        let mut upto = hub.positions.clone();
        if !upto.keys().eq(self.at.positions.keys()) {
            let horizon = self.check().await?;
            upto.retain(|id, _| horizon.partitions.contains_key(id));
        }
        Ok(Read {
            upto,
            names: None,
            looked_up: false,
            subscription,
        })
    }

    /// Reads a page. When none is left, it returns the subscription to go live with.
    async fn read(&mut self, mut read: Read) -> Result<Option<Subscription>, FeedError> {
        let Asked { feeds, request } = &*self.asked;
        match feeds.hub.recent().after(&self.at.positions, &read.upto) {
            Recent::Page(page, ranges) => {
                self.parts = (select(&page, &request.scoped, &ranges), 0);
            }
            Recent::Forgotten(missing) => {
                if !std::mem::replace(&mut read.looked_up, true) && !request.scoped.selects_all() {
                    read.names = self.matching().await?;
                }
                let page = feeds.catch_up.page(missing, read.names.clone()).await?;
                if !page.horizon.proves(missing) {
                    // With a new horizon the error says from where all partitions can be continued.
                    self.check().await?;
                    return Err(FeedError::PostgresAway);
                }
                let range = page.horizon.before_gap(Range {
                    to: missing.to.min(page.range.to),
                    ..missing
                });
                self.parts = (select(&page.page, &request.scoped, &[range]), 0);
            }
            Recent::Level => match read.subscription {
                Some(subscription) => {
                    let mut positions = self.at.positions.clone();
                    for (id, at) in &read.upto {
                        positions.entry(*id).or_insert(*at);
                    }
                    self.at = SharedCursor::at(positions);
                    return Ok(Some(subscription));
                }
                None => {
                    let subscription = self.subscribe().await?;
                    let hub = Arc::clone(&subscription.live_from);
                    read = self.towards(&hub, Some(subscription)).await?;
                }
            },
        }
        self.stage = Stage::Read(read);
        Ok(None)
    }

    fn go_live(self, subscription: Subscription) -> State {
        let ahead = self.at.beyond(&subscription.live_from);
        if subscription.receiver.go_live(self.asked.request.overflow, ahead) {
            State::Live(Live::new(self.asked, subscription, &self.at))
        } else {
            self.into()
        }
    }

    async fn subscribe(&self) -> Result<Subscription, FeedError> {
        let Asked { feeds, request } = &*self.asked;
        let options = Options {
            limit: feeds.outbox_bytes,
            every: request.every,
            fold: request.fold,
            ..Options::default()
        };
        let scoped = request.scoped.clone();
        Ok(feeds.hub.subscribe(feeds.client, scoped, Some(options)).await?)
    }

    async fn check(&self) -> Result<Arc<Horizon>, FeedError> {
        let horizon = self.asked.feeds.catch_up.horizon().await?;
        match horizon.check(&self.at.positions) {
            Ok(_) => Ok(horizon),
            Err(gap) => {
                let earliest = Cursor::at(gap.earliest).encode();
                Err(FeedError::ResumeGap {
                    earliest: self.asked.request.seal.close(earliest),
                })
            }
        }
    }

    async fn matching(&self) -> Result<Option<Arc<Names>>, FeedError> {
        let Asked { feeds, request } = &*self.asked;
        feeds.catch_up.matching(&request.scoped).await
    }
}
