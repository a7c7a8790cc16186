//! Retention on a real Postgres, day after day; day 0 is 2026-01-01.

mod gates;
mod locking;
mod random;

use tokio_postgres::Client;

use super::*;
use crate::store::connect::connect;
use crate::store::pace::Pace;
use crate::store::partitions::{Partitions, list};
use crate::store::testing::Database;
use crate::store::testing::batches::second;

const DAY: Duration = Duration::from_secs(86_400);

fn day(n: i64) -> Micros {
    second(n * 86_400)
}

fn days(n: u32) -> Option<Duration> {
    Some(DAY * n)
}

/// A database that this node looks after; rollups have caught up.
struct World {
    db: Database,
    client: Client,
    keep: Keep,
    swept: Swept,
}

impl World {
    async fn keeping(streams: &[(&str, Ages)]) -> Self {
        let db = Database::create().await;
        db.run("update rollup_edge set edge = '9999-01-01Z'").await;
        let streams = streams.iter().map(|(name, ages)| ((*name).to_owned(), *ages));
        Self {
            client: connect(&db.url).await.unwrap(),
            keep: Keep {
                dead_letters: DAY,
                commits: DAY,
                streams: streams.collect(),
                rollups: true,
                archive: false,
            },
            swept: Swept::default(),
            db,
        }
    }

    /// A row of the stream's one series at noon.
    async fn add(&self, stream: &str, level: Level, n: i64) {
        let table = level.table();
        let mut partitions = Partitions::of(&self.client, table, level.partition_days())
            .await
            .unwrap();
        let noon = day(n).plus(DAY / 2);
        partitions
            .ensure(
                &self.client,
                std::iter::once(((), noon)),
                |()| "",
                &Pace::default(),
            )
            .await
            .unwrap();
        let columns = match level {
            Level::Raw => r#"(series_id, ts, partition_id, value, "offset", recorded_at)"#,
            _ => "(series_id, ts, count, min, max, first, last, min_at, max_at)",
        };
        let values = match level {
            Level::Raw => "1, 1.0, 0, now()",
            _ => "1, 1.0, 1.0, 1.0, 1.0, now(), now()",
        };
        self.db
            .run(&format!(
                "insert into series (key, metric, labels, stream) values ('{stream}', 'm', '{{}}', '{stream}')
                    on conflict do nothing;
                insert into {table} {columns} select id, '{noon}', {values} from series where key = '{stream}'
                    on conflict do nothing"
            ))
            .await;
    }

    async fn run(&mut self, n: i64) -> Dropped {
        let now = day(n).plus(DAY / 4);
        run(&mut self.client, &self.keep, now, &mut self.swept)
            .await
            .unwrap()
    }

    /// What is there, as `stream day`.
    async fn rows(&self, level: Level) -> Vec<String> {
        let table = level.table();
        let query = format!(
            "select s.stream, (ts at time zone 'UTC')::date - date '2026-01-01'
            from {table} join series s on s.id = series_id order by 1, 2"
        );
        let rows = self.db.rows(&query).await;
        rows.into_iter().map(|row| row.replace('|', " ")).collect()
    }

    async fn partitions(&self, level: Level) -> usize {
        list(&self.client, level.table()).await.unwrap().len()
    }

    /// The horizons, as `stream level day`.
    async fn horizons(&self) -> Vec<String> {
        let query = "select stream, level, (floor at time zone 'UTC')::date - date '2026-01-01'
            from horizons order by 1, 3 desc, 2";
        let rows = self.db.rows(query).await;
        rows.into_iter().map(|row| row.replace('|', " ")).collect()
    }
}

fn dropped(partitions: u64, rows: u64) -> Dropped {
    Dropped { partitions, rows }
}

