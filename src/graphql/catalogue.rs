//! The catalogue: metrics, series, labels and their values.

use async_graphql::connection::{Connection, EmptyFields, OpaqueCursor};
use async_graphql::{Context, Object, Result};

use super::connection::{check_key, connection, cursor};
use super::errors::read_error;
use super::limits;
use super::scalars::Long;
use super::selector::SeriesSelector;
use super::services::{reader, viewer};
use super::types::{LabelName, LabelValue, Metric, Series};
use crate::data::{Matched, Selector};
use crate::store::read::{Counted, MetricFilter, Search};

#[derive(Clone, Copy, Debug, Default)]
pub struct Catalogue;

type KeyCursor = OpaqueCursor<String>;

#[Object]
impl Catalogue {
    /// The metric names, sorted, with the number of series of each.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only names that start with this.")] prefix: Option<String>,
        #[graphql(desc = "Only names that contain this text, ignoring case; up to 256 bytes.")]
        search: Option<String>,
        #[graphql(desc = "1 to 1000, all if omitted.")] first: Option<i32>,
    ) -> Result<Vec<Metric>> {
        let filter = MetricFilter {
            prefix: prefix.unwrap_or_default(),
            search: search_for(search)?,
            first: first
                .map(|first| limits::page(Some(first), limits::NAMES_MAX))
                .transpose()?,
        };
        let all = viewer(ctx)?.select(Selector::default());
        let rows = reader(ctx)?.metrics(&all, &filter).await.map_err(read_error)?;
        let metric = |Counted { text, series }| Metric {
            name: text,
            series: Long(series),
        };
        Ok(rows.into_iter().map(metric).collect())
    }

    /// The series that match, by key.
    #[graphql(complexity = "limits::page_weight(first) * child_complexity")]
    async fn series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which series.")] selector: SeriesSelector,
        #[graphql(desc = "1 to 10000, 100 if omitted.")] first: Option<i32>,
        #[graphql(desc = "`endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<Connection<String, Series, EmptyFields, EmptyFields>> {
        let scoped = selector.scoped(ctx)?;
        let first = limits::page(first, limits::PAGE_MAX)?;
        let seal = viewer(ctx)?.seal();
        let after = cursor::<KeyCursor>(seal, after)?.map(|c| c.0);
        check_key(after.as_deref())?;
        let page = reader(ctx)?
            .series(&scoped, after.as_deref(), first)
            .await
            .map_err(read_error)?;
        let cursor = |s: &Matched| OpaqueCursor(s.series.key.to_string());
        Ok(connection(seal, after.is_some(), page, cursor, |s| {
            Series(s.into())
        }))
    }

    /// The label names of the matching series, sorted, with the number of series of each.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn labels(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which series.")] selector: SeriesSelector,
        #[graphql(desc = "Only names that contain this text, ignoring case; up to 256 bytes.")]
        search: Option<String>,
        #[graphql(desc = "1 to 1000, 100 if omitted.")] first: Option<i32>,
    ) -> Result<Vec<LabelName>> {
        let scoped = selector.scoped(ctx)?;
        let search = search_for(search)?;
        let first = limits::page(first, limits::NAMES_MAX)?;
        let rows = reader(ctx)?.labels(&scoped, search.as_ref(), Some(first)).await;
        let name = |Counted { text, series }| LabelName {
            name: text,
            series: Long(series),
        };
        Ok(rows.map_err(read_error)?.into_iter().map(name).collect())
    }

    /// The values of one label among the matching series, sorted, with the number of series of
    /// each.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn label_values(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The name of the label.")] name: String,
        #[graphql(desc = "Which series.")] selector: SeriesSelector,
        #[graphql(desc = "Only values that contain this text, ignoring case; up to 256 bytes.")]
        search: Option<String>,
        #[graphql(desc = "1 to 1000, 100 if omitted.")] first: Option<i32>,
    ) -> Result<Vec<LabelValue>> {
        limits::short("name", &name, limits::TEXT_MAX)?;
        let scoped = selector.scoped(ctx)?;
        let search = search_for(search)?;
        let first = limits::page(first, limits::NAMES_MAX)?;
        let rows = reader(ctx)?
            .label_values(&name, &scoped, search.as_ref(), Some(first))
            .await;
        let value = |Counted { text, series }| LabelValue {
            value: text,
            series: Long(series),
        };
        Ok(rows.map_err(read_error)?.into_iter().map(value).collect())
    }
}

/// Everything contains the empty text, so it is no search.
fn search_for(text: Option<String>) -> Result<Option<Search>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    limits::short("search", &text, limits::SEARCH_MAX)?;
    Ok(Some(Search::new(&text)))
}
