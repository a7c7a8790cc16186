//! One subscriber's windows on their way: of each window the newest state, until it is taken.
//!
//! A subscriber that keeps up gets the very batch that its whole group gets. One that lags holds one
//! update for each window and counts those that a newer one replaced.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Window;
use crate::data::{Bucket, Matched, Micros, SeriesId};

/// The most windows of one message.
const BATCH_MAX: usize = 1_000;
/// The most windows that may wait for one subscriber.
const WAITING_MAX: usize = 100_000;

type WindowKey = (SeriesId, Micros);

/// How many windows wait for all subscribers together.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<AtomicUsize>);

/// Why there are no more updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    #[error("this subscriber did not keep up; subscribe again, with backfill for what it missed")]
    Overflow,
    #[error("the windows of all subscribers together have too many series; narrow the selector")]
    TooManySeries,
    #[error("too many window lengths are in use; choose a round one, such as 10s or 1m")]
    TooManyLengths,
    #[error("too many different selectors are subscribed to")]
    Overloaded,
    #[error("a window took too long to read; choose a shorter one")]
    TooLong,
    #[error("windows are not available now; subscribe again in a moment")]
    Unavailable,
    #[error("this server is shutting down; subscribe again elsewhere")]
    GoingAway,
}

/// Windows, each with its state by now.
#[derive(Clone, Debug, Default)]
pub struct Updates {
    pub windows: Arc<[Arc<Window>]>,
    /// How many updates were replaced by newer ones before these.
    pub conflated: u64,
}

/// The computing end. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Sender(Arc<Shared>);

/// The subscriber's end.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    every: Duration,
    not_before: Instant,
}

#[derive(Debug)]
struct Shared {
    held: Mutex<Held>,
    changed: Notify,
    waiting: Waiting,
}

#[derive(Debug, Default)]
struct Held {
    opened: bool,
    /// The first batch goes out even if it is empty.
    greeted: bool,
    /// One batch as it came, or else the newest of each window, those that wait longest first.
    batch: Option<Arc<[Arc<Window>]>>,
    windows: HashMap<WindowKey, Arc<Window>>,
    order: VecDeque<WindowKey>,
    conflated: u64,
    ended: Option<End>,
    /// So many of its windows are among all that wait.
    counted: usize,
}

impl Waiting {
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// `every`: at most one batch in this time.
pub fn updates(every: Duration, waiting: &Waiting) -> (Sender, Receiver) {
    let shared = Arc::new(Shared {
        held: Mutex::default(),
        changed: Notify::new(),
        waiting: waiting.clone(),
    });
    let receiver = Receiver {
        shared: Arc::clone(&shared),
        every,
        not_before: Instant::now(),
    };
    (Sender(shared), receiver)
}

impl Sender {
    /// Begins with these windows; nothing is taken before.
    pub fn open(&self, windows: &Arc<[Arc<Window>]>) {
        self.0.held.lock().opened = true;
        self.push(windows);
    }

    /// Never waits.
    pub fn push(&self, batch: &Arc<[Arc<Window>]>) {
        let mut held = self.0.held.lock();
        if held.ended.is_none() {
            held.push(batch);
        }
        self.0.count(&mut held);
        drop(held);
        self.0.changed.notify_one();
    }

    pub fn end(&self, why: End) {
        let mut held = self.0.held.lock();
        held.end(why);
        self.0.count(&mut held);
        drop(held);
        self.0.changed.notify_one();
    }

    /// How many windows wait for this subscriber.
    pub fn waiting(&self) -> usize {
        self.0.held.lock().counted
    }

    /// It ended or the subscriber has gone.
    pub fn is_over(&self) -> bool {
        Arc::strong_count(&self.0) == 1 || self.0.held.lock().ended.is_some()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.end(End::Unavailable);
    }
}

impl Receiver {
    /// Waits until the first windows are there.
    pub async fn opened(&self) -> Result<(), End> {
        loop {
            let (opened, ended) = {
                let held = self.shared.held.lock();
                (held.opened, held.ended)
            };
            match (ended, opened) {
                (Some(end), _) => return Err(end),
                (None, true) => return Ok(()),
                (None, false) => self.shared.changed.notified().await,
            }
        }
    }

