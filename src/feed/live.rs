//! A feed that has caught up: deliveries from the outbox, with little work for each.
//!
//! Usually it is level with the hub: it holds the cursor that the hub set at the last delivery, and
//! takes the next one as it is. A subscriber that came from another node may be ahead of this hub.
//! Its feed counts its own positions until they are equal to the hub's.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use super::batch::{Batch, HEARTBEAT};
use super::error::FeedError;
use super::request::Asked;
use crate::actors::hub::Subscription;
use crate::data::SharedCursor;
use crate::data::cursor::advanced;
use crate::data::stored::Range;
use crate::live::End;

pub struct Live {
    pub asked: Box<Asked>,
    pub at: Arc<SharedCursor>,
    subscription: Subscription,
    level: bool,
    spoke: Instant,
    /// Reset only when it goes off, not at each batch.
    alarm: Option<Pin<Box<Sleep>>>,
}

pub enum Event {
    Batch(Batch),
    /// The hub cannot prove that nothing is missing.
    Behind,
    Ended(Batch, FeedError),
}

impl Live {
    /// `at`: where the subscriber stands. It has everything from before the subscription.
    pub fn new(asked: Box<Asked>, subscription: Subscription, at: &Arc<SharedCursor>) -> Self {
        let level = at.positions == subscription.live_from.positions;
        let at = Arc::clone(if level { &subscription.live_from } else { at });
        Self {
            asked,
            at,
            subscription,
            level,
            spoke: Instant::now(),
            alarm: None,
        }
    }

    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let ended = match self.subscription.receiver.poll_next(cx) {
            Poll::Ready(Ok(delivery)) => {
                let cursor = self.follow(delivery.cursor, &delivery.ranges);
                let selected = delivery.selected;
                return Poll::Ready(self.say(Batch { cursor, selected }));
            }
            Poll::Ready(Err(ended)) => ended,
            Poll::Pending => {
                ready!(self.poll_silence(cx));
                // Read before the outbox: if that is idle, all that was published has been received.
                let published = self.asked.feeds.hub.published();
                let cursor = match published.filter(|_| self.subscription.receiver.is_idle()) {
                    Some(published) => self.follow(published, &[]),
                    None => Arc::clone(&self.at),
                };
                return Poll::Ready(self.say(Batch::empty(cursor)));
            }
        };
        let error = match ended {
            End::Gap => return Poll::Ready(Event::Behind),
            End::Overflow => FeedError::SlowClient,
            End::GoingAway => FeedError::GOING_AWAY,
        };
        let last = Batch::empty(Arc::clone(&self.at));
        Poll::Ready(Event::Ended(last, error))
    }

    fn say(&mut self, batch: Batch) -> Event {
        self.spoke = Instant::now();
        self.at = Arc::clone(&batch.cursor);
        Event::Batch(batch)
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.spoke + HEARTBEAT;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        loop {
            ready!(alarm.as_mut().poll(cx));
            if alarm.deadline() == due {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(due);
        }
    }

    /// Where the feed stands once it has everything up to this cursor of the hub.
    fn follow(&mut self, hub: Arc<SharedCursor>, ranges: &[Range]) -> Arc<SharedCursor> {
        if self.level {
            return hub;
        }
        let mut positions = advanced(self.at.positions.clone(), ranges);
        for (id, at) in &hub.positions {
            if let Some(held) = positions.get_mut(id) {
                *held = (*held).max(*at);
            // Of other partitions it takes only new ones. When it subscribed, the hub may still have known
            // an epoch that had ended in Postgres.
            } else if !self.subscription.live_from.positions.contains_key(id) {
                positions.insert(*id, *at);
            }
        }
        self.level = positions == hub.positions;
        if self.level {
            hub
        } else {
            SharedCursor::at(positions)
        }
    }
}
