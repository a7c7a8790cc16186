//! What series stood at, at equally spaced instants: the newest point not older than a lookback.
//!
//! One probe of the primary key for each series and instant, however dense the points are.

use std::time::Duration;

use diesel::data_types::{PgInterval, PgTimestamp};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Integer, Interval, Timestamptz};

use super::rows::{from_pg, to_pg};
use super::{ReadError, Reader};
use crate::data::{Line, Micros, SeriesId, Step};

const STANDS: &str = "
select s.id as series_id, t.at, p.value
from unnest($1) as s(id)
cross join generate_series($2, $3, $4) as t(at)
cross join lateral (
    select value from points
    where series_id = s.id and ts > t.at - $5 and ts <= t.at
    order by ts desc limit 1
) p
limit $6";

impl Reader {
    /// The newest value in `(at - lookback, at]` of each series at `first`, `first + step` … up to
    /// `last`, in the order of `ids`; instants and series without one are left out.
    ///
    /// # Errors
    /// `TooManyRows` when all series together have more values than the limit; `NotAvailable` where
    /// retention has dropped points that may count.
    pub async fn instants(
        &self,
        ids: &[SeriesId],
        first: Micros,
        last: Micros,
        step: Step,
        lookback: Duration,
    ) -> Result<Vec<(SeriesId, Line)>, ReadError> {
        if ids.is_empty() || first > last {
            return Ok(Vec::new());
        }
        self.are_kept(ids, first.minus(lookback), Micros(last.0.saturating_add(1)))
            .await?;
        let lookback = i64::try_from(lookback.as_micros()).unwrap_or(i64::MAX);
        let query = diesel::sql_query(STANDS)
            .bind::<Array<Integer>, _>(ids.to_vec())
            .bind::<Timestamptz, _>(to_pg(first))
            .bind::<Timestamptz, _>(to_pg(last))
            .bind::<Interval, _>(PgInterval::from_microseconds(step.micros()))
            .bind::<Interval, _>(PgInterval::from_microseconds(lookback))
            .bind::<BigInt, _>(self.one_too_many());
        let rows: Vec<Row> = self.load(query).await?;
        let mut rows = self.whole(rows)?;
        // Sorted here and not by the statement, which may then stop at the limit early.
        let places: std::collections::HashMap<SeriesId, usize> =
            ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        rows.sort_unstable_by_key(|row| (places.get(&row.series_id).copied(), row.at.0));
        let lines = rows.chunk_by(|a, b| a.series_id == b.series_id).map(|of| {
            let mut line = Line::new(1);
            for row in of {
                line.push(from_pg(row.at), [Some(row.value)]);
            }
            (of[0].series_id, line)
        });
        Ok(lines.collect())
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    series_id: SeriesId,
    #[diesel(sql_type = Timestamptz)]
    at: PgTimestamp,
    #[diesel(sql_type = Double)]
    value: f64,
}
