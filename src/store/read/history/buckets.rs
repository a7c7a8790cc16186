//! Buckets of equal width with all that live windows and `history` show of them.

use super::super::{ReadError, Reader};
use crate::data::{Aggregate, Bucket, Grid, Line, Micros, SeriesId, Step};

/// In the order in which [`Reader::buckets`] picks them up.
const SHOWN: [Aggregate; 6] = [
    Aggregate::Count,
    Aggregate::Min,
    Aggregate::Max,
    Aggregate::Sum,
    Aggregate::First,
    Aggregate::Last,
];

impl Reader {
    /// As [`aggregated`](Self::aggregated) over buckets of `step`.
    ///
    /// # Errors
    /// As [`stored`](Self::stored).
    pub async fn buckets(
        &self,
        ids: &[SeriesId],
        from: Micros,
        to: Micros,
        step: Step,
    ) -> Result<Vec<Bucket>, ReadError> {
        let lines = self.aggregated(ids, from, to, &Grid::Even(step), &SHOWN).await?;
        let of_line = |(series_id, line): &(SeriesId, Line)| {
            let value = |column: usize, row: usize| line.columns[column][row];
            let bucket = |row| {
                Some(Bucket {
                    series_id: *series_id,
                    ts: line.times[row],
                    count: value(0, row)? as i64,
                    min: value(1, row)?,
                    max: value(2, row)?,
                    sum: value(3, row),
                    first: value(4, row),
                    last: value(5, row),
                })
            };
            (0..line.len()).filter_map(bucket).collect::<Vec<_>>()
        };
        Ok(lines.iter().flat_map(of_line).collect())
    }
}

/// Wanted of [`Reader::history`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub sum: bool,
    pub first_last: bool,
}

impl Reader {
    /// Buckets, or without `step` the points themselves.
    ///
    /// # Errors
    /// As [`stored`](Self::stored).
    pub async fn history(
        &self,
        ids: &[SeriesId],
        from: Micros,
        to: Micros,
        step: Option<Step>,
        _wanted: Wanted,
    ) -> Result<Vec<Bucket>, ReadError> {
        let Some(step) = step else {
            let lines = self.stored(ids, from, to).await?;
            let point = |series_id, ts, value| Bucket {
                series_id,
                ts,
                count: 1,
                min: value,
                max: value,
                sum: Some(value),
                first: Some(value),
                last: Some(value),
            };
            let points = lines.iter().flat_map(|(id, line)| {
                let values = line.columns[0].iter().flatten();
                line.times
                    .iter()
                    .zip(values)
                    .map(move |(ts, value)| point(*id, *ts, *value))
            });
            return Ok(points.collect());
        };
        self.buckets(ids, from, to, step).await
    }
}
