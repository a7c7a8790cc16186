//! One subscriber's points from its cursor on: pages until they meet the hub's seam, then live.
//! Each batch carries the cursor from which the next one continues.
//!
//! The feed is pulled: nothing is read from Postgres or taken from the outbox before the batch
//! before it has gone out, so the outbox is the only buffer. A live feed is a small state that is
//! polled; only one that catches up keeps a future, and that is large but soon over.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_graphql::{Error, Result};
use futures_util::Stream;
use futures_util::future::BoxFuture;

use self::catch_up::CatchUp;
use self::live::{Event, Live};
use super::errors::Code;
use crate::actors::archive::Archive;
use crate::actors::hub::{HubHandle, SubscribeError};
use crate::data::{ClientKey, Cursor, Mark, Scoped};
use crate::live::{Fold, Overflow, Pick};

mod batches;
mod catch_up;
mod live;
#[cfg(test)]
mod tests;

/// A subscription that has nothing to say gets an empty batch with its cursor this often.
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
    /// Who asks; `None` where clients cannot be told apart.
    pub client: Option<ClientKey>,
    pub scoped: Scoped,
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
    pub cursor: Arc<Mark>,
    pub pick: Arc<Pick>,
    pub conflated: u64,
    /// How many other points each of the pick stands for; `None`: none of them any.
    pub folded: Option<Arc<[u64]>>,
}

/// Ends after its first error.
#[allow(missing_debug_implementations, reason = "it may hold a future")]
pub struct Feed {
    /// Goes out before anything else, the last of them first.
    ahead: Vec<Batch>,
    state: State,
}

enum State {
    CatchingUp(BoxFuture<'static, (Option<Result<Batch>>, State)>),
    Live(Live),
    Failing(Box<Error>),
    Over,
}

/// # Errors
/// `RESUME_GAP` when the cursor cannot be continued, `UNAVAILABLE`, `GOING_AWAY`.
pub async fn open(hub: HubHandle, archive: Archive, request: Request) -> Result<Feed> {
    CatchUp::open(hub, archive, request).await
}

impl Feed {
    /// The first message is empty and carries the cursor.
    fn new(at: Arc<Mark>, then: Option<Batch>, state: State) -> Self {
        let mut ahead = Vec::from_iter(then);
        ahead.push(Batch::empty(at));
        Self { ahead, state }
    }
}

impl Stream for Feed {
    type Item = Result<Batch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(batch) = self.ahead.pop() {
            self.ahead.shrink_to_fit();
            return Poll::Ready(Some(Ok(batch)));
        }
        loop {
            let batch = match &mut self.state {
                State::Live(live) => match ready!(live.poll_next(cx)) {
                    Event::Batch(batch) => return Poll::Ready(Some(Ok(batch))),
                    Event::Behind => {
                        self.state.fall_back();
                        continue;
                    }
                    // The last cursor goes out before the reason.
                    Event::Ended(last, error) => {
                        self.state = State::Failing(Box::new(error));
                        Some(Ok(last))
                    }
                },
                State::CatchingUp(step) => {
                    let (batch, state) = ready!(step.as_mut().poll(cx));
                    self.state = state;
                    batch
                }
                State::Failing(_) | State::Over => {
                    return Poll::Ready(self.state.end().map(|error| Err(*error)));
                }
            };
            match batch {
                Some(Err(error)) => self.state = State::Failing(Box::new(error)),
                Some(Ok(batch)) => return Poll::Ready(Some(Ok(batch))),
                None => {}
            }
        }
    }
}

impl State {
    fn fall_back(&mut self) {
        if let Self::Live(live) = std::mem::replace(self, Self::Over) {
            *self = CatchUp::of(live).into();
        }
    }

    fn end(&mut self) -> Option<Box<Error>> {
        match std::mem::replace(self, Self::Over) {
            Self::Failing(error) => Some(error),
            _ => None,
        }
    }
}

impl Batch {
    fn empty(cursor: Arc<Mark>) -> Self {
        Self {
            cursor,
            pick: Arc::default(),
            conflated: 0,
            folded: None,
        }
    }
}

fn going_away() -> Error {
    Code::GoingAway.error(SubscribeError::GoingAway.to_string())
}
