//! The windows that wait for one subscriber: of each window only the newest state.
//!
//! A subscriber that keeps up gets the batch that its whole group shares. One that lags holds one update
//! for each window and counts those that a newer one replaced.

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

/// Windows, each in its newest state.
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
    /// One batch as it came, or else the newest state of each window. Those that wait longest come first.
    batch: Option<Arc<[Arc<Window>]>>,
    windows: HashMap<WindowKey, Arc<Window>>,
    order: VecDeque<WindowKey>,
    conflated: u64,
    ended: Option<End>,
    /// How many of its windows are counted in `Waiting`.
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
    /// Begins with these windows; before, nothing can be taken.
    pub fn open(&self, windows: &Arc<[Arc<Window>]>) {
        self.0.held.lock().opened = true;
        self.push(windows);
    }

    /// Never waits.
    pub fn push(&self, batch: &Arc<[Arc<Window>]>) {
        self.0.change(|held| held.push(batch));
        self.0.changed.notify_one();
    }

    pub fn end(&self, why: End) {
        self.0.change(|held| held.end(why));
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
            match &*self.shared.held.lock() {
                Held { ended: Some(end), .. } => return Err(*end),
                Held { opened: true, .. } => return Ok(()),
                _ => {}
            }
            self.shared.changed.notified().await;
        }
    }

    /// The next batch; may be dropped while waiting without loss.
    pub async fn next(&mut self) -> Result<Updates, End> {
        sleep_until(self.not_before).await;
        loop {
            if let Some(taken) = self.shared.change(Held::take) {
                self.not_before = Instant::now() + self.every;
                return taken;
            }
            self.shared.changed.notified().await;
        }
    }

    /// The series whose windows are waiting.
    pub fn series(&self) -> Vec<Matched> {
        self.shared.change(|held| {
            held.unpack();
            let windows = held.windows.iter();
            let series: BTreeMap<_, _> = windows.map(|((id, _), window)| (*id, &window.series)).collect();
            series.into_values().cloned().collect()
        })
    }

    /// Puts older windows before those that wait. A window that waits stays as it is. Older ones that are
    /// newer than all of their series are left out, because they still change and come later.
    pub fn fill(&self, older: Vec<Bucket>) {
        self.shared.change(|held| held.fill(older));
    }
}

impl Held {
    fn fill(&mut self, older: Vec<Bucket>) {
        self.unpack();
        let mut newest: HashMap<SeriesId, Arc<Window>> = HashMap::new();
        for window in self.windows.values() {
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
            self.windows.entry(key).or_insert_with(|| {
                Arc::new(Window {
                    series: newest.series.clone(),
                    bucket,
                    closed: true,
                })
            });
        }
        let mut order: Vec<WindowKey> = self.windows.keys().copied().collect();
        order.sort_unstable();
        self.order = order.into();
    }

    fn push(&mut self, batch: &Arc<[Arc<Window>]>) {
        if self.ended.is_some() {
            return;
        }
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
    /// Changes what is held and counts its windows, once a batch and not for each window.
    fn change<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        let mut held = self.held.lock();
        let answer = change(&mut held);
        let waiting = &self.waiting.0;
        let (before, now) = (held.counted, held.windows.len());
        match now >= before {
            true => waiting.fetch_add(now - before, Ordering::Relaxed),
            false => waiting.fetch_sub(before - now, Ordering::Relaxed),
        };
        held.counted = now;
        answer
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let counted = self.held.lock().counted;
        self.waiting.0.fetch_sub(counted, Ordering::Relaxed);
    }
}
