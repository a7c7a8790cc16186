//! One statement for all pieces of all series: of each level the rows of its pieces, already folded
//! into the buckets of the grid.

use std::fmt::Write;
use std::ops::Range;

use diesel::data_types::{PgInterval, PgTimestamp};
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Double, Integer, Interval, Timestamptz};

use super::plan::Piece;
use crate::data::{Aggregate, Grid, Micros, SeriesId};
use crate::store::level::Level;
use crate::store::micros::to_pg;
use crate::store::timestamp::POSTGRES_EPOCH;

pub(super) type Query = BoxedSqlQuery<'static, Pg, SqlQuery>;

/// The aggregates that cost extra; count, min and max are always read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Needs {
    pub sum: bool,
    pub stddev: bool,
    pub first_last: bool,
    /// The value before the span.
    pub before: bool,
    pub increase: bool,
    /// As fractions of 1.
    pub percentiles: Vec<f64>,
    /// From values scaled down so far that nothing overflows; only where something did.
    pub scaled: bool,
}

/// 2^-600, a power of two, so that scaling is exact. Squares of the largest values can then be summed,
/// and squares of values just large enough to need scaling do not vanish.
pub(super) const SCALE: f64 = f64::from_bits((1_023 - 600) << 52);

impl Needs {
    pub fn of(wanted: &[Aggregate]) -> Self {
        let mut needs = Self::default();
        for aggregate in wanted {
            match *aggregate {
                Aggregate::Min | Aggregate::Max | Aggregate::Count => {}
                Aggregate::Avg | Aggregate::Sum => needs.sum = true,
                Aggregate::Stddev => (needs.sum, needs.stddev) = (true, true),
                Aggregate::First | Aggregate::Last => needs.first_last = true,
                Aggregate::Delta => (needs.first_last, needs.before) = (true, true),
                Aggregate::Increase | Aggregate::Rate => (needs.increase, needs.before) = (true, true),
                Aggregate::Percentile(percent) => needs.percentiles.push(percent / 100.0),
            }
        }
        needs
    }
}

pub(super) struct Statement<'a> {
    pieces: &'a [Piece],
    grid: &'a Grid,
    origin: Micros,
    limit: i64,
}

/// The pieces of one level.
#[derive(Default)]
struct OfLevel {
    numbers: Vec<i32>,
    ids: Vec<SeriesId>,
    since: Vec<PgTimestamp>,
    until: Vec<PgTimestamp>,
    /// It contains all of them, so that the planner can leave partitions out.
    span: Option<Range<i64>>,
}

impl<'a> Statement<'a> {
    /// Returns at most `limit` rows. Their `nr` is the index of their piece.
    pub fn new(pieces: &'a [Piece], grid: &'a Grid, from: Micros, limit: i64) -> Self {
        Self {
            pieces,
            grid,
            // The bucket of `from`: the same grid, and never a time before the origin, where
            // date_bin's rounding differed between versions of Postgres.
            origin: match grid {
                Grid::Even(step) => step.bucket(from),
                Grid::Calendar(_) => from,
            },
            limit,
        }
    }

    /// Behind `explain`, which is empty but in tests.
    pub fn aggregates(&self, explain: &str, needs: &Needs) -> Query {
        let percentiles = (!needs.percentiles.is_empty()).then(|| needs.percentiles.clone());
        let shared = 1 + self.grid_parameters() + usize::from(percentiles.is_some());
        let mut text = explain.to_owned();
        self.union(&mut text, shared, |level, from, bucket| match level {
            Level::Raw => of_points(needs, from, bucket, shared),
            _ => of_rollups(needs, from, bucket),
        });
        let mut query = self.bind_shared(text);
        if let Some(percentiles) = percentiles {
            query = query.bind::<Array<Double>, _>(percentiles);
        }
        self.bind_pieces(query)
    }

