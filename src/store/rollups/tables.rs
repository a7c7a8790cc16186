//! The three tables of rollups, and the statements that compute each from the one below it.
//!
//! Sums leave out what could overflow, which Postgres takes for an error: `sum` is null where a
//! value is 1e290 or more, `m2` where one is 1e140 or more, on every level the same.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::data::{Micros, SeriesId};
use crate::store::error::WriteError;
use crate::store::level::Level;

use super::log::columns;
use super::ranges::Range;

// Times begin with the year 1, so no bucket lies before the origin.
const MINUTES: &str = "
    select b.ts, n,
        case when largest < 1e290 then total end,
        case when largest < 1e140 then variance * n end,
        low, high, vals[1], vals[n], times[array_position(vals, low)], times[array_position(vals, high)]
    from (
        select b.ts, count(*) as n,
            sum(value) filter (where abs(value) < 1e290) as total,
            var_pop(value) filter (where abs(value) < 1e140) as variance,
            max(abs(value)) as largest, min(value) as low, max(value) as high,
            array_agg(value) as vals, array_agg(b.at) as times
        from (
            select date_bin('1 minute', p.ts, '0001-01-01Z') as ts, p.ts as at, p.value
            from points p
            where p.series_id = r.series_id and p.ts >= r.from_ts and p.ts < r.to_ts
                and p.ts >= $4 and p.ts < $5
            order by 1, 2
        ) b group by b.ts
    ) b";

// The second addend of `m2` is what the means of the parts deviate from the mean of all. Numbers
// near zero count as zero: Postgres takes a quotient or square that is too small for an error, too.
const COARSER: &str = "
    select b.ts, sum(count)::bigint,
        case when bool_and(sum is not null) then sum(sum) end,
        case when bool_and(is_sane)
            then sum(m2) + sum(case when is_sane and abs(off) > 1e-150 then count * off ^ 2 else 0 end) end,
        min(min), max(max),
        (array_agg(first order by at))[1], (array_agg(last order by at desc))[1],
        (array_agg(min_at order by min, at))[1], (array_agg(max_at order by max desc, at))[1]
    from (
        select *, bool_and(m2 is not null) over w as is_sane,
            sum(sum) over w as total, sum(count) over w as n
        from (
            select date_bin('1 BUCKET', p.ts, '0001-01-01Z') as ts, p.ts as at,
                count, sum, m2, min, max, first, last, min_at, max_at
            from FINER p
            where p.series_id = r.series_id and p.ts >= r.from_ts and p.ts < r.to_ts
                and p.ts >= $4 and p.ts < $5
        ) p window w as (partition by ts)
    ) b
    cross join lateral (select
        case when abs(sum) > 1e-290 then sum / count else 0 end
            - case when abs(total) > 1e-290 then total / n::float8 else 0 end as off) mean
    group by b.ts";

const UPSERT: &str = "
    insert into TABLE as old (series_id, ts, count, sum, m2, min, max, first, last, min_at, max_at)
    select r.series_id, b.*
    from RANGES as r (series_id, from_ts, to_ts) cross join lateral (SELECT) b
    on conflict (series_id, ts) do update set
        count = excluded.count, sum = excluded.sum, m2 = excluded.m2,
        min = excluded.min, max = excluded.max, first = excluded.first, last = excluded.last,
        min_at = excluded.min_at, max_at = excluded.max_at
    where (old.count, old.sum, old.m2, old.min, old.max, old.first, old.last, old.min_at, old.max_at)
        is distinct from (excluded.count, excluded.sum, excluded.m2, excluded.min, excluded.max,
            excluded.first, excluded.last, excluded.min_at, excluded.max_at)";

const GIVEN: &str = "unnest($1::integer[], $2::timestamptz[], $3::timestamptz[])";
/// As `GIVEN`, with the series of these ids for the one that is given.
const EVERYBODY: &str = "(
    select s.id, g.from_ts, g.to_ts from series s
    cross join unnest($1::integer[], $2::timestamptz[], $3::timestamptz[]) as g (id, from_ts, to_ts)
    where s.id >= $6 and s.id < $7)";

/// Computes the rows of one table.
#[derive(Debug)]
pub(super) struct Table {
    pub level: Level,
    given: Statement,
    everybody: Statement,
}

impl Table {
    /// Minutes, hours and days.
    pub async fn all(client: &Client) -> Result<[Self; 3], WriteError> {
        let coarser = |bucket, finer: Level| {
            let select = COARSER.replace("BUCKET", bucket);
            select.replace("FINER", finer.table())
        };
        Ok([
            Self::prepare(client, Level::Minute, MINUTES).await?,
            Self::prepare(client, Level::Hour, &coarser("hour", Level::Minute)).await?,
            Self::prepare(client, Level::Day, &coarser("day", Level::Hour)).await?,
        ])
    }

    async fn prepare(client: &Client, level: Level, select: &str) -> Result<Self, WriteError> {
        let upsert = UPSERT.replace("TABLE", level.table()).replace("SELECT", select);
        Ok(Self {
            level,
            given: client.prepare(&upsert.replace("RANGES", GIVEN)).await?,
            everybody: client.prepare(&upsert.replace("RANGES", EVERYBODY)).await?,
        })
    }

    /// Computes the buckets of the ranges, which are made of whole ones; returns how many changed.
    pub async fn compute(&self, client: &Client, ranges: &[Range]) -> Result<u64, WriteError> {
        run(client, &self.given, ranges, &[]).await
    }

    /// The same for the series of these ids, whichever the range names.
    pub async fn compute_all(
        &self,
        client: &Client,
        range: Range,
        ids: std::ops::Range<SeriesId>,
    ) -> Result<u64, WriteError> {
        run(client, &self.everybody, &[range], &[&ids.start, &ids.end]).await
    }
}

async fn run(
    client: &Client,
    statement: &Statement,
    ranges: &[Range],
    more: &[&(dyn ToSql + Sync)],
) -> Result<u64, WriteError> {
    let first = ranges.iter().map(|range| range.from).min();
    let last = ranges.iter().map(|range| range.to).max();
    let Some((first, last)) = first.zip(last) else {
        return Ok(0);
    };
    let (series, from, to) = columns(ranges, 0);
    let (first, last) = (Micros(first), Micros(last));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&series, &from, &to, &first, &last];
    values.extend(more);
    Ok(client.execute(statement, &values).await?)
}
