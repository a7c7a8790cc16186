//! Feeds over a real hub and a real Postgres: every point once, whatever way it comes.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use async_graphql::Value;

use super::*;
use crate::actors::hub::Hub;
use crate::cache::LatestCache;
use crate::data::stored::Range;
use crate::data::{Micros, Positions, Series, Stored, StoredPoint, StoredSeries};
use crate::store::testing::Database;
use crate::telemetry::Metrics;

struct World {
    db: Database,
    hub: HubHandle,
    tail: Tail,
}

impl World {
    async fn start() -> Self {
        let db = Database::create().await;
        db.run(
            "create table points_all partition of points default; \
             insert into series (key, metric, labels, stream) values ('m{}', 'm', '{}', 's'); \
             insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset) \
             values ('s', 't', 0, 1, 'x', 0);",
        )
        .await;
        let hub = Hub::start(
            db.url.clone(),
            LatestCache::local(1_000),
            Arc::new(Metrics::default()),
            Arc::default(),
        );
        let tail = Tail::new(db.url.clone(), 2);
        Self { db, hub, tail }
    }

    /// One point for each offset, committed as the writer does; returned for the hub.
    async fn commit(&self, from: i64, to: i64) -> Arc<Stored> {
        let last = to - 1;
        self.db
            .run(&format!(
                "begin; \
                 insert into points select 1, 1, to_timestamp(n), n, n, now() \
                 from generate_series({from}, {last}) n; \
                 insert into commits (partition_id, from_offset, to_offset, min_ts, max_ts, points, series_ids) \
                 values (1, {from}, {to}, to_timestamp({from}), to_timestamp({last}), {to} - {from}, '{{1}}'); \
                 update ingest_offsets set next_offset = {to}; commit;"
            ))
            .await;
        let point = |n: i64| StoredPoint {
            series: 0,
            ts: Micros(n * 1_000_000),
            value: 1.0,
            partition_id: 1,
            offset: n,
        };
        Arc::new(Stored {
            ranges: vec![Range {
                partition_id: 1,
                from,
                to,
            }],
            series: vec![StoredSeries {
                id: 1,
                series: Arc::new(Series::new("m", Vec::<(&str, &str)>::new())),
            }],
            points: (from..to).map(point).collect(),
        })
    }

    async fn open(&self, start: Start) -> Result<BoxStream<'static, Result<Batch>>> {
        let request = Request {
            selector: Selector {
                metric: Some("m".to_owned()),
                labels: Vec::new(),
            },
            start,
            every: None,
            fold: Fold::Newest,
            overflow: Overflow::Close,
            outbox_bytes: 1 << 20,
        };
        let feed = open(self.hub.clone(), self.tail.clone(), request).await?;
        Ok(feed.boxed())
    }
}

async fn next(feed: &mut BoxStream<'static, Result<Batch>>) -> Result<Batch> {
    let patience = Duration::from_secs(10);
    let batch = tokio::time::timeout(patience, feed.next()).await;
    batch.expect("a batch in time").expect("the feed goes on")
}

/// Reads `n` points and returns their offsets with the last cursor.
async fn read(feed: &mut BoxStream<'static, Result<Batch>>, n: usize) -> (Vec<i64>, Cursor) {
    let (mut offsets, mut cursor) = (Vec::new(), Cursor::default());
    while offsets.len() < n {
        let batch = next(feed).await.unwrap();
        offsets.extend(batch.pick.points().map(|point| point.offset));
        cursor = Cursor::clone(&batch.cursor);
    }
    (offsets, cursor)
}

fn code(error: &Error) -> String {
    let code = error.extensions.as_ref().and_then(|e| e.get("code"));
    code.map(ToString::to_string).unwrap_or_default()
}

