//! Points and aggregates of many series as lines.

use super::history::Wanted;
use super::{ReadError, Reader};
use crate::data::{Aggregate, Bucket, Grid, Line, Micros, SeriesId};

impl Reader {
    /// The points with `from <= ts < to` of each series that has any, in the order of `ids`.
    ///
    /// # Errors
    /// `TooManyRows` when all series together have more rows than the limit; `NotAvailable` where
    /// retention has dropped some of them.
    pub async fn stored(
        &self,
        ids: &[SeriesId],
        from: Micros,
        to: Micros,
    ) -> Result<Vec<(SeriesId, Line)>, ReadError> {
        let rows = self.history(ids, from, to, None, Wanted::default()).await?;
        Ok(lines(rows, 1, |row| vec![Some(row.min)]))
    }

    /// The aggregates of the points with `from <= ts < to` over the buckets of `grid`, of each
    /// series that has any, in the order of `ids`; buckets without points are left out. The first
    /// and the last bucket may be cut by `from` and `to`.
    ///
    /// # Errors
    /// As [`stored`](Self::stored).
    pub async fn aggregated(
        &self,
        ids: &[SeriesId],
        from: Micros,
        to: Micros,
        grid: &Grid,
        wanted: &[Aggregate],
    ) -> Result<Vec<(SeriesId, Line)>, ReadError> {
        let Grid::Even(step) = grid else {
            return Err(ReadError::Other("calendar steps are to come".to_owned()));
        };
        let all = Wanted {
            sum: true,
            first_last: true,
        };
        let rows = self.history(ids, from, to, Some(*step), all).await?;
        let value = |row: &Bucket, aggregate: &Aggregate| match aggregate {
            Aggregate::Avg => row.avg(),
            Aggregate::Min => Some(row.min),
            Aggregate::Max => Some(row.max),
            Aggregate::Sum => row.sum,
            Aggregate::Count => Some(row.count as f64),
            Aggregate::First => row.first,
            Aggregate::Last => row.last,
            _ => None,
        };
        Ok(lines(rows, wanted.len(), |row| {
            wanted.iter().map(|aggregate| value(row, aggregate)).collect()
        }))
    }
}

fn lines(
    rows: Vec<Bucket>,
    columns: usize,
    values: impl Fn(&Bucket) -> Vec<Option<f64>>,
) -> Vec<(SeriesId, Line)> {
    let mut lines: Vec<(SeriesId, Line)> = Vec::new();
    for row in rows {
        if lines.last().is_none_or(|(id, _)| *id != row.series_id) {
            lines.push((row.series_id, Line::new(columns)));
        }
        if let Some((_, line)) = lines.last_mut() {
            line.push(row.ts, values(&row));
        }
    }
    lines
}
