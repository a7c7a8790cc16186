//! Many series over one span of time: their points, or aggregates over the buckets of a grid.
//!
//! A query is answered in one snapshot. It first reads which rollups are complete ([`state`]), then cuts
//! the span into pieces and gives each to the coarsest level that answers exactly ([`mod@plan`]). One
//! statement reads all pieces of all series ([`statement`]), and the parts of one bucket are joined
//! ([`partial`]).

mod buckets;
mod extremes;
mod partial;
mod plan;
mod state;
mod statement;
#[cfg(test)]
mod tests;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Integer, Timestamptz};

use self::partial::Partial;
use self::plan::Plan;
use self::state::State;
use self::statement::{Needs, Statement};
use super::pool::Loan;
use super::{ReadError, Reader, ids};
use crate::data::{Aggregate, Class, Columns, Grid, Matched, Micros, SeriesId};
use crate::store::level::Level;
use crate::store::micros::to_pg;
use crate::store::prepared;

const POINTS: &str = "
select s.nr, p.ts, p.value
from unnest($1) with ordinality as s(id, nr)
cross join lateral (
    select ts, value from points
    where series_id = s.id and ts >= $2 and ts < $3
    order by ts limit $4
) p
limit $4";

impl Reader {
    /// The points with `from <= ts < to` of each series that has any, in the order of `of`.
    ///
    /// # Errors
    /// `TooManyRows` when all series together have more rows than the limit; `NotAvailable` where
    /// retention has dropped some of them.
    pub async fn stored(
        &self,
        of: &[Matched],
        from: Micros,
        to: Micros,
    ) -> Result<Vec<(SeriesId, Columns)>, ReadError> {
        let ids = &ids(of);
        if ids.is_empty() || from >= to {
            return Ok(Vec::new());
        }
        let class = class(ids, from, to, Level::Raw);
        let rows = self.in_snapshot(class, async |loan| {
            points(loan, POINTS, ids, from, to, self.one_too_many()).await
        });
        let mut rows = self.whole(rows.await?)?;
        // Sorted here, so that the statement can stop early at the limit.
        rows.sort_unstable_by_key(|row| (row.nr, row.ts));
        let points = rows.chunk_by(|a, b| a.nr == b.nr).filter_map(|rows| {
            let id = ids.get(usize::try_from(rows.first()?.nr).ok()?.checked_sub(1)?)?;
            let line = Columns {
                times: rows.iter().map(|row| row.ts).collect(),
                columns: vec![rows.iter().map(|row| Some(row.value)).collect()],
            };
            Some((*id, line))
        });
        Ok(points.collect())
    }

    /// The aggregates of the points with `from <= ts < to` over the buckets of `grid`, of each
    /// series that has any, in the order of `of`; buckets without points are left out. The first
    /// and the last bucket may be cut by `from` and `to`. `None` stands where no double can hold a
    /// value, and for sums beyond 1e290 and deviations beyond 1e140 where only rollups are left.
    ///
    /// # Errors
    /// As [`stored`](Self::stored).
    pub async fn aggregated(
        &self,
        of: &[Matched],
        from: Micros,
        to: Micros,
        grid: &Grid,
        wanted: &[Aggregate],
    ) -> Result<Vec<(SeriesId, Columns)>, ReadError> {
        let ids = &ids(of);
        if ids.is_empty() || from >= to {
            return Ok(Vec::new());
        }
        let levels = if wanted.iter().all(|aggregate| aggregate.is_in_rollups()) {
            plan::nesting(grid, from, to)
        } else {
            vec![Level::Raw]
        };
        let coarsest = levels.first().copied().unwrap_or(Level::Raw);
        let needs = Needs::of(wanted);
        self.in_snapshot(class(ids, from, to, coarsest), async |loan| {
            let plan = plan(loan, ids, from, to, &levels).await?;
            let limit = self.bucket_limit(&plan);
            let statement = Statement::new(&plan.pieces, grid, from, limit);
            let rows = loan.load(statement.aggregates("", &needs)).await?;
            let partials = partial::joined(rows, &plan.pieces);
            let mut partials = self.whole(partials)?;
            if let Some((ids, first, last)) = partial::overflown(&partials, &needs, grid) {
                let span = (from.max(first), to.min(last));
                let scaled = scaled(loan, &ids, span, grid, &needs, limit).await?;
                partial::complete(&mut partials, &needs, scaled);
            }
            Ok(partial::lines(&partials, grid, wanted))
        })
        .await
    }

    /// Every seam between two pieces may cut one bucket in two.
    fn bucket_limit(&self, plan: &Plan) -> i64 {
        self.one_too_many()
            .saturating_add_unsigned(plan.pieces.len() as u64)
    }
}

