//! The questions: which series there are, their latest values, history and points; the dead
//! letters and the state of the pipeline.

use std::collections::HashMap;

use async_graphql::connection::{Connection, CursorType, Edge, EmptyFields, OpaqueCursor};
use async_graphql::{Context, Error, Object, Result};

use super::errors::Code;
use super::limits;
use super::scalars::{DateTime, Duration, Long};
use super::selector::SeriesSelector;
use super::services::{Services, read_error, reader, services};
use super::types::{
    Aggregate, DeadLetter, HistoryPoint, LatestPoint, Metric, PipelineStatus, Point, Series, SeriesHistory,
    wanted,
};
use crate::cache::Latest;
use crate::data::{Micros, SeriesId, Step, StoredSeries};
use crate::store::read::{self, LetterFilter, Page, PointKey, Reader};

#[derive(Clone, Copy, Debug, Default)]
pub struct Query;

type KeyCursor = OpaqueCursor<String>;
type PointCursor = OpaqueCursor<(String, i64)>;
type IdCursor = OpaqueCursor<i64>;

#[Object]
impl Query {
    /// The metric names, sorted, and how many series each has.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only names that start with this.")] prefix: Option<String>,
    ) -> Result<Vec<Metric>> {
        let prefix = prefix.unwrap_or_default();
        let rows = reader(ctx)?.metrics(&prefix).await.map_err(read_error)?;
        let metric = |row: read::MetricInfo| Metric {
            name: row.name,
            series: Long(row.series),
        };
        Ok(rows.into_iter().map(metric).collect())
    }

    /// The series that match, by key.
    #[graphql(complexity = "limits::page_weight(first) * child_complexity")]
    async fn series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which series.")] selector: SeriesSelector,
        #[graphql(desc = "1 to 10000, 100 when left out.")] first: Option<i32>,
        #[graphql(desc = "`endCursor` of the page before.")] after: Option<String>,
    ) -> Result<Connection<KeyCursor, Series, EmptyFields, EmptyFields>> {
        let selector = selector.into_selector()?;
        let first = limits::page(first, limits::PAGE_MAX)?;
        let after = cursor::<KeyCursor>(after)?.map(|c| c.0);
        check_key(after.as_deref())?;
        let page = reader(ctx)?
            .series(&selector, after.as_deref(), first)
            .await
            .map_err(read_error)?;
        let cursor = |s: &StoredSeries| OpaqueCursor(s.series.key.to_string());
        Ok(connection(after.is_some(), page, cursor, Series))
    }

    /// The newest point of each matching series, by key; a series without points is left out.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn latest(&self, ctx: &Context<'_>, selector: SeriesSelector) -> Result<Vec<LatestPoint>> {
        let selector = selector.into_selector()?;
        let reader = reader(ctx)?;
        let series = reader.matching(&selector).await.map_err(read_error)?;
        let ids: Vec<SeriesId> = series.iter().map(|s| s.id).collect();
        let newest = newest(services(ctx)?, reader, &ids).await?;
        let point = |series: StoredSeries| {
            newest.get(&series.id).map(|point| LatestPoint {
                series: Series(series),
                ts: DateTime(point.ts),
                value: point.value,
            })
        };
        Ok(series.into_iter().filter_map(point).collect())
    }

    /// The points of all matching series with `from <= ts < to`, or aggregates of them over
    /// buckets of `step`. Series and buckets without points are left out. The answer is whole or
    /// the error `TOO_MANY_ROWS`, never cut.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which series.")] selector: SeriesSelector,
        #[graphql(desc = "The first moment of the span.")] from: DateTime,
        #[graphql(desc = "The first moment after the span; now when left out.")] to: Option<DateTime>,
        #[graphql(desc = "The width of a bucket, up to 100 years; buckets are aligned to \
                          1970-01-01T00:00Z. Stored points when left out.")]
        step: Option<Duration>,
        #[graphql(
            desc = "What to compute for each bucket, `[AVG]` when left out; the first is \
                          also `value`. Only with `step`."
        )]
        aggregate: Option<Vec<Aggregate>>,
    ) -> Result<Vec<SeriesHistory>> {
        let selector = selector.into_selector()?;
        let to = span(from, to)?;
        let (step, aggregates) = buckets(step, aggregate)?;
        let reader = reader(ctx)?;
        let series = reader.matching(&selector).await.map_err(read_error)?;
        let ids: Vec<SeriesId> = series.iter().map(|s| s.id).collect();
        let rows = reader
            .history(&ids, from.0, to, step, wanted(&aggregates))
            .await
            .map_err(read_error)?;
        let mut rows = rows.into_iter().peekable();
        let mut answer = Vec::new();
        for series in series {
            let mut points = Vec::new();
            while let Some(row) = rows.next_if(|row| row.series_id == series.id) {
                points.push(match step {
                    None => HistoryPoint::stored(&row),
                    Some(_) => HistoryPoint::bucket(&row, &aggregates),
                });
            }
            if !points.is_empty() {
                let series = Series(series);
                answer.push(SeriesHistory { series, points });
            }
        }
        Ok(answer)
    }

    /// The points of all matching series with `from <= ts < to`, page by page, by series key and
    /// time. Points that arrive meanwhile never repeat or hide another.
    #[graphql(complexity = "limits::page_weight(first) * child_complexity")]
    async fn points(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which series.")] selector: SeriesSelector,
        #[graphql(desc = "The first moment of the span.")] from: DateTime,
        #[graphql(desc = "The first moment after the span; now when left out.")] to: Option<DateTime>,
        #[graphql(desc = "1 to 10000, 100 when left out.")] first: Option<i32>,
        #[graphql(desc = "`endCursor` of the page before.")] after: Option<String>,
    ) -> Result<Connection<PointCursor, Point, EmptyFields, EmptyFields>> {
        let selector = selector.into_selector()?;
        let to = span(from, to)?;
        let first = limits::page(first, limits::PAGE_MAX)?;
        let after = cursor::<PointCursor>(after)?.map(|c| PointKey {
            series: c.0.0,
            ts: Micros(c.0.1),
        });
        check_key(after.as_ref().map(|key| key.series.as_str()))?;
        let page = reader(ctx)?
            .points(&selector, from.0, to, after.as_ref(), first)
            .await
            .map_err(read_error)?;
        let cursor = |p: &read::PointRow| OpaqueCursor((p.series.series.key.to_string(), p.ts.0));
        let point = |p: read::PointRow| Point {
            series: Series(p.series),
            ts: DateTime(p.ts),
            value: p.value,
        };
        Ok(connection(after.is_some(), page, cursor, point))
    }

    /// Records that could not be stored, newest first.
    #[graphql(complexity = "limits::page_weight(first) * child_complexity")]
    async fn dead_letters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this Kafka topic.")] topic: Option<String>,
        #[graphql(
            desc = "Also those that a redrive has stored since.",
            default_with = "Some(false)"
        )]
        include_resolved: Option<bool>,
        #[graphql(desc = "1 to 500, 100 when left out.")] first: Option<i32>,
        #[graphql(desc = "`endCursor` of the page before.")] after: Option<String>,
    ) -> Result<Connection<IdCursor, DeadLetter, EmptyFields, EmptyFields>> {
        let first = limits::page(first, limits::LETTERS_MAX)?;
        let after = cursor::<IdCursor>(after)?.map(|c| c.0);
        let filter = LetterFilter {
            topic,
            resolved_too: include_resolved.unwrap_or_default(),
        };
        let page = reader(ctx)?
            .dead_letters(&filter, after, first)
            .await
            .map_err(read_error)?;
        let cursor = |letter: &read::DeadLetter| OpaqueCursor(letter.id);
        Ok(connection(after.is_some(), page, cursor, DeadLetter))
    }

    /// How the pipeline is; answers also while Postgres or Kafka is away.
    async fn pipeline(&self, ctx: &Context<'_>) -> Result<PipelineStatus> {
        Ok(PipelineStatus::of(services(ctx)?))
    }
}

