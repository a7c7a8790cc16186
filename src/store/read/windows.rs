//! Complete windows of single series, with all that is needed to continue them live.

use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Timestamptz};

use super::{ReadError, Reader};
use crate::data::{Bucket, Matched, Micros, Positions, SeriesId, Step, Streams, Sum};
use crate::store::micros::to_pg;

// Large values have a scaled sum of their own, since a sum that overflows would fail the statement for
// all other windows as well.
const WINDOWS: &str = "
select w.nr, b.sum, b.large, b.min, b.max, b.count, b.last_ts,
       (select value from points f where f.series_id = w.id and f.ts = b.first_ts) as first,
       (select value from points l where l.series_id = w.id and l.ts = b.last_ts) as last
from unnest($1, $2, $3) with ordinality as w(id, start, until, nr)
cross join lateral (
    select sum(value) filter (where abs(value) < 1e270) as sum,
           sum(value * $4) filter (where abs(value) >= 1e270) as large,
           min(value) as min, max(value) as max, count(*) as count,
           min(ts) as first_ts, max(ts) as last_ts
    from points
    where series_id = w.id and ts >= w.start and ts < w.until
) b
where b.count > 0";

impl Reader {
    /// The newest window of each series of `newest_of`, and those in `windows`, each with the time of
    /// its newest point. Windows without points are left out. Everything below the positions is in them.
    pub async fn windows(
        &self,
        step: Step,
        newest_of: &[Matched],
        windows: &[(Matched, Micros)],
    ) -> Result<(Positions, Vec<(Bucket, Micros)>), ReadError> {
        // Read first: what is committed in between may be in the windows, but nobody relies on it.
        let offsets = self.ingest_offsets(&Streams::All).await?;
        let offsets = offsets.into_iter().map(|o| (o.partition_id, o.next_offset));
        let newest = self.latest(newest_of).await?;
        let newest = newest.into_iter().map(|p| (p.series_id, step.bucket(p.ts)));
        let windows = windows.iter().map(|(series, start)| (series.id, *start));
        let asked: Vec<(SeriesId, Micros)> = newest.chain(windows).collect();
        let starts = asked.iter().map(|(_, start)| to_pg(*start)).collect();
        let ends = asked.iter().map(|(_, start)| to_pg(step.end(*start))).collect();
        let query = diesel::sql_query(WINDOWS)
            .bind::<Array<Integer>, _>(asked.iter().map(|(id, _)| *id).collect::<Vec<_>>())
            .bind::<Array<Timestamptz>, Vec<PgTimestamp>>(starts)
            .bind::<Array<Timestamptz>, Vec<PgTimestamp>>(ends)
            .bind::<Double, _>(Sum::SCALE);
        let rows: Vec<Row> = self.load(query).await?;
        let place = |row: &Row| asked.get(usize::try_from(row.nr).ok()?.checked_sub(1)?).copied();
        let window = |row: Row| Some((row.bucket(place(&row)?), row.last_ts));
        Ok((offsets.collect(), rows.into_iter().filter_map(window).collect()))
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    nr: i64,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Double)]
    min: f64,
    #[diesel(sql_type = Double)]
    max: f64,
    #[diesel(sql_type = Nullable<Double>)]
    sum: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    large: Option<f64>,
    #[diesel(sql_type = Timestamptz)]
    last_ts: Micros,
    #[diesel(sql_type = Nullable<Double>)]
    first: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    last: Option<f64>,
}

impl Row {
    fn bucket(&self, (series_id, ts): (SeriesId, Micros)) -> Bucket {
        let small = self.sum.unwrap_or(0.0);
        let sum = match self.large {
            None => Sum::of(small),
            Some(large) => Sum::scaled(large + small * Sum::SCALE),
        };
        Bucket {
            series_id,
            ts,
            count: self.count,
            min: self.min,
            max: self.max,
            sum: Some(sum),
            first: self.first,
            last: self.last,
        }
    }
}
