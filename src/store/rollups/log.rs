//! The invalidation log for the refresher: taking entries and putting the rest back.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::data::{Micros, SeriesId};
use crate::store::error::WriteError;
use crate::store::level::{MINUTE, round_down, round_up};

use super::ranges::Range;

/// Rows, and ranges in them, that one pass takes.
const ROWS: i64 = 500;
const RANGES: i64 = 200_000;
/// Ranges in one row that goes back.
const RANGES_BACK: usize = 5_000;

// The first row is taken however long it is.
const TAKE: &str = "select id, series_ids, from_ts, to_ts from (
        select *, sum(cardinality(series_ids)) over (order by id) - cardinality(series_ids) as before
        from (select * from invalidations where min_ts < $1 order by id limit $2) oldest
    ) counted where before < $3";

const PUT_BACK: &str = "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
    values ($1, $2, $3, $4, $5)";

/// Rows of the log, and the ranges in them.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub ids: Vec<i64>,
    pub ranges: Vec<Range>,
}

/// The oldest rows with changes before `edge`.
pub(super) async fn take(client: &Client, edge: i64) -> Result<Taken, WriteError> {
    let mut taken = Taken::default();
    for row in client.query(TAKE, &[&Micros(edge), &ROWS, &RANGES]).await? {
        taken.ids.push(row.get(0));
        let series: Vec<SeriesId> = row.get(1);
        let (from, to): (Vec<Micros>, Vec<Micros>) = (row.get(2), row.get(3));
        let ranges = series.into_iter().zip(from.into_iter().zip(to));
        taken.ranges.extend(ranges.map(|(series, (from, to))| Range {
            series,
            from: round_down(from.0, MINUTE),
            // The last time is included.
            to: round_up(to.0 + 1, MINUTE),
        }));
    }
    Ok(taken)
}

pub(super) async fn forget(client: &Client, taken: &Taken) -> Result<(), WriteError> {
    let delete = "delete from invalidations where id = any($1)";
    client.execute(delete, &[&taken.ids]).await?;
    Ok(())
}

/// Writes the ranges as rows of the log; ordered ones, so that a row is about few series.
pub(super) async fn put_back(client: &Client, ranges: &[Range]) -> Result<(), WriteError> {
    for some in ranges.chunks(RANGES_BACK) {
        let (series, from, to) = columns(some, 1);
        let (oldest, newest) = (from.iter().min(), to.iter().max());
        let values: [&(dyn ToSql + Sync); 5] = [&oldest, &newest, &series, &from, &to];
        client.execute(PUT_BACK, &values).await?;
    }
    Ok(())
}

/// The ranges as arrays; `less` is taken off their ends.
pub(super) fn columns(ranges: &[Range], less: i64) -> (Vec<SeriesId>, Vec<Micros>, Vec<Micros>) {
    let series = ranges.iter().map(|range| range.series);
    let from = ranges.iter().map(|range| Micros(range.from));
    let to = ranges.iter().map(|range| Micros(range.to - less));
    (series.collect(), from.collect(), to.collect())
}
