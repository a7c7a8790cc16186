//! The matching series: page by page, or all of them.

use super::{Page, ReadError, Reader};
use crate::data::{Matched, Scoped};
use crate::store::selection::Walk;

impl Reader {
    /// The first `first` matching series after the key `after`, by key.
    pub async fn series(
        &self,
        scoped: &Scoped,
        after: Option<&str>,
        first: usize,
    ) -> Result<Page<Matched>, ReadError> {
        let mut walk = Walk::new(scoped, after);
        let mut rows = Vec::new();
        while rows.len() <= first {
            let Some(mut found) = self.chunk(&mut walk, first + 1 - rows.len()).await? else {
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
    pub async fn matching(&self, scoped: &Scoped) -> Result<Vec<Matched>, ReadError> {
        let limit = self.limits.series;
        let page = self.series(scoped, None, limit).await?;
        if page.more {
            return Err(ReadError::TooManySeries { limit });
        }
        Ok(page.rows)
    }

    /// The matches of the next chunk, possibly none or more than `wanted`; `None` at the end.
    pub(super) async fn chunk(
        &self,
        walk: &mut Walk<'_>,
        wanted: usize,
    ) -> Result<Option<Vec<Matched>>, ReadError> {
        let Some(query) = walk.next(wanted) else {
            return Ok(None);
        };
        Ok(Some(walk.matched(self.load(query).await?)))
    }
}
