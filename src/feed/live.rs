//! A feed that has caught up: deliveries from the outbox, with as little work for each as can be.
//!
//! Usually it is level with the hub: it holds the very cursor that the hub set at the last delivery,
//! and takes the next one's as it is. One that came from another node, which may be ahead, counts
//! its own positions until they are the hub's: whatever lies before a cursor of the hub has been
//! handed out, so only where it is ahead does it stand elsewhere.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use super::batch::{Batch, HEARTBEAT, advanced};
use super::error::FeedError;
use super::request::Asked;
use crate::actors::hub::Subscription;
use crate::data::SharedCursor;
use crate::data::stored::Range;
use crate::live::{Delivery, End};

pub struct Live {
    pub asked: Box<Asked>,
    pub at: Arc<SharedCursor>,
    subscription: Subscription,
    level: bool,
    spoke: Instant,
    /// Set anew only when it goes off.
    alarm: Option<Pin<Box<Sleep>>>,
}

pub enum Event {
    Batch(Batch),
    /// The hub cannot prove that nothing is missing.
    Behind,
    Ended(Batch, FeedError),
}

impl Live {
    /// `at`: where the subscriber stands, with everything before the subscription behind it.
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
                let batch = self.take(delivery);
                return Poll::Ready(self.say(batch));
            }
            Poll::Ready(Err(ended)) => ended,
            Poll::Pending => {
                ready!(self.poll_silence(cx));
                self.keep_up();
                return Poll::Ready(self.say(Batch::empty(Arc::clone(&self.at))));
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

    fn take(&mut self, delivery: Delivery) -> Batch {
        Batch {
            cursor: self.follow(delivery.cursor, &delivery.ranges),
            selected: delivery.selected,
        }
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

    /// Moves the cursor past what was published and brought this subscriber nothing.
    fn keep_up(&mut self) {
        // Read before looking whether the outbox is idle: what it says has been received then.
        let published = self.asked.feeds.hub.published();
        let Some(published) = published.filter(|_| self.subscription.receiver.is_idle()) else {
            return;
        };
        self.at = self.follow(published, &[]);
    }

    /// Where it stands once it has all that the hub had handed out at this cursor.
    fn follow(&mut self, hub: Arc<SharedCursor>, ranges: &[Range]) -> Arc<SharedCursor> {
        if self.level {
            return hub;
        }
        let mut positions = advanced(&self.at.positions, ranges);
        for (id, at) in &hub.positions {
            if let Some(held) = positions.get_mut(id) {
                *held = (*held).max(*at);
            // Of what it does not hold only what began since: when it subscribed the hub may have known an
            // epoch for a moment longer than Postgres did.
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