#[tokio::test]
async fn a_day_that_every_stream_has_given_up_is_dropped_whole() {
    let mut world = World::keeping(&[
        ("a", [days(2), None, None, None]),
        ("b", [days(3), None, None, None]),
    ])
    .await;
    for n in 0..4 {
        world.add("a", Level::Raw, n).await;
        world.add("b", Level::Raw, n).await;
    }
    assert_eq!(world.run(2).await, dropped(0, 0));
    // Day 0 has one stream's points left, and loses them a day later.
    assert_eq!(world.run(3).await, dropped(0, 1));
    assert_eq!(
        world.rows(Level::Raw).await,
        ["a 1", "a 2", "a 3", "b 0", "b 1", "b 2", "b 3"]
    );
    assert_eq!(world.run(4).await, dropped(1, 1));
    assert_eq!(world.rows(Level::Raw).await, ["a 2", "a 3", "b 1", "b 2", "b 3"]);
    assert_eq!(world.partitions(Level::Raw).await, 3);
    assert_eq!(world.horizons().await, ["a raw 2", "b raw 1"]);
    // Where only one stream has anything, it decides alone.
    world.db.run("delete from points where series_id = 2").await;
    assert_eq!(world.run(5).await, dropped(2, 0));
}

#[tokio::test]
async fn a_stream_that_is_not_configured_any_more_keeps_everything() {
    let mut world = World::keeping(&[
        ("a", [days(1), None, None, None]),
        ("gone", [days(1), None, None, None]),
    ])
    .await;
    for stream in ["a", "gone"] {
        for n in [0, 5] {
            world.add(stream, Level::Raw, n).await;
        }
    }
    assert_eq!(world.run(2).await, dropped(1, 0));
    world.keep.streams.remove("gone");
    assert_eq!(world.run(9).await, dropped(0, 1));
    assert_eq!(world.rows(Level::Raw).await, ["gone 5"]);
    assert_eq!(world.horizons().await, ["a raw 8", "gone raw 1"]);
}

#[tokio::test]
async fn who_keeps_longer_from_now_on_loses_nothing_that_is_there() {
    let mut world = World::keeping(&[("a", [days(1), None, None, None])]).await;
    world.add("a", Level::Raw, 8).await;
    world.run(9).await;
    world
        .keep
        .streams
        .insert("a".to_owned(), [days(90), None, None, None]);
    // Read again from Kafka. The horizon still says that something was dropped here.
    world.add("a", Level::Raw, 3).await;
    assert_eq!(world.run(10).await, dropped(0, 0));
    assert_eq!(world.rows(Level::Raw).await, ["a 3", "a 8"]);
    assert_eq!(world.horizons().await, ["a raw 8"]);
}

#[tokio::test]
async fn rollups_have_ages_of_their_own_and_go_by_whole_partitions() {
    let mut world = World::keeping(&[("a", [days(1), days(10), days(40), None])]).await;
    for level in Level::ALL {
        world.add("a", level, 0).await;
    }
    // The 7 days that hold 2026-01-01 begin with it, the 30 days 24 days before it.
    let left = async |world: &World| {
        let mut left = Vec::new();
        for level in Level::ALL {
            left.push(world.rows(level).await.len());
        }
        left
    };
    for (n, there) in [
        (1, [1, 1, 1, 1]),
        (2, [0, 1, 1, 1]),
        (16, [0, 1, 1, 1]),
        (17, [0, 0, 1, 1]),
        (45, [0, 0, 1, 1]),
        (46, [0, 0, 0, 1]),
        (9_999, [0, 0, 0, 1]),
    ] {
        world.run(n).await;
        assert_eq!(left(&world).await, there, "on day {n}");
    }
    let horizons = ["a raw 9998", "a 1m 9989", "a 1h 9959"];
    assert_eq!(world.horizons().await, horizons);
}

#[tokio::test]
async fn points_older_than_the_floor_are_stored_and_go_with_the_next_day() {
    let mut world = World::keeping(&[("a", [days(2), None, None, None])]).await;
    world.add("a", Level::Raw, 0).await;
    assert_eq!(world.run(4).await, dropped(1, 0));
    world.add("a", Level::Raw, 0).await;
    assert_eq!(world.run(4).await, dropped(0, 0), "this day is done");
    assert_eq!(world.run(5).await, dropped(1, 0));
    // A node that has just started looks at everything.
    world.add("a", Level::Raw, 0).await;
    world.swept = Swept::default();
    assert_eq!(world.run(5).await, dropped(1, 0));
}
