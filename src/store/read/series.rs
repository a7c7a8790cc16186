//! Which series there are: page by page, or all that a selector matches.
//!
//! Postgres looks up what it has indexes for (the metric and the labels every match must carry),
//! [`Selector::matches`] decides the rest here, over chunks in key order; so a regular expression
//! that selects ten of a hundred thousand series never holds them all.

use diesel::prelude::*;
use serde_json::{Map, Value};

use super::rows::{SeriesRow, stored_series};
use super::{Page, ReadError, Reader, one_more};
use crate::data::{Selector, StoredSeries};
use crate::store::schema::series;

/// Series read at once where the selector must be decided here.
const CHUNK: usize = 2_000;

impl Reader {
    /// The first `first` matching series behind the key `after`, by key.
    pub async fn series(
        &self,
        selector: &Selector,
        after: Option<&str>,
        first: usize,
    ) -> Result<Page<StoredSeries>, ReadError> {
        let mut walk = SeriesWalk::new(self, selector, after);
        let mut rows = Vec::new();
        while rows.len() <= first {
            let Some(mut found) = walk.next(first + 1 - rows.len()).await? else {
                break;
            };
            rows.append(&mut found);
        }
        Ok(Page::cut(rows, first))
    }

    /// All matching series, by key.
    ///
    /// # Errors
    /// `TooManySeries` beyond the limit of series.
    pub async fn matching(&self, selector: &Selector) -> Result<Vec<StoredSeries>, ReadError> {
        let limit = self.limits.series;
        let page = self.series(selector, None, limit).await?;
        if page.more {
            return Err(ReadError::TooManySeries { limit });
        }
        Ok(page.rows)
    }
}

/// A walk over the matching series in key order, chunk by chunk.
pub(super) struct SeriesWalk<'a> {
    reader: &'a Reader,
    selector: &'a Selector,
    /// True when Postgres alone can decide, so that a chunk is as small as what is wanted.
    exact: bool,
    after: Option<String>,
    done: bool,
}

impl<'a> SeriesWalk<'a> {
    pub(super) fn new(reader: &'a Reader, selector: &'a Selector, after: Option<&str>) -> Self {
        Self {
            reader,
            selector,
            exact: selector.required_labels().count() == selector.labels.len(),
            after: after.map(str::to_owned),
            done: !selector.can_match(),
        }
    }

    /// The matches of the next chunk, possibly none or more than `wanted`; `None` at the end.
    pub(super) async fn next(&mut self, wanted: usize) -> Result<Option<Vec<StoredSeries>>, ReadError> {
        if self.done {
            return Ok(None);
        }
        let size = if self.exact { wanted } else { CHUNK };
        let chunk = self.chunk(size).await?;
        self.done = chunk.len() < size;
        if let Some(last) = chunk.last() {
            self.after = Some(last.series.key.to_string());
        }
        let matches = |found: &StoredSeries| self.selector.matches(&found.series);
        Ok(Some(chunk.into_iter().filter(matches).collect()))
    }

    async fn chunk(&self, size: usize) -> Result<Vec<StoredSeries>, ReadError> {
        let mut query = series::table
            .select((series::id, series::metric, series::labels))
            .order(series::key)
            .limit(one_more(size) - 1)
            .into_boxed();
        if let Some(metric) = &self.selector.metric {
            query = query.filter(series::metric.eq(metric.clone()));
        }
        if let Some(required) = required(self.selector) {
            query = query.filter(series::labels.contains(required));
        }
        if let Some(after) = &self.after {
            query = query.filter(series::key.gt(after.clone()));
        }
        let rows: Vec<SeriesRow> = self.reader.load(query).await?;
        Ok(rows.into_iter().map(stored_series).collect())
    }
}

/// The labels to look up, as the object that `@>` wants. Of two different values demanded for one
/// label either will do: the selector itself refuses both.
fn required(selector: &Selector) -> Option<Value> {
    let labels: Map<String, Value> = selector
        .required_labels()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    (!labels.is_empty()).then_some(Value::Object(labels))
}

/// Postgres has no text with a NUL in it, and refuses to look for one.
pub(super) fn storable(text: &str) -> bool {
    !text.contains('\0')
}
