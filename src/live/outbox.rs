//! One subscriber's outbox: bounded in bytes, filled by the hub, emptied at the subscriber's pace.
//!
//! Entries point into the batch that all subscribers share. A subscriber that lags would keep whole
//! batches alive for a few points, so beyond a bound its points are copied out. Points are counted by
//! outcome; always matched = sent + conflated + discarded + pending.
//!
//! A push takes one lock and a poll takes one. The receiver's task is woken only while it waits.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};

use self::queue::Queue;
use super::delivery::Delivery;
use crate::data::Positions;
use crate::telemetry::delivered::{Counted, Counts, Delivered, Registration};

mod conflated;
mod options;
mod queue;
#[cfg(test)]
mod tests;

pub use self::options::{End, Holding, Options, Overflow};

/// The hub's end.
#[derive(Debug)]
pub struct Sender(Arc<Shared>);

/// The subscriber's end; dropping it discards what is left.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    pace: Option<Pace>,
    /// Dropped after `drop` has settled the counts.
    _registration: Registration,
}

/// At most one delivery in this time.
#[derive(Debug)]
struct Pace {
    every: Duration,
    not_before: Instant,
    /// Made at the first wait, then reset.
    alarm: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    queue: Queue,
    /// The receiver found nothing and wants to be woken.
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    waker: Waker,
    /// It is before its time: only what is due at once wakes it.
    early: bool,
}

pub fn outbox(options: Options, delivered: &Delivered) -> (Sender, Receiver) {
    let state = State {
        queue: Queue::new(options),
        waiting: None,
    };
    let shared = Arc::new(Shared(Mutex::new(state)));
    let pace = options.every.map(|every| Pace {
        every,
        not_before: Instant::now(),
        alarm: None,
    });
    let receiver = Receiver {
        pace,
        _registration: delivered.join(Arc::clone(&shared) as Arc<dyn Counted>),
        shared: Arc::clone(&shared),
    };
    (Sender(shared), receiver)
}

impl Sender {
    /// Never waits. What does not fit is conflated or ends the subscription. Returns how many more bytes
    /// the outbox holds: its own, and texts of shared pages.
    pub fn push(&self, delivery: Delivery) -> usize {
        self.0.change(|queue| queue.push(delivery))
    }

    pub fn holding(&self) -> Holding {
        self.0.0.lock().queue.holding()
    }

    /// Acts as if it were full, because others need the room. Returns how many bytes it still holds.
    pub fn give_way(&self) -> usize {
        self.0.change(Queue::give_way)
    }

    /// The receiver gets what is pending, then `why`.
    pub fn end(&self, why: End) {
        self.0.change(|queue| queue.end(why));
    }
}

impl Receiver {
    /// Waits for the next delivery; may be dropped while waiting without loss.
    pub async fn next(&mut self) -> Result<Delivery, End> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next delivery. If there is none, the task is woken when one comes.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Delivery, End>> {
        let early = self.pace.as_mut().is_some_and(|pace| pace.poll(cx).is_pending());
        let taken = self.shared.take(early, cx.waker());
        if let (Poll::Ready(Ok(_)), Some(pace)) = (&taken, &mut self.pace) {
            pace.not_before = Instant::now() + pace.every;
        }
        taken
    }

    /// From now on a full outbox follows this policy, and `every` holds. False when it was full before:
    /// then a subscriber that catches up reads on from Postgres. `seen`: the subscriber has everything
    /// before these positions, from a node that was ahead of this one.
    pub fn go_live(&self, overflow: Overflow, seen: Positions) -> bool {
        self.shared.change(|queue| queue.go_live(overflow, seen))
    }

    /// Nothing is pending and it has not ended: what the hub published before this call was received.
    pub fn is_idle(&self) -> bool {
        self.shared.0.lock().queue.is_idle()
    }

    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }
}

impl Pace {
    /// Ready once the next delivery may go.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.not_before {
            return Poll::Ready(());
        }
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(self.not_before)));
        if alarm.deadline() != self.not_before {
            alarm.as_mut().reset(self.not_before);
        }
        alarm.as_mut().poll(cx)
    }
}

/// Without the hub nothing proves that no point is missing.
impl Drop for Sender {
    fn drop(&mut self) {
        self.end(End::Gap);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.shared.0.lock();
        state.queue.discard();
        state.waiting = None;
    }
}

impl Shared {
    /// Changes the queue, and wakes the receiver if it waits for what is there now.
    fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut state = self.0.lock();
        let State { queue, waiting } = &mut *state;
        let answer = change(queue);
        let woken = waiting.take_if(|waiting| queue.has_next(waiting.early));
        drop(state);
        if let Some(Waiting { waker, .. }) = woken {
            waker.wake();
        }
        answer
    }

    fn take(&self, early: bool, waker: &Waker) -> Poll<Result<Delivery, End>> {
        let mut state = self.0.lock();
        let State { queue, waiting } = &mut *state;
        if let Some(taken) = queue.take(early) {
            return Poll::Ready(taken);
        }
        match waiting {
            Some(waiting) => {
                waiting.waker.clone_from(waker);
                waiting.early = early;
            }
            None => {
                let waker = waker.clone();
                *waiting = Some(Waiting { waker, early });
            }
        }
        Poll::Pending
    }
}

impl Counted for Shared {
    fn counts(&self) -> Counts {
        self.0.lock().queue.counts()
    }

    fn fill(&self) -> f64 {
        self.0.lock().queue.fill()
    }
}
