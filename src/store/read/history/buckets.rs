//! Buckets of equal width with all that live windows and `history` show of them.

use super::super::{ReadError, Reader};
use crate::data::{Aggregate, Bucket, Columns, Grid, Matched, Micros, SeriesId, Step, Sum};

/// In the order in which [`Reader::buckets`] picks them up.
const SHOWN: [Aggregate; 7] = [
    Aggregate::Count,
    Aggregate::Min,
    Aggregate::Max,
    Aggregate::Sum,
    Aggregate::First,
    Aggregate::Last,
    Aggregate::Avg,
];

impl Reader {
    /// As [`aggregated`](Self::aggregated) over buckets of `step`.
    ///
    /// # Errors
    /// As [`stored`](Self::stored).
    pub async fn buckets(
        &self,
        of: &[Matched],
        from: Micros,
        to: Micros,
        step: Step,
    ) -> Result<Vec<Bucket>, ReadError> {
        let lines = self.aggregated(of, from, to, &Grid::Even(step), &SHOWN).await?;
        let of_line = |(series_id, line): &(SeriesId, Columns)| {
            let value = |column: usize, row: usize| line.columns[column][row];
            let bucket = |row| {
                let count = value(0, row)?;
                // A sum that is too large is computed from the mean.
                let large = || Some(Sum::scaled(value(6, row)? * Sum::SCALE * count));
                Some(Bucket {
                    series_id: *series_id,
                    ts: line.times[row],
                    count: count as i64,
                    min: value(1, row)?,
                    max: value(2, row)?,
                    sum: value(3, row).map(Sum::of).or_else(large),
                    first: value(4, row),
                    last: value(5, row),
                })
            };
            (0..line.len()).filter_map(bucket).collect::<Vec<_>>()
        };
        Ok(lines.iter().flat_map(of_line).collect())
    }
}
