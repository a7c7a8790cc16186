//! The statements that make rollups: minutes from points, hours from minutes, days from hours.
//!
//! Each takes (series, since, until) as three arrays and writes only rows that differ.

/// From the points themselves. Sums are taken only of what can be summed up without an overflow,
/// which would fail the statement for all other buckets.
const POINTS: &str = "
    select date_bin('1 minute', ts, 'epoch') as ts, count(*) as count,
           case when max(abs(value)) < 1e290 then sum(value) filter (where abs(value) < 1e290) end as sum,
           case when max(abs(value)) < 1e140
                then var_pop(value) filter (where abs(value) < 1e140) * count(*) end as m2,
           min(value) as min, max(value) as max,
           (array_agg(value order by ts))[1] as first, (array_agg(value order by ts desc))[1] as last,
           (array_agg(ts order by value, ts))[1] as min_at,
           (array_agg(ts order by value desc, ts))[1] as max_at
    from points where series_id = w.id and ts >= w.since and ts < w.until
    group by 1";

/// From the rollup below: squared deviations add up with those of the parts' means.
fn parts(width: &str, table: &str) -> String {
    format!(
        "select bucket as ts, sum(count)::bigint as count,
                case when count(*) = count(sum) then sum(sum) end as sum,
                case when count(*) = count(m2)
                     then sum(m2) + sum(count * (sum / count - mean) ^ 2) filter (where m2 is not null) end as m2,
                min(min) as min, max(max) as max,
                (array_agg(first order by ts))[1] as first, (array_agg(last order by ts desc))[1] as last,
                (array_agg(min_at order by min, ts))[1] as min_at,
                (array_agg(max_at order by max desc, ts))[1] as max_at
         from (
             select r.*, date_bin('{width}', ts, 'epoch') as bucket,
                    case when m2 is not null then
                        sum(sum) filter (where m2 is not null) over same / sum(count) over same end as mean
             from {table} r where series_id = w.id and ts >= w.since and ts < w.until
             window same as (partition by date_bin('{width}', ts, 'epoch'))
         ) p
         group by bucket"
    )
}

fn upsert(table: &str, from: &str) -> String {
    format!(
        "insert into {table} as r
             (series_id, ts, count, sum, m2, min, max, first, last, min_at, max_at)
         select w.id, b.ts, b.count, b.sum, b.m2, b.min, b.max, b.first, b.last, b.min_at, b.max_at
         from unnest($1::integer[], $2::timestamptz[], $3::timestamptz[]) as w(id, since, until)
         cross join lateral ({from}) b
         on conflict (series_id, ts) do update set
             count = excluded.count, sum = excluded.sum, m2 = excluded.m2,
             min = excluded.min, max = excluded.max, first = excluded.first, last = excluded.last,
             min_at = excluded.min_at, max_at = excluded.max_at
         where (r.count, r.sum, r.m2, r.min, r.max, r.first, r.last, r.min_at, r.max_at)
             is distinct from (excluded.count, excluded.sum, excluded.m2, excluded.min, excluded.max,
                 excluded.first, excluded.last, excluded.min_at, excluded.max_at)"
    )
}

pub(super) fn minutes() -> String {
    upsert("rollup_1m", POINTS)
}

pub(super) fn hours() -> String {
    upsert("rollup_1h", &parts("1 hour", "rollup_1m"))
}

pub(super) fn days() -> String {
    upsert("rollup_1d", &parts("1 day", "rollup_1h"))
}
