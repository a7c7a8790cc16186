//! The row of `invalidations`: for each series of a transaction, the times in which points were
//! added or replaced. The rollup refresh uses it.

use tokio_postgres::{Client, Statement};

use crate::data::{Micros, SeriesId};
use crate::store::error::WriteError;
use crate::store::rows::Row;
use crate::store::upsert::Won;

pub(super) const INSERT: &str = "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
    values ($1, $2, $3, $4, $5)";

/// Inside a transaction: one row for all that won, none where nothing did.
pub(super) async fn write(
    client: &Client,
    insert: &Statement,
    rows: &[Row],
    won: &[Won],
) -> Result<(), WriteError> {
    let touched = touched(rows, won);
    let oldest = touched.iter().map(|(_, from, _)| *from).min();
    let newest = touched.iter().map(|(.., to)| *to).max();
    let Some((oldest, newest)) = oldest.zip(newest) else {
        return Ok(());
    };
    let series: Vec<SeriesId> = touched.iter().map(|(series, ..)| *series).collect();
    let from: Vec<Micros> = touched.iter().map(|(_, from, _)| *from).collect();
    let to: Vec<Micros> = touched.iter().map(|(.., to)| *to).collect();
    client
        .execute(insert, &[&oldest, &newest, &series, &from, &to])
        .await?;
    Ok(())
}

/// Series, first and last time, once for each series and ordered by it.
fn touched(rows: &[Row], won: &[Won]) -> Vec<(SeriesId, Micros, Micros)> {
    let mut all: Vec<(SeriesId, Micros, Micros)> = Vec::new();
    for row in won.iter().map(|won| &rows[won.row]) {
        // Winners come mostly in the order of their series.
        match all.last_mut() {
            Some(last) if last.0 == row.series_id => *last = (last.0, last.1.min(row.ts), last.2.max(row.ts)),
            _ => all.push((row.series_id, row.ts, row.ts)),
        }
    }
    all.sort_unstable();
    all.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.2 = first.2.max(later.2);
        }
        same
    });
    all
}
