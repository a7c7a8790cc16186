//! What was committed and lies behind, read once for all who ask: thousands of subscribers who come
//! back at the same moment share the statements.
//!
//! Three lanes, each a task with one connection of its own, on a thread of their own. Whoever asks
//! while a statement runs waits, and what the waiting have in common is answered by the next one.
//! So load grows with what is asked for, not with how many ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Arbiter;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::histories::Chapter;
use self::lookups::Lookup;
use self::pages::Leaf;
use crate::data::cursor::Backfill;
use crate::data::stored::Range;
use crate::data::{Cursor, Mark, Micros, Selector};
use crate::store::DatabaseUrl;
use crate::store::tail::{Horizon, Names, Tail, TailError};
use crate::telemetry::Metrics;

mod histories;
mod lookups;
mod pages;

/// Questions that may wait to be looked at; whoever asks beyond waits with its own.
const WAITING_MAX: usize = 16_384;
/// Backfills of the same span that begin within this time begin alike, so that they can share.
const BEGIN_ALIKE: Duration = Duration::from_secs(1);

/// Clones ask the same lanes.
#[derive(Clone, Debug)]
pub struct Archive {
    lookups: mpsc::Sender<Lookup>,
    pages: mpsc::Sender<pages::Question>,
    histories: mpsc::Sender<histories::Question>,
    begun: Arc<Mutex<Begun>>,
}

/// Where the backfills of each span began last, and when.
type Begun = HashMap<Duration, (Instant, Arc<Mark>)>;

/// Postgres did not answer; the lane has logged why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("postgres is away")]
pub struct Away;

type Reply<A> = oneshot::Sender<Result<A, Away>>;

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
        let (lookups, looked_up) = mpsc::channel(WAITING_MAX);
        let (pages, turned) = mpsc::channel(WAITING_MAX);
        let (histories, told) = mpsc::channel(WAITING_MAX);
        let lanes = (
            lookups::serve(desk(), looked_up),
            pages::serve(desk(), turned),
            histories::serve(desk(), told),
        );
        Arbiter::new().spawn(async move {
            tokio::join!(lanes.0, lanes.1, lanes.2);
            Arbiter::current().stop();
        });
        Self {
            lookups,
            pages,
            histories,
            begun: Arc::default(),
        }
    }

    /// The current epochs and their gaps, by a statement that began after this call.
    pub async fn horizon(&self) -> Result<Arc<Horizon>, Away> {
        ask(&self.lookups, Lookup::Horizon).await
    }

    /// Every series that the selector selects, by a statement that began after this call.
    pub async fn matching(&self, selector: &Selector) -> Result<Arc<Names>, Away> {
        ask(&self.lookups, |reply| Lookup::Matching(selector.clone(), reply)).await
    }

    /// A page that has what was committed from `missing.from` on, with at least these series, and
    /// goes on for as long as it goes. `missing.to` must have been committed before the names were
    /// looked up. `None`: every series.
    pub async fn page(&self, missing: Range, names: Option<Arc<Names>>) -> Result<Arc<Leaf>, Away> {
        ask(&self.pages, |reply| pages::Question::new(missing, names, reply)).await
    }

    /// What is stored of the series from `backfill` on, below the seam; `None` at the end.
    pub async fn history(
        &self,
        selector: &Selector,
        names: &Arc<Names>,
        at: &Cursor,
        backfill: &Backfill,
    ) -> Result<Option<Arc<Chapter>>, Away> {
        ask(&self.histories, |reply| histories::Question {
            key: histories::Key {
                selector: selector.clone(),
                since: backfill.since,
                done: backfill.done,
                seam: at.positions.clone(),
            },
            names: Arc::clone(names),
            reply,
        })
        .await
    }

    /// Where a backfill of this span begins: its seam and its first point.
    pub async fn begin(&self, span: Duration) -> Result<Arc<Mark>, Away> {
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

async fn ask<Q, A>(lane: &mpsc::Sender<Q>, question: impl FnOnce(Reply<A>) -> Q) -> Result<A, Away> {
    let (reply, answer) = oneshot::channel();
    lane.send(question(reply)).await.map_err(|_| Away)?;
    answer.await.map_err(|_| Away)?
}

/// Logged here, once for all who asked.
fn away(error: &TailError) -> Away {
    tracing::warn!(%error, "subscribers could not read from postgres");
    Away
}
