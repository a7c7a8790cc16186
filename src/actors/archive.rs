//! What was committed and lies behind, read once for all who ask: thousands of subscribers who come
//! back at the same moment share the statements.
//!
//! Five lanes, each a task with one connection of its own, on a thread of their own. Whoever asks
//! while a statement runs waits, and what the waiting have in common is answered by the next one.
//! So load grows with what is asked for, not with how many ask. Where statements are long, clients
//! take turns, and nobody waits without end.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Arbiter;
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::histories::Chapter;
use self::lookups::Matching;
use self::pages::Leaf;
use crate::data::cursor::Backfill;
use crate::data::shares::Limits;
use crate::data::stored::Range;
use crate::data::{Class, ClientKey, Cursor, Mark, Micros, Scoped, Shares};
use crate::store::DatabaseUrl;
use crate::store::tail::{Horizon, Names, Tail, TailError};
use crate::telemetry::Metrics;

mod histories;
mod lookups;
mod pages;
mod rounds;

/// Questions that may wait to be looked at; whoever asks beyond waits with its own.
const WAITING_MAX: usize = 16_384;
/// How many of them may be of one client, and how long each waits for its answer.
const OPEN_EACH: usize = WAITING_MAX / 2;
const PATIENCE: Duration = Duration::from_secs(60);
/// Beyond this many series of a selector a page brings all there are.
pub const SERIES_MAX: usize = 20_000;
/// Backfills of the same span that begin within this time begin alike, so that they can share.
const BEGIN_ALIKE: Duration = Duration::from_secs(1);

/// Clones ask the same lanes.
#[derive(Clone, Debug)]
pub struct Archive {
    horizons: mpsc::Sender<Reply<Arc<Horizon>>>,
    series: mpsc::Sender<lookups::Question>,
    scans: mpsc::Sender<lookups::Question>,
    pages: mpsc::Sender<pages::Question>,
    histories: mpsc::Sender<histories::Question>,
    begun: Arc<Mutex<Begun>>,
    /// Who asks, and what is asked at once.
    client: ClientKey,
    open: Arc<Shares>,
}

/// Where the backfills of each span began last, and when.
type Begun = HashMap<Duration, (Instant, Arc<Mark>)>;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Postgres did not answer; the lane has logged why.
    #[error("postgres is unavailable")]
    Away,
    /// Too many ask.
    #[error("too many subscribers are catching up at once")]
    Overloaded,
}

type Reply<A> = oneshot::Sender<Result<A, Unanswered>>;

/// What every lane works with.
struct Desk {
    tail: Tail,
    metrics: Arc<Metrics>,
}

impl Archive {
    /// Starts the lanes; they end with the last handle.
    pub fn start(url: &DatabaseUrl, metrics: &Arc<Metrics>) -> Self {
        let desk = || Desk {
            tail: Tail::new(url.clone(), 1),
            metrics: Arc::clone(metrics),
        };
        let (horizons, stands) = mpsc::channel(WAITING_MAX);
        let (series, looked_up) = mpsc::channel(WAITING_MAX);
        let (scans, scanned) = mpsc::channel(WAITING_MAX);
        let for_scans = scans.clone();
        let (pages, turned) = mpsc::channel(WAITING_MAX);
        let (histories, told) = mpsc::channel(WAITING_MAX);
        let desks = [desk(), desk(), desk(), desk(), desk()];
        Arbiter::new().spawn_fn(move || {
            actix::spawn(async move {
                let [a, b, c, d, e] = &desks;
                tokio::join!(
                    lane("horizon", stands, async |asked| lookups::horizons(a, asked).await),
                    async {
                        let scans = for_scans;
                        lane("series", looked_up, async |asked| {
                            lookups::series(b, asked, &scans).await;
                        })
                        .await;
                    },
                    lane("scan", scanned, async |asked| lookups::scans(e, asked).await),
                    lane("page", turned, async |asked| pages::serve(c, asked).await),
                    lane("history", told, async |asked| histories::serve(d, asked).await),
                );
                Arbiter::current().stop();
            });
        });
        Self {
            horizons,
            series,
            scans,
            pages,
            histories,
            begun: Arc::default(),
            client: ClientKey::UNKNOWN,
            open: Shares::new(Limits {
                all: WAITING_MAX,
                each: OPEN_EACH,
                heavy: WAITING_MAX,
                heavy_each: WAITING_MAX,
                waiting: 0,
                waiting_each: 0,
                patience: Duration::ZERO,
            }),
        }
    }

