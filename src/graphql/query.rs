//! Queries for points (the latest, history, page by page) and for the state of the pipeline.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::connection::{Connection, EmptyFields, OpaqueCursor};
use async_graphql::{Context, Error, Object, Result};

use super::connection::{check_key, connection, cursor};
use super::errors::{Code, read_error};
use super::limits;
use super::scalars::{DateTime, Step};
use super::selector::SeriesSelector;
use super::services::{Services, reader, services, viewer};
use super::types::{Across, Aggregate, Fill, LatestPoint, PipelineStatus, Point, Series, SeriesHistory};
use crate::cache::Latest;
use crate::data::{self, Matched, Micros, Problem, SeriesId};
use crate::history;
use crate::store::read::{self, PointKey, Reader};

#[derive(Clone, Copy, Debug, Default)]
pub struct Query;

type PointCursor = OpaqueCursor<(String, i64)>;

const UTC: &str = "UTC";

// The root that `api` merges has the name.
#[Object(name = "PointsQuery")]
impl Query {
    /// The newest point of each matching series, by key. Series without points are omitted.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn latest(&self, ctx: &Context<'_>, selector: SeriesSelector) -> Result<Vec<LatestPoint>> {
        let scoped = selector.scoped(ctx)?;
        let reader = reader(ctx)?;
        let series = reader.matching(&scoped).await.map_err(read_error)?;
        let newest = newest(services(ctx)?, &reader, &series).await?;
        let point = |series: Matched| {
            newest.get(&series.id).map(|point| LatestPoint {
                series: Series(series.into()),
                ts: DateTime(point.ts),
                value: point.value,
            })
        };
        Ok(series.into_iter().filter_map(point).collect())
    }

    /// The points of all matching series with `from <= ts < to`, or their aggregates over buckets
    /// of `step`. Series without points are omitted, and so are buckets without points unless they
    /// are filled. The answer is complete or the error `TOO_MANY_ROWS`, never truncated.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    #[allow(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which series.")] selector: SeriesSelector,
        #[graphql(desc = "The start of the span.")] from: DateTime,
        #[graphql(desc = "The end of the span, exclusive; now if omitted.")] to: Option<DateTime>,
        #[graphql(
            desc = "The length of a bucket. The first and the last bucket hold only points of the \
                    span. Stored points if omitted."
        )]
        step: Option<Step>,
        #[graphql(
            desc = "The time zone of steps of days and longer, such as `Europe/Berlin`.",
            default_with = "Some(UTC.to_owned())"
        )]
        time_zone: Option<String>,
        #[graphql(
            desc = "What to compute for each bucket; `[AVG]` if neither this nor `percentiles` is \
                    given. The first is also `value`. Needs `step` or `maxPoints`."
        )]
        aggregate: Option<Vec<Aggregate>>,
        #[graphql(
            desc = "Percentiles to compute for each bucket, 0 to 100, interpolated between the two \
                    nearest values."
        )]
        percentiles: Option<Vec<f64>>,
        #[graphql(
            desc = "Series with equal values of these labels become one line; `[]` makes one line of \
                    all. A missing label counts as the empty string. Needs buckets."
        )]
        group_by: Option<Vec<String>>,
        #[graphql(
            desc = "How the series of a group become one value.",
            default_with = "Some(Across::Avg)"
        )]
        across: Option<Across>,
        #[graphql(
            desc = "The value of buckets without points, after grouping.",
            default_with = "Some(Fill::None)"
        )]
        fill: Option<Fill>,
        #[graphql(desc = "With `fill: VALUE`.")] fill_value: Option<f64>,
        #[graphql(
            desc = "At most this many points per series (2 to 100000), chosen to keep the shape of the \
                    line and to stay stable while the span moves. With aggregates instead of `step`: \
                    the shortest round bucket width that gives no more buckets."
        )]
        max_points: Option<i32>,
    ) -> Result<Vec<SeriesHistory>> {
        let asked = aggregates(aggregate, percentiles);
        let step = step
            .map(|Step(text)| history::Step::parse(&text, time_zone.as_deref().unwrap_or(UTC)))
            .transpose()
            .map_err(told)?;
        // A negative number is out of range like 0.
        let most = max_points.map(|most| usize::try_from(most).unwrap_or_default());
        let question = history::Question {
            scoped: selector.scoped(ctx)?,
            from: from.0,
            to: to.map_or_else(Micros::now, |to| to.0),
            what: history::What::of(step, asked, most).map_err(told)?,
            group: group_by.map(|by| history::Group {
                by,
                across: across.unwrap_or(Across::Avg).into(),
            }),
            fill: fill.unwrap_or_default().with(fill_value)?,
        };
        let answer = history::answer(&reader(ctx)?, &question).await.map_err(told)?;
        let asked: Arc<[data::Aggregate]> = match question.what {
            history::What::Points { .. } => Arc::new([]),
            history::What::Buckets { aggregates, .. } => aggregates.into(),
        };
        let lines = answer.lines.into_iter();
        Ok(lines.map(|line| SeriesHistory::of(line, &asked)).collect())
    }

    /// The points of all matching series with `from <= ts < to`, page by page, by series key and
    /// time. Points that arrive meanwhile never duplicate or hide others.
    #[graphql(complexity = "limits::page_weight(first) * child_complexity")]
    async fn points(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which series.")] selector: SeriesSelector,
        #[graphql(desc = "The start of the span.")] from: DateTime,
        #[graphql(desc = "The end of the span, exclusive; now if omitted.")] to: Option<DateTime>,
        #[graphql(desc = "1 to 10000, 100 if omitted.")] first: Option<i32>,
        #[graphql(desc = "`endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<Connection<String, Point, EmptyFields, EmptyFields>> {
        let scoped = selector.scoped(ctx)?;
        let to = span(from, to)?;
        let first = limits::page(first, limits::PAGE_MAX)?;
        let seal = viewer(ctx)?.seal();
        let after = cursor::<PointCursor>(seal, after)?.map(|c| PointKey {
            series: c.0.0,
            ts: Micros(c.0.1),
        });
        check_key(after.as_ref().map(|key| key.series.as_str()))?;
        let page = reader(ctx)?
            .points(&scoped, from.0, to, after.as_ref(), first)
            .await
            .map_err(read_error)?;
        let cursor = |p: &read::PointRow| OpaqueCursor((p.series.series.key.to_string(), p.ts.0));
        let point = |p: read::PointRow| Point {
            series: Series(p.series),
            ts: DateTime(p.ts),
            value: p.value,
        };
        Ok(connection(seal, after.is_some(), page, cursor, point))
    }

    /// The state of the pipeline. Also answers while Postgres or Kafka is unavailable.
    async fn pipeline(&self, ctx: &Context<'_>) -> Result<PipelineStatus> {
        Ok(PipelineStatus::of(services(ctx)?, viewer(ctx)?))
    }
}

