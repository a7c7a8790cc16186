//! What has to happen before a day may go: rollups hold it, the archive has it, nobody has just
//! brought it back.

use super::*;

async fn one_stream(ages: Ages) -> World {
    let world = World::keeping(&[("a", ages)]).await;
    for n in 0..4 {
        world.add("a", Level::Raw, n).await;
    }
    world
}

#[tokio::test]
async fn points_stay_until_rollups_hold_them() {
    let mut world = one_stream([days(1), days(1), None, None]).await;
    for n in 0..4 {
        world.add("a", Level::Minute, n).await;
    }
    world
        .db
        .run("update rollup_edge set edge = '2026-01-02 18:00Z'")
        .await;
    world.run(90).await;
    assert_eq!(world.rows(Level::Raw).await, ["a 1", "a 2", "a 3"]);
    assert_eq!(world.horizons().await, ["a 1m 1", "a raw 1"]);
    world
        .db
        .run(
            "update rollup_edge set edge = '2026-03-01Z';
            insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
                values ('2026-01-03 10:00Z', '2026-01-03 11:00Z', '{}', '{}', '{}')",
        )
        .await;
    world.run(90).await;
    assert_eq!(world.rows(Level::Raw).await, ["a 2", "a 3"]);
    // Nor do rollups go before that from which they would be made again.
    assert_eq!(world.rows(Level::Minute).await.len(), 4);
    world.db.run("delete from invalidations").await;
    world.run(90).await;
    assert_eq!(world.rows(Level::Raw).await, Vec::<String>::new());
    assert_eq!(world.rows(Level::Minute).await, Vec::<String>::new());
    // A late point behind the horizon holds nothing up and does not move it back.
    world
        .db
        .run(
            "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
                values ('2026-01-01Z', '2026-01-01Z', '{}', '{}', '{}')",
        )
        .await;
    world.run(91).await;
    assert_eq!(world.horizons().await, ["a 1m 59", "a raw 59"]);
}

#[tokio::test]
async fn without_rollups_points_wait_for_nothing() {
    let mut world = one_stream([days(1), None, None, None]).await;
    world.db.run("update rollup_edge set edge = '1970-01-01Z'").await;
    world.keep.rollups = false;
    assert_eq!(world.run(90).await, dropped(4, 0));
}

#[tokio::test]
async fn a_day_stays_until_the_archive_has_it_as_it_is() {
    let mut world = one_stream([days(1), None, None, None]).await;
    world.keep.archive = true;
    assert_eq!(world.run(90).await, dropped(0, 0));
    assert_eq!(world.horizons().await, ["a raw 0"]);
    // Day 0 was never refreshed; day 1 has changed since; day 2 changes; day 3 is as it was.
    world
        .db
        .run(
            "insert into archives (day, version, url, rows, bytes, checksum)
                select date '2026-01-01' + n, n, 'file:///x', 1, 1, 'x' from generate_series(0, 3) n;
            insert into days (day, version) values ('2026-01-02', 2), ('2026-01-03', 2), ('2026-01-04', 3);
            insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
                values ('2026-01-03 10:00Z', '2026-01-03 11:00Z', '{}', '{}', '{}');",
        )
        .await;
    world.keep.rollups = false;
    assert_eq!(world.run(90).await, dropped(1, 0));
    assert_eq!(world.horizons().await, ["a raw 1"]);
    world
        .db
        .run("update archives set version = 2 where day = '2026-01-02'")
        .await;
    assert_eq!(world.run(90).await, dropped(1, 0));
    assert_eq!(world.horizons().await, ["a raw 2"]);
    world.db.run("delete from invalidations").await;
    assert_eq!(world.run(90).await, dropped(2, 0));
    assert_eq!(world.horizons().await, ["a raw 89"]);
}

#[tokio::test]
async fn rows_of_one_stream_wait_for_the_archive_as_well() {
    let mut world = World::keeping(&[
        ("a", [days(1), None, None, None]),
        ("b", [days(9), None, None, None]),
    ])
    .await;
    world.keep.archive = true;
    for stream in ["a", "b"] {
        world.add(stream, Level::Raw, 0).await;
    }
    assert_eq!(world.run(5).await, dropped(0, 0));
    world
        .db
        .run(
            "insert into days (day, version) values ('2026-01-01', 7);
            insert into archives (day, version, url, rows, bytes, checksum)
                values ('2026-01-01', 7, 'file:///x', 2, 1, 'x')",
        )
        .await;
    assert_eq!(world.run(5).await, dropped(0, 1));
    assert_eq!(world.run(10).await, dropped(1, 0));
}

#[tokio::test]
async fn a_day_that_was_brought_back_stays_as_long_as_it_was_asked_for() {
    let mut world = one_stream([days(1), days(1), None, None]).await;
    world.add("a", Level::Minute, 0).await;
    world.run(9).await;
    assert_eq!(world.partitions(Level::Raw).await, 0);
    world.add("a", Level::Raw, 1).await;
    world.add("a", Level::Raw, 2).await;
    world.add("a", Level::Minute, 1).await;
    world
        .db
        .run("insert into restored values ('2026-01-02', '2026-01-12Z')")
        .await;
    assert_eq!(world.run(10).await, dropped(1, 0));
    assert_eq!(world.rows(Level::Raw).await, ["a 1"]);
    assert_eq!(world.rows(Level::Minute).await, ["a 1"]);
    // 2026-01-12 is day 11.
    assert_eq!(world.run(11).await, dropped(2, 0));
    assert_eq!(
        world.db.rows("select * from restored").await,
        Vec::<String>::new()
    );
}
