//! Points and aggregates of many series as lines.

use super::history::Wanted;
use super::{ReadError, Reader};
use crate::data::{Aggregate, Bucket, Grid, Line, Micros, SeriesId, Step};

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
            let points = self.history(ids, from, to, None, Wanted::default()).await?;
            return Ok(calendar(&points, grid, wanted));
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

impl Reader {
    /// The lowest and the highest point of each bucket of `width`, oldest first, with
    /// `from <= ts < to`, of each series that has any, in the order of `ids`.
    ///
    /// # Errors
    /// As [`stored`](Self::stored).
    pub async fn extremes(
        &self,
        ids: &[SeriesId],
        from: Micros,
        to: Micros,
        width: Step,
    ) -> Result<Vec<(SeriesId, Line)>, ReadError> {
        let mut points = self.history(ids, from, to, None, Wanted::default()).await?;
        let place = |p: &Bucket| (p.series_id, width.bucket(p.ts));
        let of_bucket = points.chunk_by(|a, b| place(a) == place(b)).flat_map(|bucket| {
            let low = bucket
                .iter()
                .min_by(|a, b| a.min.total_cmp(&b.min).then(a.ts.cmp(&b.ts)));
            let high = bucket
                .iter()
                .max_by(|a, b| a.min.total_cmp(&b.min).then(b.ts.cmp(&a.ts)));
            let mut both: Vec<Bucket> = low.into_iter().chain(high).copied().collect();
            both.sort_by_key(|p| p.ts);
            both.dedup_by_key(|p| p.ts);
            both
        });
        points = of_bucket.collect();
        Ok(lines(points, 1, |row| vec![Some(row.min)]))
    }
}

fn calendar(points: &[Bucket], grid: &Grid, wanted: &[Aggregate]) -> Vec<(SeriesId, Line)> {
    let place = |p: &Bucket| (p.series_id, grid.bucket(p.ts));
    let mut all: Vec<(SeriesId, Line)> = Vec::new();
    for bucket in points.chunk_by(|a, b| place(a) == place(b)) {
        let values: Vec<f64> = bucket.iter().map(|p| p.min).collect();
        let sum: f64 = values.iter().sum();
        let value = |aggregate: &Aggregate| match aggregate {
            Aggregate::Avg => Some(sum / values.len() as f64),
            Aggregate::Min => values.iter().copied().reduce(f64::min),
            Aggregate::Max => values.iter().copied().reduce(f64::max),
            Aggregate::Sum => Some(sum),
            Aggregate::Count => Some(values.len() as f64),
            Aggregate::First => values.first().copied(),
            Aggregate::Last => values.last().copied(),
            _ => None,
        };
        let (id, start) = place(&bucket[0]);
        if all.last().is_none_or(|(last, _)| *last != id) {
            all.push((id, Line::new(wanted.len())));
        }
        if let Some((_, line)) = all.last_mut() {
            line.push(start, wanted.iter().map(value));
        }
    }
    all
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