    /// The union over all levels that have pieces of what `select` returns, up to the limit. `select`
    /// gets the level, the text after `from` and the expression for a row's bucket.
    pub fn union(&self, text: &mut String, shared: usize, select: impl Fn(Level, &str, &str) -> String) {
        let bucket = match self.grid {
            Grid::Even(_) => "date_bin($2, ts, $3)",
            Grid::Calendar(_) => "($2::timestamptz[])[width_bucket(ts, $2::timestamptz[])]",
        };
        let mut separator = "";
        for (at, (level, _)) in self.levels().into_iter().enumerate() {
            let n = shared + at * 6;
            let (numbers, ids, since, until) = (n + 1, n + 2, n + 3, n + 4);
            let rows = format!(
                "{} where series_id = s.id and ts >= s.since and ts < s.until and ts >= ${} and ts < ${}",
                level.table(),
                n + 5,
                n + 6
            );
            let select = select(level, &rows, bucket);
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "{separator}
select s.nr, b.* from unnest(${numbers}, ${ids}, ${since}, ${until}) as s(nr, id, since, until)
{select}"
            );
            separator = "\nunion all";
        }
        text.push_str("\nlimit $1");
    }

    pub fn bind_shared(&self, text: String) -> Query {
        let query = diesel::sql_query(text).into_boxed().bind::<BigInt, _>(self.limit);
        match self.grid {
            Grid::Even(step) => query
                .bind::<Interval, _>(PgInterval::from_microseconds(step.micros()))
                .bind::<Timestamptz, _>(unbounded(self.origin)),
            Grid::Calendar(bounds) => {
                let bounds: Vec<PgTimestamp> = bounds.iter().map(|bound| unbounded(*bound)).collect();
                query.bind::<Array<Timestamptz>, _>(bounds)
            }
        }
    }

    pub fn bind_pieces(&self, mut query: Query) -> Query {
        for (_, of_level) in self.levels() {
            let span = of_level.span.unwrap_or_default();
            query = query
                .bind::<Array<Integer>, _>(of_level.numbers)
                .bind::<Array<Integer>, _>(of_level.ids)
                .bind::<Array<Timestamptz>, _>(of_level.since)
                .bind::<Array<Timestamptz>, _>(of_level.until)
                .bind::<Timestamptz, _>(to_pg(Micros(span.start)))
                .bind::<Timestamptz, _>(to_pg(Micros(span.end)));
        }
        query
    }

    pub fn grid_parameters(&self) -> usize {
        match self.grid {
            Grid::Even(_) => 2,
            Grid::Calendar(_) => 1,
        }
    }

    fn levels(&self) -> Vec<(Level, OfLevel)> {
        let mut levels: [OfLevel; 4] = Default::default();
        for (nr, piece) in (0..).zip(self.pieces) {
            let level = &mut levels[piece.level as usize];
            let Range { start, end } = piece.span;
            level.numbers.push(nr);
            level.ids.push(piece.series_id);
            level.since.push(to_pg(Micros(start)));
            level.until.push(to_pg(Micros(end)));
            let so_far = level.span.take().unwrap_or(start..end);
            level.span = Some(so_far.start.min(start)..so_far.end.max(end));
        }
        let used = Level::ALL.into_iter().zip(levels);
        used.filter(|(_, level)| !level.ids.is_empty()).collect()
    }
}

/// A bound of buckets may lie before the first time there is; Postgres has times before it.
fn unbounded(time: Micros) -> PgTimestamp {
    PgTimestamp(time.0.saturating_sub(POSTGRES_EPOCH))
}

