//! Reads committed points for subscribers that are behind, once for all who ask: thousands that come
//! back at the same moment share the statements.
//!
//! There are five lanes on a thread of their own. Each is a task with one connection. Questions that
//! come while a statement runs wait, and the next statement answers what they have in common. So load
//! grows with what is asked for, not with how many ask. Where statements are long, clients take turns,
//! and no wait is without a limit.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::backfills::BackfillPage;
use self::lane::{LaneContext, Question, WAITING_MAX, lane};
use self::lookups::{Lookup, Matching};
use self::pages::CatchUpPage;
use super::error::FeedError;
use crate::data::cursor::Backfill;
use crate::data::shares::Limits;
use crate::data::stored::Range;
use crate::data::{Class, ClientKey, Cursor, Micros, Scoped, SharedCursor, Shares};
use crate::store::DatabaseUrl;
use crate::store::tail::{Horizon, Names, Tail};
use crate::telemetry::Metrics;

mod backfills;
mod lane;
mod lookups;
mod pages;
mod rounds;
#[cfg(test)]
mod tests;

pub use self::lane::SERIES_MAX;

/// Each asks Postgres one thing at a time.
const LANES: usize = 5;
/// How many questions one client may have, and how long each waits for its answer.
const OPEN_EACH: usize = WAITING_MAX / 2;
const PATIENCE: Duration = Duration::from_secs(60);
/// Backfills of the same span that begin within this time share their beginning, and so their pages.
const BEGIN_ALIKE: Duration = Duration::from_secs(1);

/// Clones ask the same lanes, each for its client.
#[derive(Clone, Debug)]
pub struct CatchUp {
    lanes: Arc<Lanes>,
    client: ClientKey,
}

#[derive(Debug)]
struct Lanes {
    horizons: mpsc::Sender<Question<(), Arc<Horizon>>>,
    series: mpsc::Sender<Lookup>,
    scans: mpsc::Sender<Lookup>,
    pages: mpsc::Sender<pages::Question>,
    backfills: mpsc::Sender<backfills::Question>,
    begun: Mutex<Begun>,
    /// Bounds the questions that wait.
    open: Arc<Shares>,
    metrics: Arc<Metrics>,
}

/// Where the backfills of each span began last, and when.
type Begun = HashMap<Duration, (Instant, Arc<SharedCursor>)>;

impl Lanes {
    fn refused(&self) -> FeedError {
        self.metrics.over_limit("catch_up");
        FeedError::Overloaded
    }
}

