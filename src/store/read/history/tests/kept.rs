//! What retention has dropped is answered by what is left, or is an error that says from when on.

use std::time::Duration;

use super::model::*;
use crate::data::{Aggregate, Columns, Grid, Matched, Micros, SeriesId, Step};
use crate::store::level::{DAY, MINUTE};
use crate::store::read::ReadError;

const HOURS: u64 = 3_600;

/// A point every minute of all days in series 1 and 2, of which 1 has lost two days.
async fn world() -> World {
    let world = World::new().await;
    let points: Points = (0..DAYS * 1_440)
        .flat_map(|n| [1, 2].map(|id| ((id, minute(n) + 5), n as f64)))
        .collect();
    world.add(&points).await;
    world.refresh(minute(DAYS * 1_440)).await;
    world.stop_raw_at(FIRST + 2 * DAY).await;
    world
}

async fn counts(
    world: &World,
    ids: &[SeriesId],
    from: i64,
    seconds: u64,
    what: Aggregate,
) -> Result<Vec<f64>, ReadError> {
    let grid = Grid::Even(Step::new(Duration::from_secs(seconds)).unwrap());
    let to = Micros(FIRST + DAYS * DAY);
    let lines = world
        .reader
        .aggregated(
            &Matched::of_ids(ids.iter().copied()),
            Micros(from),
            to,
            &grid,
            &[what],
        )
        .await?;
    let total = |(_, line): &(SeriesId, Columns)| line.columns[0].iter().flatten().sum();
    Ok(lines.iter().map(total).collect())
}

fn not_available(earliest: i64, archived: bool) -> ReadError {
    ReadError::NotAvailable {
        earliest: Micros(earliest),
        archived,
    }
}

#[tokio::test]
async fn rollups_answer_for_points_that_are_gone_and_nothing_else_does() {
    let world = world().await;
    let all = (DAYS * 1_440) as f64;
    for ids in [[1, 2], [2, 1]] {
        for seconds in [60, 6 * HOURS, 24 * HOURS, 96 * HOURS] {
            let counted = counts(&world, &ids, FIRST, seconds, Aggregate::Count).await;
            assert_eq!(counted, Ok(vec![all, all]), "{seconds}");
        }
    }
    let floor = FIRST + 2 * DAY;
    let percentile = |ids: Vec<SeriesId>, from| {
        let world = &world;
        async move {
            counts(world, &ids, from, HOURS, Aggregate::Percentile(50.0))
                .await
                .map(|_| ())
        }
    };
    assert_eq!(percentile(vec![1], FIRST).await, Err(not_available(floor, false)));
    assert_eq!(
        percentile(vec![2, 1], floor - 1).await,
        Err(not_available(floor, false))
    );
    assert_eq!(percentile(vec![1], floor).await, Ok(()));
    assert_eq!(percentile(vec![2], FIRST).await, Ok(()));
    let stored = world
        .reader
        .stored(&Matched::of_ids([1]), Micros(FIRST), Micros(floor))
        .await;
    assert_eq!(stored, Err(not_available(floor, false)));
    // Not a whole minute: the rest of it is gone.
    let ragged = counts(&world, &[1], FIRST + 1, HOURS, Aggregate::Sum).await;
    assert_eq!(ragged, Err(not_available(FIRST + MINUTE, false)));
    let again = counts(&world, &[1], FIRST + MINUTE, HOURS, Aggregate::Count).await;
    assert_eq!(again, Ok(vec![all - 1.0]));
}

#[tokio::test]
async fn a_late_point_where_points_are_gone_changes_nothing() {
    let world = world().await;
    world
        .db
        .run(&format!(
            "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
             values ('{0}', '{1}', '{{1}}', array['{0}'::timestamptz], array['{1}'::timestamptz])",
            Micros(FIRST),
            Micros(FIRST + 3 * DAY)
        ))
        .await;
    let counted = counts(&world, &[1], FIRST, HOURS, Aggregate::Count).await;
    assert_eq!(counted, Ok(vec![(DAYS * 1_440) as f64]));
}

#[tokio::test]
async fn what_the_archive_has_can_be_brought_back() {
    let world = world().await;
    let copy = |day: i64| {
        format!(
            "insert into archives (day, version, url, rows, bytes, checksum)
             values ('{0}'::timestamptz at time zone 'UTC', 1, '', 0, 0, '');",
            Micros(FIRST + day * DAY)
        )
    };
    let touched = (0..DAYS).map(|day| {
        format!(
            "insert into days values ('{}'::timestamptz at time zone 'UTC', 1);",
            Micros(FIRST + day * DAY)
        )
    });
    world.db.run(&touched.collect::<String>()).await;
    world.db.run(&copy(1)).await;
    let stored = async |from| {
        world
            .reader
            .stored(&Matched::of_ids([1]), Micros(from), Micros(FIRST + DAYS * DAY))
            .await
            .map(|_| ())
    };
    let floor = FIRST + 2 * DAY;
    assert_eq!(stored(FIRST + DAY).await, Err(not_available(floor, true)));
    assert_eq!(stored(FIRST).await, Err(not_available(floor, false)));
    world.db.run(&copy(0)).await;
    assert_eq!(stored(FIRST).await, Err(not_available(floor, true)));
    let restore = |day| {
        format!(
            "insert into restored values ('{}'::timestamptz at time zone 'UTC', now() + interval '1 day')",
            Micros(FIRST + day * DAY)
        )
    };
    world.db.run(&restore(1)).await;
    assert_eq!(stored(FIRST + DAY).await, Ok(()));
    assert_eq!(stored(FIRST).await, Err(not_available(FIRST + DAY, true)));
    world.db.run(&restore(0)).await;
    assert_eq!(stored(FIRST).await, Ok(()));
}
