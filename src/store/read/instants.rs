//! The values of series at equally spaced instants: at each the newest point within the lookback.
//!
//! Each series and instant costs one probe of the primary key, however dense the points are.

use std::time::Duration;

use diesel::data_types::PgInterval;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Integer, Interval, Timestamptz};

use super::history::are_kept;
use super::{ReadError, Reader, ids};
use crate::data::{Class, Columns, Matched, Micros, SeriesId, Step};
use crate::store::micros::to_pg;

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

/// More instants than this make the query expensive.
const CHEAP: usize = 20_000;

impl Reader {
    /// The newest value in `(at - lookback, at]` of each series at `first`, `first + step` … up to
    /// `last`, in the order of `of`. Instants and series without a value are left out.
    ///
    /// # Errors
    /// `TooManyInstants` when all series together have more instants than the limit, `TooManyRows`
    /// when they have more values than the row limit; `NotAvailable` where retention has dropped points
    /// that the answer may need.
    pub async fn instants(
        &self,
        of: &[Matched],
        first: Micros,
        last: Micros,
        step: Step,
        lookback: Duration,
    ) -> Result<Vec<(SeriesId, Columns)>, ReadError> {
        let ids = &ids(of);
        if ids.is_empty() || first > last {
            return Ok(Vec::new());
        }
        let probes = self.instants_of(ids.len(), first, last, step)?;
        let class = if probes > CHEAP {
            Class::Heavy
        } else {
            Class::Cheap
        };
        // The points that retention keeps at the check are still there when they are read.
        let rows = self.in_snapshot(class, async |loan| {
            are_kept(loan, ids, first.minus(lookback), Micros(last.0.saturating_add(1))).await?;
            let lookback = i64::try_from(lookback.as_micros()).unwrap_or(i64::MAX);
            let query = diesel::sql_query(STANDS)
                .bind::<Array<Integer>, _>(ids.clone())
                .bind::<Timestamptz, _>(to_pg(first))
                .bind::<Timestamptz, _>(to_pg(last))
                .bind::<Interval, _>(PgInterval::from_microseconds(step.micros()))
                .bind::<Interval, _>(PgInterval::from_microseconds(lookback))
                .bind::<BigInt, _>(self.one_too_many());
            loan.load::<_, Row>(query).await
        });
        let mut rows = self.whole(rows.await?)?;
        // Sorted here, so that the statement can stop early at the limit.
        let places: std::collections::HashMap<SeriesId, usize> =
            ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        rows.sort_unstable_by_key(|row| (places.get(&row.series_id).copied(), row.at));
        let lines = rows.chunk_by(|a, b| a.series_id == b.series_id).map(|of| {
            let mut line = Columns::new(1);
            for row in of {
                line.push(row.at, [Some(row.value)]);
            }
            (of[0].series_id, line)
        });
        Ok(lines.collect())
    }

    /// How many instants so many series have together.
    ///
    /// # Errors
    /// `TooManyInstants` when they are more than the limit.
    pub fn instants_of(
        &self,
        series: usize,
        first: Micros,
        last: Micros,
        step: Step,
    ) -> Result<usize, ReadError> {
        let limit = self.limits.instants;
        let each = last.0.saturating_sub(first.0) / step.micros();
        let each = usize::try_from(each).unwrap_or(usize::MAX).saturating_add(1);
        let all = series.saturating_mul(each);
        if all > limit {
            return Err(ReadError::TooManyInstants { limit });
        }
        Ok(all)
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    series_id: SeriesId,
    #[diesel(sql_type = Timestamptz)]
    at: Micros,
    #[diesel(sql_type = Double)]
    value: f64,
}
