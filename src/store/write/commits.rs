//! The rows of `commits`: for each partition of a transaction, which offsets, times and series it
//! brought. The tail reader finds points by them.

use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::data::{Batch, Micros, SeriesId};
use crate::store::error::WriteError;
use crate::store::part::Span;
use crate::store::rows::Row;
use crate::store::upsert::Won;

pub(super) const INSERT: &str = "insert into commits
    (partition_id, from_offset, to_offset, min_ts, max_ts, points, series_ids)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// What one range brought.
#[derive(Clone, Debug, Default)]
struct Brought {
    times: Option<(Micros, Micros)>,
    points: i32,
    series: Vec<SeriesId>,
}

/// Inside a transaction: one row for each live span, counting the points that won.
pub(super) async fn write(
    client: &Client,
    insert: &Statement,
    batch: &Batch,
    live: &[Option<Span>],
    rows: &[Row],
    won: &[Won],
) -> Result<(), WriteError> {
    let brought = brought(live.len(), rows, won);
    let live = live.iter().zip(&brought).zip(&batch.raw.ranges);
    let inserts = live.filter_map(|((span, brought), range)| {
        span.map(|Span { from, to }| async move {
            let (oldest, newest) = brought.times.unzip();
            let values: [&(dyn ToSql + Sync); 7] = [
                &range.of.partition_id,
                &from,
                &to,
                &oldest,
                &newest,
                &brought.points,
                &brought.series,
            ];
            client.execute(insert, &values).await
        })
    });
    try_join_all(inserts).await?;
    Ok(())
}

fn brought(ranges: usize, rows: &[Row], won: &[Won]) -> Vec<Brought> {
    let mut all = vec![Brought::default(); ranges];
    for row in won.iter().map(|won| &rows[won.row]) {
        let mine = &mut all[row.range as usize];
        let (oldest, newest) = mine.times.unwrap_or((row.ts, row.ts));
        mine.times = Some((oldest.min(row.ts), newest.max(row.ts)));
        mine.points = mine.points.saturating_add(1);
        // Winners come mostly in the order of their series.
        if mine.series.last() != Some(&row.series_id) {
            mine.series.push(row.series_id);
        }
    }
    for mine in &mut all {
        mine.series.sort_unstable();
        mine.series.dedup();
    }
    all
}
