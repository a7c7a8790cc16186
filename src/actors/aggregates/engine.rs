//! Computes all windows of one length, once for everybody, from what the hub publishes.
//!
//! One loop handles deliveries from the hub, new subscribers, and reads from Postgres. While it reads,
//! it takes nothing from its outbox, so every window stands at a known point of the stream. After its
//! outbox was full or an epoch changed, it reads what it missed page by page.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{LocalBoxFuture, pending};
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use crate::actors::hub::{HubHandle, SubscribeError, Subscription};
use crate::data::cursor::advanced;
use crate::data::stored::Range;
use crate::data::{Matched, Micros, Positions, Scoped, Selector, Step, Stored, StoredPoint, Viewer};
use crate::live::windows::{Audience, End, GroupId, Sender, Waiting, Wanted, Windows};
use crate::live::{self, Delivery, Options};
use crate::store::read::{ReadError, Reader};
use crate::store::tail::{Names, Tail, TailError, Want};
use crate::telemetry::Metrics;

/// The changes of this time go out together. The windows that they made stale are read together.
const TURN: Duration = Duration::from_millis(100);
/// After a failed read.
const PAUSE: Duration = Duration::from_secs(1);
/// So many time-outs in a row mean that a window is too long. If Postgres hung, the pool could not
/// open its next connection, and another error would come before.
const TIMEOUTS: u32 = 3;
/// Windows read by one statement, adapted to how long they take.
const CHUNK_MAX: usize = 512;
const QUICK: Duration = Duration::from_millis(250);
/// Nothing is taken from the hub while this many windows have to be read.
const UNREAD_MAX: usize = 100_000;
/// Series that the engines follow together: some 100 MB when full.
const SERIES_MAX: usize = 100_000;
const OUTBOX_BYTES: usize = 8 << 20;
const PAGE: usize = 5_000;

/// What the engines of one process have in common.
#[derive(Debug)]
pub struct Shared {
    pub reader: Reader,
    pub tail: Tail,
    pub hub: HubHandle,
    pub metrics: Arc<Metrics>,
    /// How many series they follow together.
    pub series: Cell<usize>,
    pub waiting: Waiting,
}

#[derive(Debug)]
pub struct Join {
    pub scoped: Scoped,
    pub since: Option<Micros>,
    pub updates: Sender,
}

type Matching = LocalBoxFuture<'static, (GroupId, Result<Vec<Matched>, ReadError>)>;

pub struct Engine {
    shared: Rc<Shared>,
    joins: mpsc::Receiver<Join>,
    matching: FuturesUnordered<Matching>,
    subscription: Option<Subscription>,
    /// Everything below was added, or came before the first subscriber.
    positions: Option<Positions>,
    audience: Audience,
    windows: Windows,
    step: Step,
    /// How many reads are due in this turn.
    due: usize,
    chunk: usize,
    /// Reads in a row that ran into the statement time-out.
    timeouts: u32,
    not_before: Instant,
}

impl Engine {
    pub fn new(shared: Rc<Shared>, step: Step, joins: mpsc::Receiver<Join>) -> Self {
        Self {
            shared,
            joins,
            matching: FuturesUnordered::new(),
            subscription: None,
            positions: None,
            audience: Audience::default(),
            windows: Windows::new(step),
            step,
            due: 0,
            chunk: 64,
            timeouts: 0,
            not_before: Instant::now(),
        }
    }

    /// Ends when the last subscriber has gone.
    pub async fn run(mut self) {
        let mut turn = interval(TURN);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.reconnect().await;
        loop {
            let room = self.windows.unread() < UNREAD_MAX;
            tokio::select! {
                Some(join) = self.joins.recv() => self.join(join),
                Some((group, found)) = self.matching.next() => self.matched(group, found),
                delivery = next(&mut self.subscription), if room => match delivery {
                    Ok(Delivery { selected, ranges, .. }) => {
                        self.take(&selected.page.stored, selected.points(), &ranges);
                    }
                    Err(end) => {
                        // An epoch that ended may have left rows that no delivery announces.
                        if end == live::End::Gap {
                            self.windows.distrust();
                        }
                        self.reconnect().await;
                    }
                },
                () = std::future::ready(()), if self.due > 0 => self.read().await,
                _ = turn.tick() => {
                    if self.turn() {
                        return;
                    }
                }
            }
        }
    }

    fn join(&mut self, join: Join) {
        let Some((group, scoped)) = self.audience.join(join.scoped, join.since, join.updates) else {
            return;
        };
        let reader = self.shared.reader.clone();
        self.matching
            .push(Box::pin(async move { (group, reader.matching(&scoped).await) }));
    }

    fn matched(&mut self, group: GroupId, found: Result<Vec<Matched>, ReadError>) {
        match found {
            Ok(found) => {
                self.audience.matched(group, &found);
                for series in &found {
                    self.follow(series);
                }
                self.due = self.windows.unread();
                self.audience.open(&self.windows);
            }
            Err(ReadError::TooManySeries { .. }) => self.audience.end_group(group, End::TooManySeries),
            Err(error) => {
                tracing::warn!(%error, "cannot read the series of an aggregate");
                self.audience.end_group(group, End::Unavailable);
            }
        }
    }

