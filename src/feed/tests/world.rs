//! A hub and the lanes of catch-up over a Postgres of their own, with partitions whose every offset is a
//! point.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;

use crate::actors::hub::HubHandle;
use crate::cache::LatestCache;
use crate::data::stored::Range;
use crate::data::{Cursor, Micros, Seal, Selector, Series, Stored, StoredPoint, StoredSeries, Viewer};
use crate::feed::*;
use crate::live::index::Limits;
use crate::live::{Fold, Overflow};
use crate::store::testing::Database;
use crate::telemetry::Metrics;

pub struct World {
    pub db: Database,
    pub hub: HubHandle,
    catch_up: CatchUp,
    metrics: Arc<Metrics>,
    partitions: i32,
    series: i64,
}

impl World {
    /// One partition and one series.
    pub async fn start() -> Self {
        Self::of(1, 1).await
    }

    /// Partitions from 1 on, and series `m0`, `m1`, …, which the offsets take in turn.
    pub async fn of(partitions: i32, series: i64) -> Self {
        Self::remembering(1 << 20, partitions, series).await
    }

    /// The hub keeps so many bytes of what it published.
    pub async fn remembering(bytes: usize, partitions: i32, series: i64) -> Self {
        let db = Database::create().await;
        db.run(&format!(
            "create table points_all partition of points default; \
             insert into series (key, metric, labels, stream) \
             select 'm' || n || '{{}}', 'm' || n, '{{}}', 's' from generate_series(0, {series} - 1) n order by n; \
             insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset) \
             select 's', 't', n, 1, 'x', 0 from generate_series(1, {partitions}) n order by n;",
        ))
        .await;
        let metrics = Arc::new(Metrics::default());
        let hub = HubHandle::start(
            db.url.clone(),
            bytes,
            Limits::default(),
            LatestCache::local(1_000),
            Arc::clone(&metrics),
            Arc::default(),
        );
        let catch_up = CatchUp::start(&db.url, &metrics).unwrap();
        Self {
            db,
            hub,
            catch_up,
            metrics,
            partitions,
            series,
        }
    }

    /// Another hub that has seen nothing, as after a restart.
    pub fn restart(&mut self) {
        let metrics = Arc::new(Metrics::default());
        self.hub = HubHandle::start(
            self.db.url.clone(),
            1 << 20,
            Limits::default(),
            LatestCache::local(1_000),
            Arc::clone(&metrics),
            Arc::default(),
        );
        self.catch_up = CatchUp::start(&self.db.url, &metrics).unwrap();
        self.metrics = metrics;
    }

    pub async fn commit(&self, from: i64, to: i64) -> Arc<Stored> {
        self.commit_in(1, from, to).await
    }

    /// One point for each offset, committed as the writer does; returned for the hub.
    pub async fn commit_in(&self, partition: i32, from: i64, to: i64) -> Arc<Stored> {
        let (last, series) = (to - 1, self.series);
        self.db
            .run(&format!(
                "begin; \
                 insert into points \
                 select 1 + n % {series}, {partition}, to_timestamp(n * 10 + {partition}), n, n, now() \
                 from generate_series({from}, {last}) n; \
                 insert into commits (partition_id, from_offset, to_offset, min_ts, max_ts, points, series_ids) \
                 values ({partition}, {from}, {to}, to_timestamp({from} * 10), to_timestamp({to} * 10), \
                   {to} - {from}, (select array_agg(distinct 1 + n % {series}) from generate_series({from}, {last}) n)); \
                 update ingest_offsets set next_offset = {to} where partition_id = {partition}; commit;"
            ))
            .await;
        let point = |n: i64| StoredPoint {
            series: (n % self.series) as u32,
            ts: Micros((n * 10 + i64::from(partition)) * 1_000_000),
            value: n as f64,
            partition_id: partition,
            offset: n,
        };
        let series = |n: i64| StoredSeries {
            id: n as i32 + 1,
            series: Arc::new(Series::new(format!("m{n}"), Vec::<(&str, &str)>::new())),
        };
        Arc::new(Stored {
            ranges: vec![Range {
                partition_id: partition,
                from,
                to,
            }],
            series: (0..self.series).map(series).collect(),
            points: (from..to).map(point).collect(),
        })
    }

    /// Waits until the hub has published so many offsets.
    pub async fn published(&self, offsets: i64) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let published = self.hub.published();
            let sum: i64 = published
                .iter()
                .flat_map(|cursor| cursor.positions.values())
                .sum();
            if sum >= offsets {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{sum} of {offsets} published"
            );
            tokio::task::yield_now().await;
        }
    }

    /// A feed of series `m0`.
    pub async fn open(&self, start: Start) -> Result<Feed, FeedError> {
        self.open_series(Some(0), start).await
    }

    /// A feed of one series, or of all.
    pub async fn open_series(&self, series: Option<i64>, start: Start) -> Result<Feed, FeedError> {
        let metric = series.map(|n| format!("m{n}"));
        let (hub, catch_up) = (self.hub.clone(), self.catch_up.clone());
        let feeds = Feeds::new(hub, catch_up, 1 << 20, &self.metrics);
        let request = Request {
            scoped: Viewer::everyone().select(Selector::new(metric, Vec::new())),
            seal: Seal::default(),
            start,
            every: None,
            fold: Fold::Newest,
            overflow: Overflow::Close,
        };
        feeds.open(request).await
    }

    /// Statements of those who catch up.
    pub fn reads(&self) -> u64 {
        ["horizon", "series", "page", "history"]
            .map(|kind| self.reads_of(kind))
            .iter()
            .sum()
    }

    pub fn reads_of(&self, kind: &str) -> u64 {
        let labels = vec![("kind", kind.to_owned())];
        self.metrics.catch_up_reads.get_or_create(&labels).get()
    }

    pub fn partitions(&self) -> std::ops::RangeInclusive<i32> {
        1..=self.partitions
    }
}

pub async fn next(feed: &mut Feed) -> Result<Batch, FeedError> {
    let patience = Duration::from_secs(30);
    let batch = tokio::time::timeout(patience, feed.next()).await;
    batch.expect("a batch in time").expect("the feed goes on")
}

/// Reads `n` points and returns their offsets with the last cursor.
pub async fn read(feed: &mut Feed, n: usize) -> (Vec<i64>, Cursor) {
    let (mut offsets, mut cursor) = (Vec::new(), Cursor::default());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while offsets.len() < n {
        assert!(tokio::time::Instant::now() < deadline, "only {offsets:?}");
        let batch = next(feed).await.unwrap();
        offsets.extend(batch.selected.points().map(|point| point.offset));
        cursor = Cursor::clone(&batch.cursor);
    }
    (offsets, cursor)
}
