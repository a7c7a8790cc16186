//! `subscription { points }`: what is committed, as it is committed.

use std::time::Duration as Span;

use async_graphql::{Context, Enum, Object, Result, Subscription};
use futures_util::stream::{self, Stream, StreamExt};

use super::direct;
use super::errors::Code;
use super::feed::{self, Batch, Request, Start};
use super::scalars::{Cursor, DateTime, Duration, Long};
use super::selector::SeriesSelector;
use super::services::services;
use super::types::Series;
use crate::actors::archive::Archive;
use crate::actors::hub::HubHandle;
use crate::data::{self, StoredPoint, StoredSeries};
use crate::live::Overflow;

#[derive(Clone, Copy, Debug, Default)]
pub struct Subscription;

/// What happens to a subscriber that does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub enum OverflowPolicy {
    /// It gets its last cursor, the error `SLOW_CLIENT`, and WebSocket close 1013.
    #[default]
    Close,
    /// Until it has caught up it gets only the newest point of each series; `conflated` counts the
    /// others.
    Conflate,
}

#[Subscription]
impl Subscription {
    /// Points in the order they were committed. The first message is empty and carries the cursor;
    /// so does one every 15 s while nothing comes. With `after` everything since that cursor comes
    /// first, without gap or duplicate, or the error `RESUME_GAP`; with `backfill` what is stored of
    /// that span. `every` leaves the newest point of each series in that time.
    async fn points(
        &self,
        ctx: &Context<'_>,
        selector: SeriesSelector,
        after: Option<Cursor>,
        backfill: Option<Duration>,
        every: Option<Duration>,
        // Nullable, so that a client may leave the variable undefined.
        #[graphql(default_with = "Some(OverflowPolicy::Close)")] on_overflow: Option<OverflowPolicy>,
    ) -> Result<impl Stream<Item = Result<PointBatch>>> {
        let start = match (after, backfill) {
            (None, None) => Start::Now,
            (Some(Cursor(cursor)), None) => Start::After(cursor),
            (None, Some(Duration(span))) => Start::Backfill(span),
            (Some(_), Some(_)) => {
                return Err(Code::BadUserInput.error("give either after or backfill"));
            }
        };
        let request = Request {
            selector: selector.into_selector()?,
            start,
            every: every.map(|Duration(span)| span.max(Span::from_millis(1))),
            overflow: match on_overflow.unwrap_or_default() {
                OverflowPolicy::Close => Overflow::Close,
                OverflowPolicy::Conflate => Overflow::Conflate,
            },
            outbox_bytes: services(ctx)?.outbox_bytes,
        };
        let hub = ctx.data::<HubHandle>().map_err(|_| missing("hub"))?;
        let archive = ctx.data::<Archive>().map_err(|_| missing("archive"))?;
        let batches = feed::open(hub.clone(), archive.clone(), request).await?;
        Ok(match direct::hand_over(ctx, batches.boxed()) {
            Some(batches) => batches.map(|batch| batch.map(PointBatch)).boxed(),
            None => stream::empty().boxed(),
        })
    }
}

/// Points that were committed, and where the subscriber stands after them.
#[derive(Clone, Debug)]
pub struct PointBatch(Batch);

impl From<Batch> for PointBatch {
    fn from(batch: Batch) -> Self {
        Self(batch)
    }
}

#[Object]
impl PointBatch {
    /// For `after`: continues right behind this batch.
    async fn cursor(&self) -> Cursor {
        Cursor(data::Cursor::clone(&self.0.cursor))
    }

    async fn points(&self) -> Vec<LivePoint> {
        let live = |point: &StoredPoint| LivePoint {
            series: self.0.pick.series(point).clone(),
            point: *point,
        };
        self.0.pick.points().map(live).collect()
    }

    /// How many older points were left out before these.
    async fn conflated(&self) -> Long {
        Long(self.0.conflated.cast_signed())
    }
}

/// A committed point.
#[derive(Clone, Debug)]
pub struct LivePoint {
    series: StoredSeries,
    point: StoredPoint,
}

#[Object]
impl LivePoint {
    async fn series(&self) -> Series {
        Series(self.series.clone())
    }

    async fn ts(&self) -> DateTime {
        DateTime(self.point.ts)
    }

    async fn value(&self) -> f64 {
        self.point.value
    }
}

fn missing(what: &str) -> async_graphql::Error {
    Code::Internal.error(format!("the schema was built without a {what}"))
}
