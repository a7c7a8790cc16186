//! The points that shape a line: the lowest and the highest of each bucket.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{Double, Integer, Timestamptz};

use super::super::{ReadError, Reader, ids};
use super::partial::{Part, joined};
use super::plan;
use super::statement::{Query, Statement};
use super::{FoundPoint, points_query};
use crate::data::{Columns, Grid, Matched, Micros, SeriesId, Step};
use crate::store::level::Level;
use crate::store::prepared;

const ENDS: &str = "
select s.nr, p.ts, p.value
from unnest($1) with ordinality as s(id, nr)
cross join lateral (
    (select ts, value from points where series_id = s.id and ts >= $2 and ts < $3 order by ts limit 1)
    union all
    (select ts, value from points where series_id = s.id and ts >= $2 and ts < $3 order by ts desc limit 1)
) p
limit $4";

impl Reader {
    /// For each series the first and the last point with `from <= ts < to`, and for each bucket of
    /// `width` the lowest and the highest, each where it was first reached; in the order of `of`, then
    /// by time, each time once. All are stored points. Where retention has dropped points and only
    /// rollups know their extremes, the first and the last may be missing.
    ///
    /// # Errors
    /// `TooManyRows` when there are more buckets than rows are allowed; `NotAvailable` where
    /// retention has dropped what the answer needs.
    pub async fn extremes(
        &self,
        of: &[Matched],
        from: Micros,
        to: Micros,
        width: Step,
    ) -> Result<Vec<(SeriesId, Columns)>, ReadError> {
        let ids = &ids(of);
        if ids.is_empty() || from >= to {
            return Ok(Vec::new());
        }
        let grid = Grid::Even(width);
        let levels = plan::nesting(&grid, from, to);
        let coarsest = levels.first().copied().unwrap_or(Level::Raw);
        self.in_snapshot(super::class(ids, from, to, coarsest), async |loan| {
            let plan = super::plan(loan, ids, from, to, &levels).await?;
            let statement = Statement::new(&plan.pieces, &grid, from, self.bucket_limit(&plan));
            let rows: Vec<Row> = loan.load(query(&statement, "")).await?;
            let rows = self.whole(joined(rows, &plan.pieces))?;
            let every = i64::try_from(2 * ids.len()).unwrap_or(i64::MAX);
            let ends = points_query(ENDS, ids, from, to, every);
            let ends: Vec<FoundPoint> = loan.load(prepared::Statement::once(ends)).await?;
            Ok(lines(ids, &rows, &ends))
        })
        .await
    }
}

/// Behind `explain`, which is empty but in tests.
pub(super) fn query(statement: &Statement<'_>, explain: &str) -> Query {
    let mut text = explain.to_owned();
    statement.union(
        &mut text,
        1 + statement.grid_parameters(),
        |level, rows, bucket| {
            let [low, low_at, high, high_at] = match level {
                Level::Raw => ["value", "ts", "value", "ts"],
                _ => ["min", "min_at", "max", "max_at"],
            };
            format!(
                "cross join lateral (
    select bucket, lowest, min({low_at}) filter (where {low} = lowest) as lowest_at,
           highest, min({high_at}) filter (where {high} = highest) as highest_at
    from (
        select *, min({low}) over w as lowest, max({high}) over w as highest
        from (select *, {bucket} as bucket from {rows}) r
        window w as (partition by bucket)
    ) r
    group by bucket, lowest, highest
) b"
            )
        },
    );
    statement.bind_pieces(statement.bind_shared(text))
}

fn lines(ids: &[SeriesId], rows: &[(SeriesId, Row)], ends: &[FoundPoint]) -> Vec<(SeriesId, Columns)> {
    let mut points: HashMap<SeriesId, BTreeMap<Micros, f64>> = HashMap::new();
    for (id, row) in rows {
        let of_series = points.entry(*id).or_default();
        of_series.insert(row.lowest_at, row.lowest);
        of_series.insert(row.highest_at, row.highest);
    }
    for end in ends {
        let place = usize::try_from(end.nr).ok().and_then(|nr| nr.checked_sub(1));
        if let Some(id) = place.and_then(|place| ids.get(place)) {
            points.entry(*id).or_default().insert(end.ts, end.value);
        }
    }
    let line = |id: &SeriesId| {
        let of_series = points.remove(id)?;
        let (times, values): (Vec<_>, Vec<_>) = of_series.into_iter().map(|(ts, v)| (ts, Some(v))).unzip();
        Some((
            *id,
            Columns {
                times,
                columns: vec![values],
            },
        ))
    };
    ids.iter().filter_map(line).collect()
}

#[derive(QueryableByName)]
struct Row {
    /// Which piece.
    #[diesel(sql_type = Integer)]
    nr: i32,
    #[diesel(sql_type = Timestamptz)]
    bucket: Micros,
    #[diesel(sql_type = Double)]
    lowest: f64,
    #[diesel(sql_type = Timestamptz)]
    lowest_at: Micros,
    #[diesel(sql_type = Double)]
    highest: f64,
    #[diesel(sql_type = Timestamptz)]
    highest_at: Micros,
}

impl Part for Row {
    fn place(&self) -> (i32, Micros) {
        (self.nr, self.bucket)
    }

    fn absorb(&mut self, later: &Self) {
        if later.lowest < self.lowest {
            (self.lowest, self.lowest_at) = (later.lowest, later.lowest_at);
        }
        if later.highest > self.highest {
            (self.highest, self.highest_at) = (later.highest, later.highest_at);
        }
    }
}
