//! The reads against a real Postgres; what each should answer is computed here in plain Rust.

mod history;
mod instants;
mod labels;
mod dead_letters;
mod points;
mod series;
mod shares;
mod storage;
mod windows;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Counted, MetricFilter, ReadError, ReadLimits, Reader};
use crate::data::{MatchOp, Matched, Micros, Scoped, Selector, Series, SeriesId, Streams, Viewer};
use crate::store::testing::Database;

/// A database with two time partitions, one before and one from 1970-01-02 on.
struct World {
    db: Database,
    reader: Reader,
}

/// Where the second time partition begins.
const DAY: i64 = 86_400_000_000;

impl World {
    async fn new() -> Self {
        Self::with(ReadLimits::default()).await
    }

    /// An answer has at most so many rows.
    async fn with_rows(rows: usize) -> Self {
        Self::with(ReadLimits {
            rows,
            ..ReadLimits::default()
        })
        .await
    }

    async fn with(limits: ReadLimits) -> Self {
        let db = Database::create().await;
        db.run(
            "set timezone = 'UTC';
             create table points_old partition of points for values from (minvalue) to ('1970-01-02');
             create table points_new partition of points for values from ('1970-01-02') to (maxvalue);",
        )
        .await;
        let reader = Reader::new(db.url.clone(), limits).unwrap();
        Self { db, reader }
    }

    async fn add_series(&self, series: &[Series]) {
        let rows: Vec<serde_json::Value> = series
            .iter()
            .map(|s| {
                let labels: BTreeMap<&str, &str> = s.labels.iter().map(|(n, v)| (&**n, &**v)).collect();
                serde_json::json!({"key": s.key, "metric": s.metric, "labels": labels})
            })
            .collect();
        let json = serde_json::to_string(&rows).unwrap();
        self.db
            .run(&format!(
                "insert into series (key, metric, labels, stream)
                 select key, metric, labels, 's' from jsonb_to_recordset($json${json}$json$)
                 as r(key text, metric text, labels jsonb)"
            ))
            .await;
    }

    async fn add_points(&self, points: &[(SeriesId, i64, f64)]) {
        let rows: Vec<String> = points
            .iter()
            .map(|(id, ts, value)| {
                format!("({id}, 1, timestamptz 'epoch' + interval '{ts} us', '{value:e}'::float8, 0, now())")
            })
            .collect();
        if !rows.is_empty() {
            let rows = rows.join(",");
            self.db.run(&format!("insert into points values {rows}")).await;
        }
    }
}

fn selector(metric: Option<&str>, labels: &[(&str, MatchOp, &str)]) -> Scoped {
    Viewer::operator().select(Selector::of(metric, labels))
}

fn everything() -> Scoped {
    selector(None, &[])
}

async fn all_metrics(reader: &Reader) -> Result<Vec<Counted>, ReadError> {
    reader.metrics(&everything(), &MetricFilter::default()).await
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_a_timeout_and_the_pool_goes_on() {
    let world = World::with(ReadLimits {
        connections: 1,
        statement_timeout: Duration::from_millis(500),
        ..ReadLimits::default()
    })
    .await;
    let slow = diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("pg_sleep(30)::text"));
    let answer = world.reader.load::<_, String>(slow).await;
    assert_eq!(answer, Err(ReadError::Timeout));
    assert_eq!(all_metrics(&world.reader).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_refused_statement_is_no_timeout() {
    let world = World::new().await;
    let wrong = diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("no_such_function()"));
    let answer = world.reader.load::<_, String>(wrong).await;
    assert!(matches!(answer, Err(ReadError::Other(_))), "{answer:?}");
}

#[tokio::test]
async fn a_session_the_server_ends_is_unavailable_and_the_next_read_connects_anew() {
    let world = World::new().await;
    let suicide = diesel::dsl::sql::<diesel::sql_types::Text>(
        "(select pg_terminate_backend(pg_backend_pid())::text || pg_sleep(30)::text)",
    );
    let answer = world.reader.load::<_, String>(diesel::select(suicide)).await;
    assert!(matches!(answer, Err(ReadError::Unavailable(_))), "{answer:?}");
    assert_eq!(all_metrics(&world.reader).await, Ok(Vec::new()));
    world
        .db
        .run("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()")
        .await;
    assert_eq!(all_metrics(&world.reader).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let url = "host=/nonexistent user=nobody dbname=none".parse().unwrap();
    let reader = Reader::new(url, ReadLimits::default()).unwrap();
    let answer = all_metrics(&reader).await;
    assert!(
        matches!(&answer, Err(ReadError::Unavailable(why)) if why.starts_with("cannot connect to")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_read_that_nobody_waits_for_any_more_does_not_hold_up_the_next() {
    let world = World::with(ReadLimits {
        connections: 1,
        ..ReadLimits::default()
    })
    .await;
    let slow = diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("pg_sleep(30)::text"));
    let abandoned = world.reader.load::<_, String>(slow);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), abandoned)
            .await
            .is_err()
    );
    let next = tokio::time::timeout(Duration::from_secs(5), all_metrics(&world.reader)).await;
    assert_eq!(next.unwrap(), Ok(Vec::new()));
}

#[tokio::test]
async fn the_newest_point_of_each_series_comes_from_whichever_partition_has_it() {
    let world = World::new().await;
    world
        .add_points(&[
            (1, 5, 0.5),
            (1, DAY + 7, 1.5),
            (1, DAY + 6, 9.0),
            (2, 3, 2.5),
            (4, 1, 4.0),
        ])
        .await;
    let mut newest = world.reader.latest(&Matched::of_ids(1..4)).await.unwrap();
    newest.sort_by_key(|point| point.series_id);
    let seen: Vec<_> = newest.iter().map(|p| (p.series_id, p.ts, p.value)).collect();
    assert_eq!(seen, [(1, Micros(DAY + 7), 1.5), (2, Micros(3), 2.5)]);
}

#[tokio::test]
async fn the_overview_shows_each_partition_in_its_newest_epoch_and_the_gaps() {
    let world = World::new().await;
    world
        .db
        .run(
            "insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset) values
             ('s', 't', 0, 1, 'a', 900), ('s', 't', 0, 2, 'b', 7), ('s', 't', 1, 1, 'a', 3);
             insert into gaps (partition_id, from_offset, to_offset) values (2, 0, 5);",
        )
        .await;
    let offsets = world.reader.ingest_offsets(&Streams::All).await.unwrap();
    let seen: Vec<_> = offsets
        .iter()
        .map(|o| (o.partition, o.epoch, o.next_offset))
        .collect();
    assert_eq!(seen, [(0, 2, 7), (1, 1, 3)]);
    let gaps = world.reader.gaps(&Streams::All).await.unwrap();
    let seen: Vec<_> = gaps
        .iter()
        .map(|g| (g.topic.as_str(), g.epoch, g.from, g.to))
        .collect();
    assert_eq!(seen, [("t", 2, 0, 5)]);
}
