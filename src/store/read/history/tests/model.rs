//! A database with rollups as a refresher would have left them, and points that came later.

use std::collections::BTreeMap;

use crate::data::{Aggregate, Columns, Grid, Micros, SeriesId};
use crate::store::level::{DAY, MINUTE};
use crate::store::read::{ReadLimits, Reader};
use crate::store::testing::Database;

pub type Points = BTreeMap<(SeriesId, i64), f64>;

/// The first of the days that have a partition, and how many there are.
pub const FIRST: i64 = 20_000 * DAY;
pub const DAYS: i64 = 4;

const REFRESH: &str = "
    insert into rollup_1m
    select series_id, date_trunc('minute', ts, 'UTC'), count(*),
           case when max(abs(value)) < 1e290 then sum(value) filter (where abs(value) < 1e290) end,
           case when max(abs(value)) < 1e140 then
                var_pop(value) filter (where abs(value) < 1e140) * count(*) end,
           min(value), max(value), (array_agg(value order by ts))[1], (array_agg(value order by ts desc))[1],
           (array_agg(ts order by value, ts))[1], (array_agg(ts order by value desc, ts))[1]
    from points where ts < (select edge from rollup_edge) group by 1, 2;";

/// One level from the next finer.
fn coarser(level: &str, unit: &str, finer: &str) -> String {
    format!(
        "insert into {level}
         select series_id, bucket, sum(count),
                case when count(sum) = count(*) then sum(sum) end,
                case when count(m2) = count(*) then
                     sum(m2 + count * (sum / count - mean) ^ 2) filter (where m2 is not null) end,
                min(min), max(max), (array_agg(first order by ts))[1], (array_agg(last order by ts desc))[1],
                (array_agg(min_at order by min, ts))[1], (array_agg(max_at order by max desc, ts))[1]
         from (select *, sum(sum) filter (where m2 is not null) over w
                         / sum(count) filter (where m2 is not null) over w as mean
               from (select *, date_trunc('{unit}', ts, 'UTC') as bucket from {finer}) f
               window w as (partition by series_id, bucket)) f
         group by 1, 2;"
    )
}

pub struct World {
    pub db: Database,
    pub reader: Reader,
}

impl World {
    pub async fn new() -> Self {
        Self::with(ReadLimits::default()).await
    }

    pub async fn with(limits: ReadLimits) -> Self {
        let db = Database::create().await;
        let mut statements = "set timezone = 'UTC';".to_owned();
        for day in (0..DAYS).map(|day| FIRST + day * DAY) {
            for table in ["points", "rollup_1m", "rollup_1h", "rollup_1d"] {
                let nr = (day - FIRST) / DAY;
                let (from, to) = (Micros(day), Micros(day + DAY));
                statements += &format!(
                    "create table {table}_{nr} partition of {table} for values from ('{from}') to ('{to}');"
                );
            }
        }
        db.run(&statements).await;
        let reader = Reader::new(db.url.clone(), limits).unwrap();
        Self { db, reader }
    }

    pub async fn clear(&self) {
        self.db
            .run("truncate points, rollup_1m, rollup_1h, rollup_1d, invalidations, horizons, restored, days, archives")
            .await;
    }

    pub async fn add(&self, points: &Points) {
        let row = |((id, ts), value): (&(SeriesId, i64), &f64)| {
            format!("({id}, 1, '{}', '{value:e}'::float8, 0, now())", Micros(*ts))
        };
        let rows: Vec<String> = points.iter().map(row).collect();
        for rows in rows.chunks(1_000) {
            let rows = rows.join(",");
            self.db
                .run(&format!(
                    "insert into points values {rows}
                     on conflict (series_id, ts) do update set value = excluded.value"
                ))
                .await;
        }
    }

    /// Makes rollups of what is stored below `edge`, those of hours and days that have not ended too.
    pub async fn refresh(&self, edge: i64) {
        let statements = [
            format!("update rollup_edge set edge = '{}';", Micros(edge)),
            REFRESH.to_owned(),
            coarser("rollup_1h", "hour", "rollup_1m"),
            coarser("rollup_1d", "day", "rollup_1h"),
        ];
        self.db.run(&statements.concat()).await;
    }

    /// Stores points as the writer does: each commit says what it changed.
    pub async fn add_late(&self, commit: &Points) {
        self.add(commit).await;
        let mut ranges: BTreeMap<SeriesId, (i64, i64)> = BTreeMap::new();
        for (id, ts) in commit.keys() {
            let range = ranges.entry(*id).or_insert((*ts, *ts));
            *range = (range.0.min(*ts), range.1.max(*ts));
        }
        let row = |(id, (from, to)): (&SeriesId, &(i64, i64))| {
            format!(
                "({id}, timestamptz '{}', timestamptz '{}')",
                Micros(*from),
                Micros(*to)
            )
        };
        let rows: Vec<String> = ranges.iter().map(row).collect();
        if !rows.is_empty() {
            self.db
                .run(&format!(
                    "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
                     select min(f), max(t), array_agg(id), array_agg(f), array_agg(t)
                     from (values {}) v(id, f, t)",
                    rows.join(",")
                ))
                .await;
        }
    }