    /// The next batch; may be dropped while waiting without loss.
    pub async fn next(&mut self) -> Result<Updates, End> {
        sleep_until(self.not_before).await;
        loop {
            if let Some(taken) = self.shared.take() {
                self.not_before = Instant::now() + self.every;
                return taken;
            }
            self.shared.changed.notified().await;
        }
    }

    /// The series whose windows are waiting.
    pub fn series(&self) -> Vec<Matched> {
        let mut held = self.shared.held.lock();
        held.unpack();
        self.shared.count(&mut held);
        let windows = held.windows.iter();
        let series: BTreeMap<_, _> = windows.map(|((id, _), window)| (*id, &window.series)).collect();
        series.into_values().cloned().collect()
    }

    /// Puts older windows before those that wait. A window that waits stays as it is, and one newer
    /// than all of its series is left out: those are continued, and come in their turn.
    pub fn fill(&self, older: Vec<Bucket>) {
        let mut held = self.shared.held.lock();
        held.unpack();
        let mut newest: HashMap<SeriesId, Arc<Window>> = HashMap::new();
        for window in held.windows.values() {
            let newest = newest
                .entry(window.series.id)
                .or_insert_with(|| Arc::clone(window));
            if newest.bucket.ts < window.bucket.ts {
                *newest = Arc::clone(window);
            }
        }
        for bucket in older {
            let newest = newest.get(&bucket.series_id);
            let Some(newest) = newest.filter(|newest| bucket.ts < newest.bucket.ts) else {
                continue;
            };
            let key = (bucket.series_id, bucket.ts);
            held.windows.entry(key).or_insert_with(|| {
                Arc::new(Window {
                    series: newest.series.clone(),
                    bucket,
                    closed: true,
                })
            });
        }
        let mut order: Vec<WindowKey> = held.windows.keys().copied().collect();
        order.sort_unstable();
        held.order = order.into();
        self.shared.count(&mut held);
    }
}

impl Held {
    fn push(&mut self, batch: &Arc<[Arc<Window>]>) {
        if self.batch.is_none() && self.windows.is_empty() && batch.len() <= BATCH_MAX {
            self.batch = (!batch.is_empty()).then(|| Arc::clone(batch));
            return;
        }
        self.unpack();
        self.hold(batch);
        if self.windows.len() > WAITING_MAX {
            self.end(End::Overflow);
        }
    }

    fn hold(&mut self, batch: &[Arc<Window>]) {
        for window in batch {
            let key = (window.series.id, window.bucket.ts);
            match self.windows.insert(key, Arc::clone(window)) {
                Some(_) => self.conflated += 1,
                None => self.order.push_back(key),
            }
        }
    }

    fn unpack(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.hold(&batch);
        }
    }

    fn take(&mut self) -> Option<Result<Updates, End>> {
        if let Some(end) = self.ended {
            return Some(Err(end));
        }
        let windows = match self.batch.take() {
            Some(batch) => batch,
            None => {
                let most = self.order.len().min(BATCH_MAX);
                let keys = self.order.drain(..most);
                let windows = keys.filter_map(|key| self.windows.remove(&key));
                windows.collect()
            }
        };
        if windows.is_empty() && (self.greeted || !self.opened) {
            return None;
        }
        self.greeted = true;
        Some(Ok(Updates {
            windows,
            conflated: std::mem::take(&mut self.conflated),
        }))
    }

    fn end(&mut self, why: End) {
        if self.ended.is_none() {
            *self = Self {
                ended: Some(why),
                counted: self.counted,
                ..Self::default()
            };
        }
    }
}

impl Shared {
    fn take(&self) -> Option<Result<Updates, End>> {
        let mut held = self.held.lock();
        let taken = held.take();
        self.count(&mut held);
        taken
    }

    /// Once a batch, not for each window.
    fn count(&self, held: &mut Held) {
        let waiting = &self.waiting.0;
        let (before, now) = (held.counted, held.windows.len());
        match now >= before {
            true => waiting.fetch_add(now - before, Ordering::Relaxed),
            false => waiting.fetch_sub(before - now, Ordering::Relaxed),
        };
        held.counted = now;
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let counted = self.held.lock().counted;
        self.waiting.0.fetch_sub(counted, Ordering::Relaxed);
    }
}