/// `what` if it is wanted.
fn only(wanted: bool, what: &'static str) -> &'static str {
    if wanted { what } else { "null::float8" }
}

// A filtered sum is not computed at all for what the filter leaves out, so nothing overflows. First
// and last are two probes of the primary key for each bucket, cheaper than collecting the bucket's
// values in memory.
fn of_points(needs: &Needs, rows: &str, bucket: &str, percentiles: usize) -> String {
    let (value, rows, scale) = match needs.scaled {
        false => ("value".to_owned(), rows.to_owned(), 1.0),
        // Values that are tiny beside them count as zero: in Postgres a product that underflows is an
        // error.
        true => {
            let value = format!("case when abs(value) < 1e-100 then 0 else value * {SCALE:e}::float8 end");
            let rows = format!("(select ts, {value} as value from {rows}) v");
            (value, rows, SCALE)
        }
    };
    let sum = only(
        needs.sum,
        "case when max(value) < 1e290 and min(value) > -1e290 then
             sum(value) filter (where value < 1e290 and value > -1e290) end",
    );
    let m2 = only(
        needs.stddev,
        "case when max(value) < 1e140 and min(value) > -1e140 then
             var_pop(value) filter (where value < 1e140 and value > -1e140) * count(*) end",
    );
    let before = match needs.before {
        true => format!(
            "(select {value} from points where series_id = s.id and ts < s.since order by ts desc limit 1)"
        ),
        false => "null::float8".to_owned(),
    };
    let increase = only(
        needs.increase,
        "case when max(greatest(abs(value), abs(prev))) < 1e290 then
             coalesce(sum(case when value >= prev then value - prev else value end)
                      filter (where abs(value) < 1e290 and abs(prev) < 1e290), 0) end",
    );
    let percentiles = if needs.percentiles.is_empty() {
        "'{}'::float8[]".to_owned()
    } else {
        format!("percentile_cont(${percentiles}) within group (order by value)")
    };
    let first = only(
        needs.first_last,
        "(select value from points f where f.series_id = s.id and f.ts = b.first_ts)",
    );
    let last = only(
        needs.first_last,
        "(select value from points l where l.series_id = s.id and l.ts = b.last_ts)",
    );
    let rows = if needs.increase {
        format!("(select ts, value, lag(value, 1, q.before) over (order by ts) as prev from {rows}) p")
    } else {
        rows
    };
    format!(
        "cross join lateral (select {before} as before) q
cross join lateral (
    select b.bucket, b.count, b.sum, b.m2, b.min, b.max, {first} as first, {last} as last,
           q.before, b.increase, b.percentiles, {scale:e}::float8 as scale
    from (
        select {bucket} as bucket, count(*) as count, {sum} as sum, {m2} as m2,
               min(value) as min, max(value) as max, min(ts) as first_ts, max(ts) as last_ts,
               {increase} as increase, {percentiles} as percentiles
        from {rows}
        group by 1
    ) b
) b"
    )
}

// Deviations add up around the mean of the whole bucket, which a window over its rows knows.
fn of_rollups(needs: &Needs, rows: &str, bucket: &str) -> String {
    let sum = only(needs.sum, "case when count(sum) = count(*) then sum(sum) end");
    let m2 = only(
        needs.stddev,
        "case when count(m2) = count(*) then
             sum(m2 + count * (sum / count - mean) * (sum / count - mean)) filter (where m2 is not null) end",
    );
    let first = only(needs.first_last, "(array_agg(first order by ts))[1]");
    let last = only(needs.first_last, "(array_agg(last order by ts desc))[1]");
    let (bucket, rows) = if needs.stddev {
        let rows = format!(
            "(select *, sum(sum) filter (where m2 is not null) over w
                      / sum(count) filter (where m2 is not null) over w as mean
              from (select *, {bucket} as bucket from {rows}) r
              window w as (partition by bucket)) r"
        );
        ("bucket", rows)
    } else {
        (bucket, rows.to_owned())
    };
    format!(
        "cross join lateral (
    select {bucket} as bucket, sum(count)::bigint as count, {sum} as sum, {m2} as m2,
           min(min) as min, max(max) as max, {first} as first, {last} as last,
           null::float8 as before, null::float8 as increase, '{{}}'::float8[] as percentiles,
           1::float8 as scale
    from {rows}
    group by 1
) b"
    )
}