/// From the cache, and from Postgres what the cache lacks.
async fn newest(services: &Services, reader: &Reader, ids: &[SeriesId]) -> Result<HashMap<SeriesId, Latest>> {
    let known = services.latest.lookup(ids).await;
    let read = reader.latest(&known.missing).await.map_err(read_error)?;
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

fn buckets(
    step: Option<Duration>,
    aggregate: Option<Vec<Aggregate>>,
) -> Result<(Option<Step>, Vec<Aggregate>)> {
    match (step, aggregate) {
        (None, None) => Ok((None, Vec::new())),
        (None, Some(_)) => Err(Code::BadUserInput.error("aggregate needs step")),
        (Some(_), Some(none)) if none.is_empty() => {
            Err(Code::BadUserInput.error("aggregate must name at least one"))
        }
        (Some(step), aggregate) => {
            let step =
                Step::new(step.0).ok_or_else(|| Code::BadUserInput.error("step must be 1us to 100 years"))?;
            Ok((Some(step), aggregate.unwrap_or_else(|| vec![Aggregate::Avg])))
        }
    }
}

fn cursor<C: CursorType>(text: Option<String>) -> Result<Option<C>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let decoded = (text.len() <= limits::TEXT_MAX).then(|| C::decode_cursor(&text).ok());
    decoded.flatten().map(Some).ok_or_else(bad_cursor)
}

/// A key we gave out has no NUL, which Postgres would refuse.
fn check_key(key: Option<&str>) -> Result<()> {
    match key {
        Some(key) if key.contains('\0') => Err(bad_cursor()),
        _ => Ok(()),
    }
}

fn bad_cursor() -> Error {
    Code::BadUserInput.error("after is not a cursor of this list")
}

fn connection<C, R, N>(
    has_previous: bool,
    page: Page<R>,
    cursor: impl Fn(&R) -> C,
    node: impl Fn(R) -> N,
) -> Connection<C, N, EmptyFields, EmptyFields>
where
    C: CursorType + Send + Sync,
    N: async_graphql::OutputType,
{
    let mut connection = Connection::new(has_previous, page.more);
    let edge = |row: R| Edge::new(cursor(&row), node(row));
    connection.edges = page.rows.into_iter().map(edge).collect();
    connection
}