    /// The same lanes, for the questions of one client.
    pub fn for_client(&self, client: ClientKey) -> Self {
        let mut own = self.clone();
        own.client = client;
        own
    }

    /// The current epochs and their gaps, by a statement that began after this call.
    pub async fn horizon(&self) -> Result<Arc<Horizon>, Unanswered> {
        self.ask(&self.horizons, |reply| reply).await
    }

    /// Every series that is selected, by a statement that began after this call; `None`:
    /// more than [`SERIES_MAX`].
    pub async fn matching(&self, scoped: &Scoped) -> Result<Matching, Unanswered> {
        let lane = match scoped.metric() {
            Some(_) => &self.series,
            None => &self.scans,
        };
        self.ask(lane, |reply| lookups::Question {
            scoped: scoped.clone(),
            client: self.client,
            reply,
        })
        .await
    }

    /// A page that has what was committed from `missing.from` on, with at least these series, and
    /// goes on for as long as it goes. `missing.to` must have been committed before the names were
    /// looked up. `None`: every series.
    pub async fn page(&self, missing: Range, names: Option<Arc<Names>>) -> Result<Arc<Leaf>, Unanswered> {
        let question = |reply| pages::Question::new(missing, names, self.client, reply);
        self.ask(&self.pages, question).await
    }

    /// What is stored of the series from `backfill` on, below the seam; `None` at the end.
    pub async fn history(
        &self,
        scoped: &Scoped,
        names: &Arc<Names>,
        at: &Cursor,
        backfill: &Backfill,
    ) -> Result<Option<Arc<Chapter>>, Unanswered> {
        self.ask(&self.histories, |reply| histories::Question {
            key: histories::Key {
                scoped: scoped.clone(),
                since: backfill.since,
                done: backfill.done,
                seam: at.positions.clone(),
            },
            names: Arc::clone(names),
            client: self.client,
            reply,
        })
        .await
    }

    /// Where a backfill of this span begins: its seam and its first point.
    pub async fn begin(&self, span: Duration) -> Result<Arc<Mark>, Unanswered> {
        if let Some(mark) = self.begun(span, None) {
            return Ok(mark);
        }
        let mark = Mark::new(Cursor {
            positions: self.horizon().await?.next_offsets(),
            backfill: Some(Backfill {
                since: Micros::now().minus(span),
                done: None,
            }),
        });
        // Someone else's, if it came first.
        Ok(self.begun(span, Some(&mark)).unwrap_or(mark))
    }

    async fn ask<Q, A>(
        &self,
        lane: &mpsc::Sender<Q>,
        question: impl FnOnce(Reply<A>) -> Q,
    ) -> Result<A, Unanswered> {
        let open = self.open.turn(self.client, Class::Heavy).await;
        let _open = open.map_err(|_| Unanswered::Overloaded)?;
        let answer = tokio::time::timeout(PATIENCE, ask(lane, question)).await;
        answer.map_err(|_| Unanswered::Overloaded)?
    }

    fn begun(&self, span: Duration, new: Option<&Arc<Mark>>) -> Option<Arc<Mark>> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|_, (since, _)| since.elapsed() < BEGIN_ALIKE);
        if let Some(new) = new {
            begun.entry(span).or_insert((Instant::now(), Arc::clone(new)));
        }
        begun.get(&span).map(|(_, mark)| Arc::clone(mark))
    }
}

impl Desk {
    fn count(&self, kind: &'static str) {
        self.metrics
            .add(&self.metrics.catch_up_reads, &[("kind", kind)], 1);
    }
}

/// Serves until nobody can ask any more. A mistake of ours costs those who waited then an answer, not
/// everybody for as long as this process lives.
async fn lane<Q>(name: &str, mut asked: mpsc::Receiver<Q>, serve: impl AsyncFn(&mut mpsc::Receiver<Q>)) {
    while AssertUnwindSafe(serve(&mut asked)).catch_unwind().await.is_err() {
        tracing::error!(lane = name, "a catch-up lane failed and restarts");
    }
}

async fn ask<Q, A>(lane: &mpsc::Sender<Q>, question: impl FnOnce(Reply<A>) -> Q) -> Result<A, Unanswered> {
    let (reply, answer) = oneshot::channel();
    lane.send(question(reply)).await.map_err(|_| Unanswered::Away)?;
    answer.await.map_err(|_| Unanswered::Away)?
}

/// Logged here, once for all who asked.
fn away(error: &TailError) -> Unanswered {
    tracing::warn!(%error, "cannot read from postgres for subscribers that catch up");
    Unanswered::Away
}

#[cfg(test)]
mod tests;