/// The points that `statement` finds, where retention keeps all of the span. The loan must be in a
/// transaction, so that nothing is dropped between the check and the read.
///
/// # Errors
/// As [`are_kept`].
pub(super) async fn points(
    loan: &mut Loan,
    statement: &'static str,
    ids: &[SeriesId],
    from: Micros,
    to: Micros,
    limit: i64,
) -> Result<Vec<FoundPoint>, ReadError> {
    are_kept(loan, ids, from, to).await?;
    let query = points_query(statement, ids, from, to, limit);
    loan.load(prepared::Statement::once(query)).await
}

fn points_query(
    text: impl Into<String>,
    ids: &[SeriesId],
    from: Micros,
    to: Micros,
    limit: i64,
) -> diesel::query_builder::BoxedSqlQuery<'static, diesel::pg::Pg, diesel::query_builder::SqlQuery> {
    diesel::sql_query(text)
        .into_boxed()
        .bind::<Array<Integer>, _>(ids.to_vec())
        .bind::<Timestamptz, _>(to_pg(from))
        .bind::<Timestamptz, _>(to_pg(to))
        .bind::<BigInt, _>(limit)
}

/// Checks that retention keeps all points with `from <= ts < to` of these series. This holds until the
/// loan's transaction ends.
///
/// # Errors
/// `NotAvailable` where retention has dropped some of them.
pub(super) async fn are_kept(
    loan: &mut Loan,
    ids: &[SeriesId],
    from: Micros,
    to: Micros,
) -> Result<(), ReadError> {
    plan(loan, ids, from, to, &[Level::Raw]).await.map(drop)
}

/// A query that reads more rows than this is expensive. The number is estimated before anything is read,
/// as if each series had one point a second.
const CHEAP_ROWS: i64 = 100_000;

fn class(ids: &[SeriesId], from: Micros, to: Micros, level: Level) -> Class {
    let each = to.0.saturating_sub(from.0) / level.width().max(1_000_000);
    let all = each.saturating_mul(i64::try_from(ids.len()).unwrap_or(i64::MAX));
    if all > CHEAP_ROWS {
        Class::Heavy
    } else {
        Class::Cheap
    }
}

/// The same buckets of these series, computed from scaled points; none where points were dropped.
async fn scaled(
    loan: &mut Loan,
    ids: &[SeriesId],
    (from, to): (Micros, Micros),
    grid: &Grid,
    needs: &Needs,
    limit: i64,
) -> Result<Vec<(SeriesId, Partial)>, ReadError> {
    let plan = match plan(loan, ids, from, to, &[Level::Raw]).await {
        Err(ReadError::NotAvailable { .. }) => return Ok(Vec::new()),
        plan => plan?,
    };
    let needs = Needs {
        scaled: true,
        ..needs.clone()
    };
    let statement = Statement::new(&plan.pieces, grid, from, limit);
    let rows = loan.load(statement.aggregates("", &needs)).await?;
    Ok(partial::joined(rows, &plan.pieces))
}

/// Which level answers which part, by the state of the rollups in the loan's snapshot.
async fn plan(
    loan: &mut Loan,
    ids: &[SeriesId],
    from: Micros,
    to: Micros,
    levels: &[Level],
) -> Result<Plan, ReadError> {
    let query = state::query("", ids, from, to);
    let rows = loan.load(prepared::Statement::once(query)).await?;
    let plan = Plan::new(ids, from, to, levels, &State::from_rows(rows));
    match plan.missing.clone() {
        None => Ok(plan),
        Some(missing) => Err(ReadError::NotAvailable {
            earliest: missing.end,
            archived: is_archived(loan, missing).await?,
        }),
    }
}

/// True when the archive has everything that was dropped.
async fn is_archived(loan: &mut Loan, missing: std::ops::Range<Micros>) -> Result<bool, ReadError> {
    const ARCHIVED: &str = "
select count(a.day) > 0 and count(*) = count(a.day) as archived
from (select day from days union select day from archives) d
left join archives a on a.day = d.day
where d.day >= ($1 at time zone 'UTC')::date and d.day <= (($2 - interval '1 us') at time zone 'UTC')::date";
    #[derive(QueryableByName)]
    struct Archived {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        archived: bool,
    }
    let query = diesel::sql_query(ARCHIVED)
        .bind::<Timestamptz, _>(to_pg(missing.start))
        .bind::<Timestamptz, _>(to_pg(missing.end));
    let rows: Vec<Archived> = loan.load(query).await?;
    Ok(rows.first().is_some_and(|row| row.archived))
}

#[derive(QueryableByName)]
pub(super) struct FoundPoint {
    /// The series' place in the array, from 1.
    #[diesel(sql_type = BigInt)]
    pub nr: i64,
    #[diesel(sql_type = Timestamptz)]
    pub ts: Micros,
    #[diesel(sql_type = Double)]
    pub value: f64,
}