impl CatchUp {
    /// Starts the lanes; they end with the last handle.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(url: &DatabaseUrl, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let context = LaneContext {
            tail: Tail::new(url.clone(), LANES),
            metrics: Arc::clone(metrics),
        };
        let (horizons, horizon_asked) = mpsc::channel(WAITING_MAX);
        let (series, series_asked) = mpsc::channel(WAITING_MAX);
        let (scans, scan_asked) = mpsc::channel(WAITING_MAX);
        let (pages, page_asked) = mpsc::channel(WAITING_MAX);
        let (backfills, backfill_asked) = mpsc::channel(WAITING_MAX);
        let for_scans = scans.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let run = async move || {
            // It owns this sender: the lane of scans ends after that of series.
            let series = async move |lane: &LaneContext, asked: &mut mpsc::Receiver<Lookup>| {
                lookups::series(lane, asked, &for_scans).await;
            };
            tokio::join!(
                lane("horizon", &context, horizon_asked, lookups::horizons),
                lane("series", &context, series_asked, series),
                lane("scan", &context, scan_asked, lookups::scans),
                lane("page", &context, page_asked, pages::serve),
                lane("backfill", &context, backfill_asked, backfills::serve),
            );
        };
        let thread = thread::Builder::new().name("catch-up".to_owned());
        thread.spawn(move || runtime.block_on(run()))?;
        let lanes = Lanes {
            horizons,
            series,
            scans,
            pages,
            backfills,
            begun: Mutex::default(),
            open: Shares::new(Limits {
                all: WAITING_MAX,
                each: OPEN_EACH,
                heavy: WAITING_MAX,
                heavy_each: WAITING_MAX,
                waiting: 0,
                waiting_each: 0,
                patience: Duration::ZERO,
            }),
            metrics: Arc::clone(metrics),
        };
        Ok(Self {
            lanes: Arc::new(lanes),
            client: ClientKey::UNKNOWN,
        })
    }

    /// The same lanes, for the questions of one client.
    pub fn for_client(&self, client: ClientKey) -> Self {
        Self {
            lanes: Arc::clone(&self.lanes),
            client,
        }
    }

    /// The current epochs and their gaps, by a statement that began after this call.
    pub async fn horizon(&self) -> Result<Arc<Horizon>, FeedError> {
        self.ask(&self.lanes.horizons, (), None).await
    }

    /// Every series that is selected, by a statement that began after this call; `None`: more than
    /// [`SERIES_MAX`].
    pub async fn matching(&self, scoped: &Scoped) -> Result<Matching, FeedError> {
        let lane = match scoped.metric() {
            Some(_) => &self.lanes.series,
            None => &self.lanes.scans,
        };
        self.ask(lane, scoped.clone(), None).await
    }

    /// A page with what was committed from `missing.from` on, of at least these series. It may end
    /// before or after `missing.to`, which must have been committed before the names were looked up.
    /// `None`: every series.
    pub async fn page(
        &self,
        missing: Range,
        names: Option<Arc<Names>>,
    ) -> Result<Arc<CatchUpPage>, FeedError> {
        self.ask(&self.lanes.pages, missing, names).await
    }

    /// What is stored of the series from `backfill` on, before the positions of `at`; `None` at the
    /// end.
    pub async fn backfill(
        &self,
        scoped: &Scoped,
        names: &Arc<Names>,
        at: &Cursor,
        backfill: &Backfill,
    ) -> Result<Option<Arc<BackfillPage>>, FeedError> {
        let key = backfills::Key {
            scoped: scoped.clone(),
            since: backfill.since,
            done: backfill.done,
            before: at.positions.clone(),
        };
        let names = Some(Arc::clone(names));
        self.ask(&self.lanes.backfills, key, names).await
    }

    /// Where a backfill of this span begins: its first time, and the positions of live points.
    pub async fn begin(&self, span: Duration) -> Result<Arc<SharedCursor>, FeedError> {
        if let Some(begun) = self.begun(span, None) {
            return Ok(begun);
        }
        let new = SharedCursor::new(Cursor {
            positions: self.horizon().await?.next_offsets(),
            backfill: Some(Backfill {
                since: Micros::now().minus(span),
                done: None,
            }),
        });
        // Another one's, if that was first.
        Ok(self.begun(span, Some(&new)).unwrap_or(new))
    }

    async fn ask<K, A>(
        &self,
        lane: &mpsc::Sender<Question<K, A>>,
        key: K,
        names: Option<Arc<Names>>,
    ) -> Result<A, FeedError> {
        let client = self.client;
        let open = self.lanes.open.turn(client, Class::Heavy).await;
        let _open = open.map_err(|_| self.lanes.refused())?;
        let asked = async {
            let (reply, answer) = oneshot::channel();
            let question = Question {
                key,
                names,
                client,
                reply,
            };
            lane.send(question).await.ok()?;
            answer.await.ok()
        };
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        let answer = answer.map_err(|_| self.lanes.refused())?;
        answer.ok_or(FeedError::PostgresAway)?
    }

    fn begun(&self, span: Duration, new: Option<&Arc<SharedCursor>>) -> Option<Arc<SharedCursor>> {
        let mut begun = self.lanes.begun.lock();
        begun.retain(|_, (since, _)| since.elapsed() < BEGIN_ALIKE);
        if let Some(new) = new {
            begun.entry(span).or_insert((Instant::now(), Arc::clone(new)));
        }
        begun.get(&span).map(|(_, cursor)| Arc::clone(cursor))
    }
}
