//! Engines over a real hub and a real Postgres.

use super::*;
use crate::cache::LatestCache;
use crate::data::stored::Range;
use crate::data::{Selector, Series, Stored, StoredPoint, StoredSeries, Viewer};
use crate::live::index::Limits;
use crate::store::testing::Database;

struct World {
    db: Database,
    hub: HubHandle,
    handle: AggregatesHandle,
    metrics: Arc<Metrics>,
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
        let metrics = Arc::new(Metrics::default());
        let cache = LatestCache::local(1_000);
        let hub = HubHandle::start(
            db.url.clone(),
            1 << 20,
            Limits::default(),
            cache,
            Arc::clone(&metrics),
            Arc::default(),
        );
        let handle = Aggregates::start(db.url.clone(), hub.clone(), Arc::clone(&metrics)).unwrap();
        Self {
            db,
            hub,
            handle,
            metrics,
        }
    }

    /// One point of value 1 at second `n` for each offset `n` of this range, committed as the writer
    /// does; returned for the hub.
    async fn commit(&self, from: i64, to: i64) -> Arc<Stored> {
        let last = to - 1;
        self.db
            .run(&format!(
                "begin; \
                 insert into points select 1, 1, to_timestamp(n), 1, n, now() \
                 from generate_series({from}, {last}) n; \
                 insert into commits (partition_id, from_offset, to_offset, min_ts, max_ts, points, series_ids) \
                 values (1, {from}, {to}, to_timestamp({from}), to_timestamp({last}), {to} - {from}, '{{1}}'); \
                 update ingest_offsets set next_offset = {to}; commit;"
            ))
            .await;
        self.stored(from, to)
    }

    fn stored(&self, from: i64, to: i64) -> Arc<Stored> {
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

    async fn subscribe(&self, metric: Option<&str>) -> Result<Subscription, End> {
        let request = Request {
            client: None,
            scoped: Viewer::everyone().select(Selector::new(metric.map(str::to_owned), Vec::new())),
            window: Step::new(Duration::from_secs(10)).unwrap(),
            since: None,
            every: Duration::ZERO,
        };
        self.handle.subscribe(request).await
    }
}

/// Reads until the window that begins at this second has so many points.
async fn until(subscription: &mut Subscription, second: i64, count: i64) {
    let reading = async {
        loop {
            let updates = subscription.next().await.unwrap();
            let mut windows = updates.windows.iter();
            if windows.any(|w| (w.bucket.ts.0, w.bucket.count) == (second * 1_000_000, count)) {
                return;
            }
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, reading)
        .await
        .expect("the window in time");
}

#[actix_web::test]
async fn windows_are_read_once_and_continued_whatever_reaches_the_hub() {
    let world = World::start().await;
    world.commit(0, 13).await;
    let mut one = world.subscribe(None).await.unwrap();
    let mut two = world.subscribe(Some("m")).await.unwrap();
    until(&mut one, 10, 3).await;
    until(&mut two, 10, 3).await;
    let next = world.commit(13, 15).await;
    world.hub.publish(next);
    until(&mut one, 10, 5).await;
    // Never published: the hub's tick brings it.
    world.commit(15, 21).await;
    until(&mut two, 20, 1).await;
    until(&mut one, 10, 10).await;
    assert_eq!(world.metrics.window_reads.get(), 1);
}

#[actix_web::test]
async fn what_an_engine_missed_while_offsets_were_lost_is_read_from_postgres() {
    let world = World::start().await;
    world.commit(0, 5).await;
    let mut subscription = world.subscribe(None).await.unwrap();
    until(&mut subscription, 0, 5).await;
    world.db.lose(1, 5, 12).await;
    // Whether the hub sees the gap before this or after it.
    world.commit(12, 14).await;
    until(&mut subscription, 10, 2).await;
    let next = world.commit(14, 15).await;
    world.hub.publish(next);
    until(&mut subscription, 10, 3).await;
}

#[actix_web::test]
async fn a_read_that_postgres_does_not_answer_is_tried_again_and_loses_nothing() {
    let world = World::start().await;
    world.commit(0, 5).await;
    let mut subscription = world.subscribe(None).await.unwrap();
    until(&mut subscription, 0, 5).await;
    let other = crate::store::connect::connect(&world.db.url).await.unwrap();
    // A late point, while somebody keeps everybody from reading.
    let locked = "begin; lock table points in access exclusive mode; \
        insert into points values (1, 1, to_timestamp(0.5), 1, 5, now()); \
        update ingest_offsets set next_offset = 6;";
    other.batch_execute(locked).await.unwrap();
    let mut late = Stored::clone(&*world.stored(5, 6));
    late.points[0].ts = Micros(500_000);
    world.hub.publish(Arc::new(late));
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' \
        and datname = current_database() and query like '%ordinality%'";
    for blocked in ["1", "0"] {
        while world.db.rows(waiting).await != [blocked] {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    other.batch_execute("commit").await.unwrap();
    until(&mut subscription, 0, 6).await;
}

#[actix_web::test]
async fn an_engine_ends_with_its_last_subscriber_and_begins_again_with_the_next() {
    let world = World::start().await;
    world.commit(0, 3).await;
    for reads in 1..4 {
        let mut subscription = world.subscribe(Some("m")).await.unwrap();
        until(&mut subscription, 0, 3).await;
        assert_eq!(world.metrics.window_reads.get(), reads);
        drop(subscription);
        let gone = async {
            while world.metrics.subscribers.get() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let patience = Duration::from_secs(10);
        tokio::time::timeout(patience, gone)
            .await
            .expect("the engine ends");
    }
}

#[actix_web::test]
async fn a_drain_ends_every_subscription() {
    let world = World::start().await;
    let mut subscription = world.subscribe(None).await.unwrap();
    assert!(subscription.next().await.unwrap().windows.is_empty());
    let hub = world.hub.clone();
    let drain = actix_web::rt::spawn(async move { hub.drain(Duration::ZERO).await });
    assert_eq!(subscription.next().await.unwrap_err(), End::GoingAway);
    drop(subscription);
    let patience = Duration::from_secs(5);
    tokio::time::timeout(patience, drain).await.unwrap().unwrap();
    assert_eq!(world.subscribe(None).await.err(), Some(End::GoingAway));
}
