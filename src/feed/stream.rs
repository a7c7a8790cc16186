//! One subscriber's points from its cursor on: first pages, then live points. Each batch has the cursor
//! from which the next one continues.
//!
//! The feed is pulled: it reads nothing from Postgres and takes nothing from the outbox before the last
//! batch was sent. So the outbox is the only buffer. A live feed is a small state that is polled. Only
//! a feed that catches up holds a future, which is large but short-lived.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;

use super::batch::Batch;
use super::error::FeedError;
use super::live::Event;
use super::replay::{Replay, State};
use super::request::{Feeds, Request};

/// Ends after its first error.
#[allow(missing_debug_implementations, reason = "it may hold a future")]
pub struct Feed {
    /// Sent before anything else, the last one first.
    ahead: Vec<Batch>,
    state: State,
}

impl Feeds {
    /// Returns when the first page or the outbox is there.
    ///
    /// # Errors
    /// Of any kind but `SlowClient`.
    pub async fn open(&self, request: Request) -> Result<Feed, FeedError> {
        let (at, (first, state)) = Replay::open(self.clone(), request).await?;
        let mut ahead = Vec::from_iter(first);
        // The first message is empty and carries the cursor.
        ahead.push(Batch::empty(at));
        Ok(Feed { ahead, state })
    }
}

impl Stream for Feed {
    type Item = Result<Batch, FeedError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(batch) = self.ahead.pop() {
            self.ahead.shrink_to_fit();
            return Poll::Ready(Some(Ok(batch)));
        }
        loop {
            match &mut self.state {
                State::Live(live) => match ready!(live.poll_next(cx)) {
                    Event::Batch(batch) => return Poll::Ready(Some(Ok(batch))),
                    Event::Behind => {
                        if let State::Live(live) = std::mem::replace(&mut self.state, State::Over) {
                            self.state = Replay::at(live.asked, live.at).into();
                        }
                    }
                    // The last cursor is sent before the error.
                    Event::Ended(last, error) => {
                        self.state = State::Failing(error);
                        return Poll::Ready(Some(Ok(last)));
                    }
                },
                State::Replay(step) => match ready!(step.as_mut().poll(cx)) {
                    Ok((batch, state)) => {
                        self.state = state;
                        if let Some(batch) = batch {
                            return Poll::Ready(Some(Ok(batch)));
                        }
                    }
                    Err(error) => self.state = State::Failing(error),
                },
                State::Failing(_) | State::Over => {
                    let error = match std::mem::replace(&mut self.state, State::Over) {
                        State::Failing(error) => Some(Err(error)),
                        _ => None,
                    };
                    return Poll::Ready(error);
                }
            }
        }
    }
}