#[actix_web::test]
async fn batches_that_come_late_or_never_are_read_from_postgres_once_and_in_order() {
    let world = World::start().await;
    let mut feed = world.open(Start::Now).await.unwrap();
    assert!(next(&mut feed).await.unwrap().pick.is_empty());
    let first = world.commit(0, 3).await;
    world.hub.publish(Arc::clone(&first));
    // Never published; the tick or the hole behind it brings it.
    world.commit(3, 5).await;
    let third = world.commit(5, 9).await;
    world.hub.publish(Arc::clone(&third));
    world.hub.publish(first);
    world.hub.publish(third);
    world.commit(9, 10).await;
    let (offsets, _) = read(&mut feed, 10).await;
    assert_eq!(offsets, (0..10).collect::<Vec<_>>());
}

#[actix_web::test]
async fn a_feed_resumes_where_its_cursor_stands_and_goes_on_live() {
    let world = World::start().await;
    world.commit(0, 2_500).await;
    let mut feed = world.open(Start::After(Cursor::default())).await.unwrap();
    let (mut seen, mut cursor) = read(&mut feed, 1).await;
    for round in 0..20 {
        let from = 2_500 + round * 10;
        let stored = world.commit(from, from + 10).await;
        if round % 2 == 0 {
            world.hub.publish(stored);
        }
        feed = world.open(Start::After(cursor)).await.unwrap();
        let (offsets, after) = read(&mut feed, 1).await;
        seen.extend(offsets);
        cursor = after;
    }
    feed = world.open(Start::After(cursor)).await.unwrap();
    let stored = world.commit(2_700, 2_710).await;
    world.hub.publish(stored);
    seen.extend(read(&mut feed, 2_710 - seen.len()).await.0);
    assert_eq!(seen, (0..2_710).collect::<Vec<_>>());
}

#[actix_web::test]
async fn a_backfill_is_followed_by_what_was_committed_meanwhile() {
    let world = World::start().await;
    world.commit(0, 1_200).await;
    let span = Start::Backfill(Duration::from_secs(100 * 365 * 86_400));
    let mut feed = world.open(span).await.unwrap();
    let (mut seen, cursor) = read(&mut feed, 1).await;
    assert!(cursor.backfill.is_some());
    world.commit(1_200, 1_300).await;
    feed = world.open(Start::After(cursor)).await.unwrap();
    seen.extend(read(&mut feed, 1_300 - seen.len()).await.0);
    assert_eq!(seen, (0..1_300).collect::<Vec<_>>());
}

#[actix_web::test]
async fn lost_offsets_end_a_live_feed_with_the_cursor_to_go_on_from() {
    let world = World::start().await;
    let mut feed = world.open(Start::Now).await.unwrap();
    next(&mut feed).await.unwrap();
    world
        .db
        .run(
            "begin; insert into gaps (partition_id, from_offset, to_offset) values (1, 0, 50); \
             update ingest_offsets set next_offset = 50; commit",
        )
        .await;
    let error = next(&mut feed).await.unwrap_err();
    assert_eq!(code(&error), "\"RESUME_GAP\"");
    let earliest = Cursor::at(Positions::from([(1, 50)]));
    let told = error.extensions.as_ref().and_then(|e| e.get("earliestCursor"));
    assert_eq!(told, Some(&Value::from(earliest.encode())));
    assert!(world.open(Start::After(earliest)).await.is_ok());
}

#[actix_web::test]
async fn a_drain_gives_the_last_cursor_before_the_end() {
    let world = World::start().await;
    let mut feed = world.open(Start::Now).await.unwrap();
    next(&mut feed).await.unwrap();
    let hub = world.hub.clone();
    let drain = actix_web::rt::spawn(async move { hub.drain(Duration::ZERO).await });
    assert!(next(&mut feed).await.unwrap().pick.is_empty());
    assert_eq!(code(&next(&mut feed).await.unwrap_err()), "\"GOING_AWAY\"");
    assert!(feed.next().await.is_none());
    drop(feed);
    tokio::time::timeout(Duration::from_secs(5), drain)
        .await
        .unwrap()
        .unwrap();
    let refused = world.open(Start::Now).await.err().unwrap();
    assert_eq!(code(&refused), "\"GOING_AWAY\"");
}