    pub async fn stop_raw_at(&self, floor: i64) {
        self.db
            .run(&format!(
                "insert into series (id, key, metric, labels, stream) overriding system value
                 values (1, 'm', 'm', '{{}}', 's'), (2, 'n', 'n', '{{}}', 'other') on conflict do nothing;
                 insert into horizons values ('s', 'raw', '{0}');
                 delete from points where ts < '{0}' and series_id = 1",
                Micros(floor)
            ))
            .await;
    }
}

/// What should come of `points`.
pub fn fold(
    points: &Points,
    ids: &[SeriesId],
    (from, to): (i64, i64),
    grid: &Grid,
    wanted: &[Aggregate],
) -> Vec<(SeriesId, Columns)> {
    let of_series = |id: &SeriesId| {
        let mut line = Columns::new(wanted.len());
        let all: Vec<(i64, f64)> = points
            .range((*id, i64::MIN)..=(*id, i64::MAX))
            .map(|((_, ts), v)| (*ts, *v))
            .collect();
        let first = all.partition_point(|(ts, _)| *ts < from);
        let last = all.partition_point(|(ts, _)| *ts < to);
        let mut before = first.checked_sub(1).map(|at| all[at].1);
        let inside = all[first..last].chunk_by(|a, b| grid.bucket(Micros(a.0)) == grid.bucket(Micros(b.0)));
        for bucket in inside {
            let start = grid.bucket(Micros(bucket[0].0));
            let width = (grid.end(start).0 - start.0) as f64 / 1e6;
            let values: Vec<f64> = bucket.iter().map(|(_, v)| *v).collect();
            line.push(start, wanted.iter().map(|a| one(*a, &values, before, width)));
            before = values.last().copied();
        }
        (!line.is_empty()).then_some((*id, line))
    };
    ids.iter().filter_map(of_series).collect()
}

fn one(aggregate: Aggregate, values: &[f64], before: Option<f64>, width: f64) -> Option<f64> {
    let n = values.len() as f64;
    let (first, last) = (values[0], values[values.len() - 1]);
    // A power of two, so that the rest is the same at any size.
    let largest = values
        .iter()
        .chain(&before)
        .fold(0f64, |most, v| most.max(v.abs()));
    let scale = if largest < 1e140 { 1.0 } else { 2f64.powi(-600) };
    let scaled: Vec<f64> = values.iter().map(|v| v * scale).collect();
    let mean = scaled.iter().sum::<f64>() / n;
    let increase = || {
        let mut prev = before.map(|before| before * scale);
        let mut total = 0.0;
        for v in &scaled {
            if let Some(prev) = prev {
                total += if *v >= prev { v - prev } else { *v };
            }
            prev = Some(*v);
        }
        total / scale
    };
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let value = match aggregate {
        Aggregate::Avg => (mean / scale).max(min).min(max),
        Aggregate::Sum => scaled.iter().sum::<f64>() / scale,
        Aggregate::Min => min,
        Aggregate::Max => max,
        Aggregate::Count => n,
        Aggregate::First => first,
        Aggregate::Last => last,
        Aggregate::Stddev => (scaled.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt() / scale,
        Aggregate::Percentile(percent) => {
            let mut sorted = scaled;
            sorted.sort_by(f64::total_cmp);
            let at = percent / 100.0 * (n - 1.0);
            let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
            (low + (high - low) * (at - at.floor())) / scale
        }
        Aggregate::Increase => increase(),
        Aggregate::Rate => increase() / width,
        Aggregate::Delta => last - before.unwrap_or(first),
    };
    value.is_finite().then_some(value)
}

/// Equal to 1e-12 of the values' size, which is at most `size`.
pub fn assert_alike(got: &[(SeriesId, Columns)], wanted: &[(SeriesId, Columns)], exact: &[bool], size: f64) {
    let shape = |lines: &[(SeriesId, Columns)]| {
        lines
            .iter()
            .map(|(id, line)| (*id, line.times.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(shape(got), shape(wanted));
    for ((_, got), (_, wanted)) in got.iter().zip(wanted) {
        for ((got, wanted), exact) in got.columns.iter().zip(&wanted.columns).zip(exact) {
            for (got, wanted) in got.iter().zip(wanted) {
                let alike = match (got, wanted) {
                    (Some(got), Some(wanted)) if !exact => {
                        (got - wanted).abs() <= 1e-12 * size.max(wanted.abs())
                    }
                    _ => got == wanted,
                };
                assert!(alike, "{got:?} is not {wanted:?}");
            }
        }
    }
}

/// A whole minute of the days that have partitions.
pub fn minute(nr: i64) -> i64 {
    FIRST + nr * MINUTE
}
