//! `subscription { aggregates }`: windows of time as they fill, each equal to `history`.

use std::time::Duration as Span;

use async_graphql::{Context, Error, Result, SimpleObject, Subscription};
use futures_util::Stream;
use futures_util::stream::try_unfold;

use super::errors::{Code, overloaded, read_error};
use super::scalars::{DateTime, Duration, Long};
use super::selector::SeriesSelector;
use super::services::{client, reader, services};
use super::types::{Aggregate, Series};
use crate::actors::aggregates::{AggregatesHandle, Request};
use crate::data::{self, Bucket, Micros, Problem, Step};
use crate::feed::request::check_every;
use crate::live::windows::{End, Updates, Window};

#[derive(Clone, Copy, Debug, Default)]
pub struct Aggregates;

#[Subscription]
impl Aggregates {
    /// Aggregates over windows of event time, equal to those of `history` with `window` as its
    /// `step`. The first message has the current window of each matching series; later ones have
    /// each window that changed, also a closed one after a late point or a correction. A slow
    /// subscriber gets only the newest state of a window. To resume, subscribe again with
    /// `backfill`.
    async fn aggregates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which series.")] selector: SeriesSelector,
        #[graphql(desc = "The length of a window, up to 100 years; windows are aligned to \
                          1970-01-01T00:00Z.")]
        window: Duration,
        #[graphql(desc = "What to compute for each window; the first is also `value`.")] aggregate: Vec<
            Aggregate,
        >,
        #[graphql(desc = "Start with all windows of this span.")] backfill: Option<Duration>,
        #[graphql(desc = "At most one message in this time (10ms to 1h); 100ms if omitted or shorter.")]
        every: Option<Duration>,
    ) -> Result<impl Stream<Item = Result<AggregateBatch>>> {
        if aggregate.is_empty() {
            return Err(Code::BadUserInput.error("aggregate must name at least one"));
        }
        if let Some(other) = aggregate.iter().find(|aggregate| live(**aggregate).is_none()) {
            let name = data::Aggregate::from(*other);
            let why = format!("live windows have no {name}; ask history for it");
            return Err(Code::BadUserInput.error(why));
        }
        let step =
            Step::new(window.0).ok_or_else(|| Code::BadUserInput.error("window must be 1us to 100 years"))?;
        check_every(every.map(|Duration(span)| span)).map_err(Problem::from)?;
        // The first whole window there can be.
        let oldest = step.end(Micros::FIRST);
        let since = backfill.map(|Duration(span)| step.bucket(Micros::now().minus(span).max(oldest)));
        let request = Request {
            client: client(ctx),
            scoped: selector.scoped_live(ctx)?,
            window: step,
            since,
            every: every.map_or(Span::ZERO, |Duration(every)| every),
        };
        // Postgres may not have been migrated yet.
        let reader = reader(ctx)?;
        let handle = ctx
            .data::<AggregatesHandle>()
            .map_err(|_| Code::Internal.error("the schema was built without aggregates"))?;
        let windows = handle.subscribe(request).await;
        if matches!(windows, Err(End::TooManyLengths)) {
            services(ctx)?.metrics.over_limit("window_lengths");
        }
        let windows = windows.map_err(error)?;
        if let Some(since) = since {
            // Read after subscribing, so that all later changes come as updates.
            let series = windows.series();
            let older = reader.buckets(&series, since, Micros::LAST, step).await;
            windows.fill(older.map_err(read_error)?);
        }
        Ok(try_unfold(windows, move |mut windows| {
            let aggregate = aggregate.clone();
            async move {
                let updates = windows.next().await.map_err(error)?;
                Ok(Some((AggregateBatch::of(&updates, &aggregate), windows)))
            }
        }))
    }
}

/// Windows that changed.
#[derive(Clone, Debug, SimpleObject)]
pub struct AggregateBatch {
    /// The windows of one series in time order, each in its current state.
    windows: Vec<AggregateWindow>,
    /// How many earlier states of these windows were skipped because the window changed again
    /// before they were sent.
    conflated: Long,
}

/// The current state of one window of one series. Aggregates that were not requested are null.
#[derive(Clone, Debug, SimpleObject)]
pub struct AggregateWindow {
    series: Series,
    /// The series has a point after the end of this window. A late point may still change the
    /// window.
    closed: bool,
    /// How many points the window has so far.
    points: Long,
    /// The start of the window.
    ts: DateTime,
    /// The first requested aggregate. Null if a double cannot hold it.
    value: Option<f64>,
    avg: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    sum: Option<f64>,
    count: Option<Long>,
    first: Option<f64>,
    last: Option<f64>,
}

impl AggregateBatch {
    fn of(updates: &Updates, aggregates: &[Aggregate]) -> Self {
        let windows = updates.windows.iter();
        Self {
            windows: windows.map(|w| AggregateWindow::of(w, aggregates)).collect(),
            conflated: Long(updates.conflated.cast_signed()),
        }
    }
}

impl AggregateWindow {
    fn of(window: &Window, aggregates: &[Aggregate]) -> Self {
        let bucket = &window.bucket;
        let asked = |aggregate| {
            aggregates
                .contains(&aggregate)
                .then(|| value(bucket, aggregate))?
        };
        Self {
            series: Series(window.series.clone().into()),
            closed: window.closed,
            points: Long(bucket.count),
            // As in `history`: no time is before the first possible one.
            ts: DateTime(bucket.ts.max(Micros::FIRST)),
            value: aggregates.first().and_then(|main| value(bucket, *main)),
            avg: asked(Aggregate::Avg),
            min: asked(Aggregate::Min),
            max: asked(Aggregate::Max),
            sum: asked(Aggregate::Sum),
            count: aggregates
                .contains(&Aggregate::Count)
                .then_some(Long(bucket.count)),
            first: asked(Aggregate::First),
            last: asked(Aggregate::Last),
        }
    }
}

fn value(bucket: &Bucket, aggregate: Aggregate) -> Option<f64> {
    live(aggregate)?(bucket)
}

/// How to compute it from the state of a window; `None` if live windows do not have it.
fn live(aggregate: Aggregate) -> Option<fn(&Bucket) -> Option<f64>> {
    Some(match aggregate {
        Aggregate::Avg => Bucket::avg,
        Aggregate::Min => |bucket| Some(bucket.min),
        Aggregate::Max => |bucket| Some(bucket.max),
        Aggregate::Sum => |bucket| bucket.sum?.total(),
        // Exact up to 2^53.
        Aggregate::Count => |bucket| Some(bucket.count as f64),
        Aggregate::First => |bucket| bucket.first,
        Aggregate::Last => |bucket| bucket.last,
        Aggregate::Stddev | Aggregate::Rate | Aggregate::Increase | Aggregate::Delta => return None,
    })
}

fn error(end: End) -> Error {
    let code = match end {
        End::TooManyLengths | End::Overloaded => return overloaded(&end.to_string()),
        End::Overflow => Code::SlowClient,
        End::TooManySeries => Code::TooManyRows,
        End::TooLong => Code::QueryTimeout,
        End::Unavailable => Code::Unavailable,
        End::GoingAway => Code::GoingAway,
    };
    code.error(end.to_string())
}
