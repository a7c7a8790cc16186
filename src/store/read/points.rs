//! Points page by page, in the order (series key, time).
//!
//! The walk over the series stops when the page is full, so a page costs the same for any number of
//! series and any length of history.

use super::history::{FoundPoint, points};
use super::{Page, ReadError, Reader, ids, one_more};
use crate::data::{Class, Matched, Micros, Scoped, StoredSeries};
use crate::store::selection::Walk;

const PAGE: &str = "
select s.nr, p.ts, p.value
from unnest($1) with ordinality as s(id, nr)
cross join lateral (
    select ts, value from points
    where series_id = s.id and ts >= $2 and ts < $3
    order by ts limit $4
) p
order by s.nr, p.ts
limit $4";

/// How many series the first statement of a page reads. Each next one reads twice as many, up to
/// `WIDTH_MAX`: a few dense series fill a page, sparse ones need many.
const WIDTH: usize = 4;
const WIDTH_MAX: usize = 2_048;

/// Where a page ended: series key and time of its last point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointKey {
    pub series: String,
    pub ts: Micros,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PointRow {
    pub series: StoredSeries,
    pub ts: Micros,
    pub value: f64,
}

impl Reader {
    /// The first `first` points with `from <= ts < to` behind `after`.
    ///
    /// # Errors
    /// `NotAvailable` where retention has dropped some of them.
    pub async fn points(
        &self,
        scoped: &Scoped,
        from: Micros,
        to: Micros,
        after: Option<&PointKey>,
        first: usize,
    ) -> Result<Page<PointRow>, ReadError> {
        let mut rows = Vec::new();
        if from >= to {
            return Ok(Page::cut(rows, first));
        }
        if let Some(after) = after {
            let mut open = Walk::at(scoped, &after.series);
            let open = self.chunk(&mut open, 1).await?.unwrap_or_default();
            let since = from.max(Micros(after.ts.0.saturating_add(1)));
            rows = self.points_of(&open, since, to, first).await?;
        }
        let mut walk = Walk::new(scoped, after.map(|key| key.series.as_str()));
        let mut width = WIDTH;
        while rows.len() <= first {
            let Some(found) = self.chunk(&mut walk, width.max(64)).await? else {
                break;
            };
            let mut rest = found.as_slice();
            while !rest.is_empty() && rows.len() <= first {
                let (now, later) = rest.split_at(width.min(rest.len()));
                rest = later;
                width = (width * 2).min(WIDTH_MAX);
                let missing = first - rows.len();
                rows.append(&mut self.points_of(now, from, to, missing).await?);
            }
        }
        Ok(Page::cut(rows, first))
    }

    /// Up to `first + 1` points of these series, in their order.
    async fn points_of(
        &self,
        of: &[Matched],
        since: Micros,
        to: Micros,
        first: usize,
    ) -> Result<Vec<PointRow>, ReadError> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.in_snapshot(Class::Cheap, async |loan| {
            points(loan, PAGE, &ids(of), since, to, one_more(first)).await
        });
        let rows = rows.await?;
        let point = |row: FoundPoint| {
            let at = usize::try_from(row.nr - 1).ok()?;
            Some(PointRow {
                series: StoredSeries::clone(of.get(at)?),
                ts: row.ts,
                value: row.value,
            })
        };
        Ok(rows.into_iter().filter_map(point).collect())
    }
}
