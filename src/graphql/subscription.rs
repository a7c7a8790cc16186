//! `subscription { points }`: points as they are committed.

use async_graphql::{Context, Enum, Object, Result, Subscription};
use futures_util::stream::{self, Stream, StreamExt};

use super::direct;
use super::errors::Code;
use super::scalars::{Cursor, DateTime, Duration, Long};
use super::selector::SeriesSelector;
use super::services::{feeds, viewer};
use super::types::Series;
use crate::data::{Problem, Seal, StoredPoint, StoredSeries};
use crate::feed::{Batch, Request, Start};
use crate::live::{Fold, Overflow};

#[derive(Clone, Copy, Debug, Default)]
pub struct Subscription;

/// What happens when a subscriber does not keep up and its outbox overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(remote = "Overflow")]
pub enum OverflowPolicy {
    /// The subscription ends with its last cursor, the error `SLOW_CLIENT` and WebSocket close code
    /// 1013.
    #[default]
    Close,
    /// Until it has caught up, it gets one point per series, chosen by `fold`.
    Conflate,
}

/// Which point represents several points of one series. A point with the time of an earlier one is
/// a correction and replaces its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(name = "Fold", remote = "Fold")]
pub enum FoldPolicy {
    /// The point with the latest time.
    #[default]
    Newest,
    /// The smallest value; the newest of equal ones.
    Min,
    /// The largest value; the newest of equal ones.
    Max,
    /// The mean of all values, at the latest time.
    Mean,
}

// The root that `api` merges has the name.
#[Subscription(name = "Points")]
impl Subscription {
    /// Points in commit order. The first message is empty and carries the cursor; so does one every
    /// 15 s while there are no points. `after` starts with everything since that cursor, without
    /// gap or duplicate, or fails with `RESUME_GAP`; `backfill` starts with the stored points of
    /// that span. `every` (10ms to 1h) keeps one point per series in that time: of live points by
    /// the clock, with at most one batch; of stored points by their own times, within each batch.
    /// `fold` selects the point.
    #[allow(clippy::too_many_arguments, reason = "they are those of the field")]
    async fn points(
        &self,
        ctx: &Context<'_>,
        selector: SeriesSelector,
        after: Option<Cursor>,
        backfill: Option<Duration>,
        every: Option<Duration>,
        // Nullable, so that a client may leave the variable undefined.
        #[graphql(default_with = "Some(FoldPolicy::Newest)")] fold: Option<FoldPolicy>,
        #[graphql(default_with = "Some(OverflowPolicy::Close)")] on_overflow: Option<OverflowPolicy>,
    ) -> Result<impl Stream<Item = Result<PointBatch>>> {
        let seal = viewer(ctx)?.seal().clone();
        let after = after.map(|Cursor(text)| seal.read(&text)).transpose();
        let after =
            after.map_err(|why| Code::BadUserInput.error(format!("Failed to parse \"Cursor\": {why}")))?;
        let request = Request {
            seal: seal.clone(),
            start: Start::of(after, backfill.map(|Duration(span)| span)).map_err(Problem::from)?,
            scoped: selector.scoped_live(ctx)?,
            every: every.map(|Duration(span)| span),
            fold: fold.unwrap_or_default().into(),
            overflow: on_overflow.unwrap_or_default().into(),
        };
        let feeds = feeds(ctx)?;
        let batches = feeds.open(request).await.map_err(Problem::from)?;
        Ok(
            match direct::hand_over(ctx, &feeds.shapes, &seal, batches.boxed()) {
                Some(batches) => batches
                    .map(move |batch| Ok(PointBatch::new(batch.map_err(Problem::from)?, &seal)))
                    .boxed(),
                None => stream::empty().boxed(),
            },
        )
    }
}

/// Points that were committed, and where the subscriber stands after them.
#[derive(Clone, Debug)]
pub struct PointBatch {
    batch: Batch,
    seal: Seal,
}

impl PointBatch {
    /// `seal`: of the one who gets it.
    pub fn new(batch: Batch, seal: &Seal) -> Self {
        let seal = seal.clone();
        Self { batch, seal }
    }
}

#[Object]
impl PointBatch {
    /// For `after`: continues right after this batch.
    async fn cursor(&self) -> Cursor {
        Cursor(self.seal.text(&self.batch.cursor))
    }

    async fn points(&self) -> Vec<LivePoint> {
        let selected = &self.batch.selected;
        let live = |(nth, point): (usize, &StoredPoint)| LivePoint {
            series: selected.series(point).clone(),
            point: *point,
            folded: selected.folded.get(nth).copied().unwrap_or(0),
        };
        selected.points().enumerate().map(live).collect()
    }

    /// Whether these are stored points that `backfill` asked for. Once false it stays false: all of them
    /// have been sent.
    async fn backfill(&self) -> bool {
        self.batch.is_backfill()
    }

    /// How many other points these represent: the sum of their `folded`.
    async fn conflated(&self) -> Long {
        Long(self.batch.selected.conflated.cast_signed())
    }
}

/// A committed point.
#[derive(Clone, Debug)]
pub struct LivePoint {
    series: StoredSeries,
    point: StoredPoint,
    folded: u64,
}

#[Object]
impl LivePoint {
    async fn series(&self) -> Series {
        Series(self.series.clone())
    }

    /// The key of its series.
    async fn key(&self) -> &str {
        &self.series.series.key
    }

    async fn ts(&self) -> DateTime {
        DateTime(self.point.ts)
    }

    async fn value(&self) -> f64 {
        self.point.value
    }

    /// How many other points of its series this point represents, including corrected ones. Only
    /// `every` and `CONFLATE` make it more than 0.
    async fn folded(&self) -> Long {
        Long(self.folded.cast_signed())
    }
}
