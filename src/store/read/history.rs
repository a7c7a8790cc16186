//! Many series over one span of time: their points, or aggregates over equal buckets.
//!
//! One statement for all series; buckets are aligned to the Unix epoch, whatever `from` is.

use diesel::data_types::{PgInterval, PgTimestamp};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Interval, Nullable, Timestamptz};

use super::rows::{from_pg, to_pg};
use super::{ReadError, Reader};
use crate::data::{Bucket, Micros, SeriesId, Step};

const RAW: &str = "
select s.id as series_id, p.ts as bucket, p.value as sum, p.value as min, p.value as max,
       1::bigint as count, p.value as first, p.value as last
from unnest($1) as s(id)
cross join lateral (
    select ts, value from points
    where series_id = s.id and ts >= $2 and ts < $3
    order by ts limit $4
) p
limit $4";

// `sum / count`, since Postgres' avg also sums squares and overflows on large finite values. A
// filtered sum is not computed at all where it is not wanted. First and last are two probes of the
// primary key for each bucket, cheaper than collecting the bucket's values in memory.
const BUCKETS: &str = "
select s.id as series_id, b.bucket, b.sum, b.min, b.max, b.count,
       case when $6 then (select value from points f
                          where f.series_id = s.id and f.ts = b.first_ts) end as first,
       case when $6 then (select value from points l
                          where l.series_id = s.id and l.ts = b.last_ts) end as last
from unnest($1) as s(id)
cross join lateral (
    select date_bin($7, ts, $8) as bucket,
           sum(value) filter (where $5) as sum, min(value) as min, max(value) as max,
           count(*) as count, min(ts) as first_ts, max(ts) as last_ts
    from points
    where series_id = s.id and ts >= $2 and ts < $3
    group by 1
) b
limit $4";

/// The aggregates that cost something; count, min and max always come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub sum: bool,
    pub first_last: bool,
}

impl Reader {
    /// `from <= ts < to`, in the order of `ids`, then time. Without `step` the points themselves.
    ///
    /// # Errors
    /// `TooManyRows` when all series together have more rows than the limit.
    pub async fn history(
        &self,
        ids: &[SeriesId],
        from: Micros,
        to: Micros,
        step: Option<Step>,
        wanted: Wanted,
    ) -> Result<Vec<Bucket>, ReadError> {
        if ids.is_empty() || from >= to {
            return Ok(Vec::new());
        }
        let query = diesel::sql_query(if step.is_some() { BUCKETS } else { RAW })
            .bind::<Array<Integer>, _>(ids.to_vec())
            .bind::<Timestamptz, _>(to_pg(from))
            .bind::<Timestamptz, _>(to_pg(to))
            .bind::<BigInt, _>(self.one_too_many());
        let rows: Vec<Row> = match step {
            None => self.load(query).await?,
            // The origin is the bucket of `from`: the same grid, and never a time before the
            // origin, where date_bin's rounding differed between versions of Postgres.
            Some(step) => {
                let query = query
                    .bind::<Bool, _>(wanted.sum)
                    .bind::<Bool, _>(wanted.first_last)
                    .bind::<Interval, _>(PgInterval::from_microseconds(step.micros()))
                    .bind::<Timestamptz, _>(to_pg(step.bucket(from)));
                self.load(query).await?
            }
        };
        let mut rows: Vec<Bucket> = self.whole(rows)?.into_iter().map(Bucket::from).collect();
        // Sorted here and not by the statement, which may then stop at the limit early.
        let places: std::collections::HashMap<SeriesId, usize> =
            ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        rows.sort_unstable_by_key(|row| (places.get(&row.series_id).copied(), row.ts));
        Ok(rows)
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    series_id: SeriesId,
    #[diesel(sql_type = Timestamptz)]
    bucket: PgTimestamp,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Double)]
    min: f64,
    #[diesel(sql_type = Double)]
    max: f64,
    #[diesel(sql_type = Nullable<Double>)]
    sum: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    first: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    last: Option<f64>,
}

impl From<Row> for Bucket {
    fn from(row: Row) -> Self {
        Self {
            series_id: row.series_id,
            ts: from_pg(row.bucket),
            count: row.count,
            min: row.min,
            max: row.max,
            sum: row.sum,
            first: row.first,
            last: row.last,
        }
    }
}