    fn follow(&mut self, series: &Matched) {
        if !self.windows.follow(series) {
            return;
        }
        let count = &self.shared.series;
        count.set(count.get() + 1);
        if count.get() > SERIES_MAX {
            self.audience.end_series(series.id, End::TooManySeries);
        }
    }

    fn take<'a>(&mut self, stored: &Stored, points: impl Iterator<Item = &'a StoredPoint>, ranges: &[Range]) {
        let mut wanted = Vec::with_capacity(stored.series.len());
        for series in &stored.series {
            let wants = self.audience.wants(series);
            if let Wanted::New(series) = &wants {
                self.follow(series);
            }
            wanted.push((wants != Wanted::No).then_some(series.id));
        }
        for point in points {
            if let Some(id) = wanted[point.series as usize] {
                self.windows.add(id, point);
            }
        }
        let positions = self.positions.take().unwrap_or_default();
        self.positions = Some(advanced(positions, ranges));
    }

    /// Hands out what changed; true when nobody is left.
    fn turn(&mut self) -> bool {
        let before = self.windows.len();
        for id in self.audience.sweep() {
            self.windows.forget(id);
        }
        let count = &self.shared.series;
        count.set(count.get() - (before - self.windows.len()));
        self.hand_out();
        self.audience.open(&self.windows);
        if self.due == 0 && Instant::now() >= self.not_before {
            self.due = self.windows.unread();
        }
        self.audience.is_empty() && self.joins.is_empty()
    }

    fn hand_out(&mut self) {
        let changed = self.windows.take_changed();
        self.shared.metrics.window_updates.inc_by(changed.len() as u64);
        self.audience.deliver(&changed);
        self.audience.relieve(&self.shared.waiting);
    }

    /// Reads one chunk of what is due.
    async fn read(&mut self) {
        sleep_until(self.not_before).await;
        let reading = self.windows.reading(self.chunk);
        let many = reading.newest_of.len() + reading.windows.len();
        let began = Instant::now();
        let shared = Rc::clone(&self.shared);
        let found = shared
            .reader
            .windows(self.step, &reading.newest_of, &reading.windows)
            .await;
        let timed_out = matches!(found, Err(ReadError::Timeout));
        self.timeouts = if timed_out { self.timeouts + 1 } else { 0 };
        match found {
            Ok((as_of, found)) => {
                self.due = self.due.saturating_sub(many);
                shared.metrics.window_reads.inc_by(found.len() as u64);
                self.windows.install(&reading, as_of, found);
                self.hand_out();
                self.audience.open(&self.windows);
                self.chunk = match began.elapsed() < QUICK {
                    true => (self.chunk * 2).min(CHUNK_MAX),
                    false => (self.chunk / 2).max(1),
                };
            }
            Err(error) => {
                if many == 1 && self.timeouts >= TIMEOUTS {
                    tracing::warn!(?reading, "reading a window takes too long; its subscriptions end");
                    let windows = reading.windows.iter().map(|(series, _)| series);
                    for series in reading.newest_of.iter().chain(windows) {
                        self.audience.end_series(series.id, End::TooLong);
                    }
                } else {
                    tracing::warn!(%error, "cannot read windows; retrying");
                }
                self.chunk = (self.chunk / 8).max(1);
                self.due = 0;
                self.not_before = Instant::now() + PAUSE;
            }
        }
    }

    /// Subscribes to everything for all of its groups, and reads what was published meanwhile.
    async fn reconnect(&mut self) {
        self.subscription = None;
        loop {
            let options = Options {
                limit: OUTBOX_BYTES,
                ..Options::default()
            };
            let everything = Viewer::operator().select(Selector::default());
            match self.shared.hub.subscribe(None, everything, Some(options)).await {
                Ok(subscription) => {
                    let live_from = Arc::clone(&subscription.live_from);
                    self.subscription = Some(subscription);
                    return self.catch_up(&live_from.positions).await;
                }
                // The hub tells each subscriber in its turn.
                Err(SubscribeError::GoingAway) => return,
                Err(SubscribeError::Unavailable | SubscribeError::Full(_)) => sleep(PAUSE).await,
            }
        }
    }

    async fn catch_up(&mut self, live_from: &Positions) {
        if self.positions.is_none() {
            self.positions = Some(live_from.clone());
            return;
        }
        let mut names = Names::default();
        loop {
            match self.page(live_from, &mut names).await {
                Ok(Some(stored)) => self.take(&stored, stored.points.iter(), &stored.ranges),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "cannot read points for aggregates; retrying");
                    sleep(PAUSE).await;
                }
            }
            while self.windows.unread() >= UNREAD_MAX {
                self.read().await;
            }
        }
    }

    async fn page(&self, live_from: &Positions, names: &mut Names) -> Result<Option<Stored>, TailError> {
        let from = self.positions.clone().unwrap_or_default();
        let want = Want {
            only: None,
            rows: PAGE,
        };
        self.shared.tail.page(&from, live_from, want, names).await
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let count = &self.shared.series;
        count.set(count.get() - self.windows.len());
    }
}

async fn next(subscription: &mut Option<Subscription>) -> Result<Delivery, live::End> {
    match subscription {
        Some(subscription) => subscription.receiver.next().await,
        None => pending().await,
    }
}