/// Reads the cache, and Postgres for what the cache lacks.
async fn newest(services: &Services, reader: &Reader, of: &[Matched]) -> Result<HashMap<SeriesId, Latest>> {
    let known = services.latest.lookup(of).await;
    let missing: HashSet<SeriesId> = known.missing.into_iter().collect();
    let missing = of.iter().filter(|series| missing.contains(&series.id));
    let missing: Vec<Matched> = missing.cloned().collect();
    let read = reader.latest(&missing).await.map_err(read_error)?;
    let read: Vec<Latest> = read.into_iter().map(entry).collect();
    let all = known.found.iter().chain(&read);
    let newest = all.map(|latest| (latest.series, *latest)).collect();
    if !read.is_empty() {
        services.latest.put_back(&known.epoch, read);
    }
    Ok(newest)
}

fn entry(point: read::LatestPoint) -> Latest {
    Latest {
        series: point.series_id,
        ts: point.ts,
        value: point.value,
        partition_id: point.partition_id,
        offset: point.offset,
    }
}

fn span(from: DateTime, to: Option<DateTime>) -> Result<Micros> {
    let to = to.map_or_else(Micros::now, |to| to.0);
    if from.0 >= to {
        return Err(Code::BadUserInput.error("from must be before to"));
    }
    Ok(to)
}

/// Named ones first; `None` without both arguments.
fn aggregates(named: Option<Vec<Aggregate>>, percentiles: Option<Vec<f64>>) -> Option<Vec<data::Aggregate>> {
    if named.is_none() && percentiles.is_none() {
        return None;
    }
    let named = named.into_iter().flatten().map(data::Aggregate::from);
    let percentiles = percentiles.into_iter().flatten().map(data::Aggregate::Percentile);
    Some(named.chain(percentiles).collect())
}

fn told(why: impl Into<Problem>) -> Error {
    why.into().into()
}
