//! Batches for the writer's tests, put together record by record, and what a node does with them.

use std::sync::Arc;
use std::time::Duration;

use crate::data::{
    Assigned, Batch, Claim, Credits, Header, LeaderEpoch, Micros, OffsetRange, Point, RawBatch, RawRecord,
    Reason, Rejected, Series, TopicPartition, headers,
};
use crate::store::ledger::Ledger;
use crate::store::testing::Database;
use crate::store::{Writer, WriterConfig, Written};
use crate::telemetry::Metrics;

/// 2026-01-01T00:00:00Z: second 0 of every test.
pub const START: i64 = 1_767_225_600;

pub const fn second(n: i64) -> Micros {
    Micros((START + n) * 1_000_000)
}

pub fn topic_partition(partition: i32, topic_id: &str) -> TopicPartition<'_> {
    TopicPartition {
        stream: "machines",
        topic: "machines",
        partition,
        topic_id,
    }
}

/// A batch being put together.
#[derive(Debug)]
pub struct Input(Batch);

impl Input {
    pub fn empty() -> Self {
        Self(Batch {
            raw: RawBatch {
                ranges: Vec::new(),
                records: Vec::new(),
                arena: Vec::new(),
                permit: Credits::new(1).acquire(1, Duration::ZERO).expect("one credit"),
            },
            series: Vec::new(),
            points: Vec::new(),
            rejected: Vec::new(),
        })
    }

    /// Offsets `from..to` of a partition; the records that follow are its.
    pub fn range(mut self, of: &Arc<Assigned>, from: i64, to: i64) -> Self {
        let of = Arc::clone(of);
        self.0.raw.ranges.push(OffsetRange {
            of,
            from,
            to,
            leader_epoch: None,
        });
        self
    }

    /// The leader epoch of the last range's last record.
    pub fn epoch(mut self, epoch: i32) -> Self {
        if let Some(range) = self.0.raw.ranges.last_mut() {
            let offset = range.to;
            range.leader_epoch = Some(LeaderEpoch { epoch, offset });
        }
        self
    }

    /// A record of the last range, its Kafka timestamp in seconds, with points (site, second, value).
    pub fn record(mut self, offset: i64, recorded: i64, points: &[(&str, i64, f64)]) -> Self {
        let record = self.0.raw.records.len() as u32;
        for (site, at, value) in points {
            let series = self.series(site);
            self.0.points.push(Point {
                record,
                series,
                ts: second(*at),
                value: *value,
            });
        }
        let payload = format!("{points:?}");
        let start = self.0.raw.arena.len() as u32;
        self.0.raw.arena.extend_from_slice(payload.as_bytes());
        self.0.raw.records.push(RawRecord {
            range: self.0.raw.ranges.len() as u32 - 1,
            offset,
            timestamp: second(recorded),
            key: None,
            payload: Some(start..self.0.raw.arena.len() as u32),
            headers: Vec::new(),
        });
        self
    }

    /// A record that is a dead letter already.
    pub fn bad(mut self, offset: i64, detail: &str) -> Self {
        self.0.rejected.push(Rejected {
            record: self.0.raw.records.len() as u32,
            reason: Reason::NotJson,
            detail: detail.to_owned(),
            element: Some(3),
        });
        self.record(offset, 0, &[])
    }

    /// Makes the last record a redriven one.
    pub fn redriven(mut self, letter: i64, attempt: i32) -> Self {
        let header = |name: &str, value: String| Header {
            name: name.to_owned(),
            value: value.into_bytes(),
        };
        let record = self.0.raw.records.last_mut().expect("a record");
        record.headers = vec![
            header(headers::DEAD_LETTER, letter.to_string()),
            header(headers::ATTEMPT, attempt.to_string()),
        ];
        self
    }

    pub fn batch(self) -> Batch {
        self.0
    }

    fn series(&mut self, site: &str) -> u32 {
        let known = self.0.series.iter().position(|s| s.label("site") == Some(site));
        let at = known.unwrap_or_else(|| {
            self.0.series.push(Arc::new(Series::new("m", [("site", site)])));
            self.0.series.len() - 1
        });
        at as u32
    }
}

/// A database, a ledger and a writer: what a node has of them.
#[derive(Debug)]
pub struct Node {
    pub db: Database,
    pub ledger: Ledger,
    pub writer: Writer,
    pub metrics: Arc<Metrics>,
}

impl Node {
    pub async fn start() -> Self {
        Self::with(WriterConfig::default()).await
    }

    pub async fn with(config: WriterConfig) -> Self {
        let db = Database::create().await;
        let metrics = Arc::new(Metrics::default());
        Self {
            ledger: Ledger::connect(&db.url).await.expect("a ledger"),
            writer: Writer::connect(&db.url, config, Arc::clone(&metrics))
                .await
                .expect("a writer"),
            metrics,
            db,
        }
    }

    /// Throws the writer's connection away, as its owner does after every error.
    pub async fn reconnect(&mut self) {
        self.writer = self.another_writer().await;
    }

    /// What another node has, or this one after an error.
    pub async fn another_writer(&self) -> Writer {
        let config = WriterConfig::default();
        Writer::connect(&self.db.url, config, Arc::clone(&self.metrics))
            .await
            .expect("a writer")
    }

    /// Takes a partition of the topic over, from offset 0 if it is new.
    pub async fn own(&mut self, partition: i32) -> Arc<Assigned> {
        self.take(topic_partition(partition, "one"), false).await
    }

    pub async fn own_redrive(&mut self) -> Arc<Assigned> {
        let mut of = topic_partition(0, "redrive");
        of.topic = "streamsync.redrive.machines";
        self.take(of, true).await
    }

    async fn take(&mut self, of: TopicPartition<'_>, redrive: bool) -> Arc<Assigned> {
        let claimed = match self.ledger.claim(of).await.expect("a claim") {
            Claim::Resumed(claimed) => claimed,
            Claim::New | Claim::Unread => self.ledger.begin_epoch(of, 0).await.expect("an epoch"),
        };
        Arc::new(Assigned {
            partition_id: claimed.partition_id,
            owner_epoch: claimed.owner_epoch,
            stream: of.stream.into(),
            topic: of.topic.into(),
            partition: of.partition,
            redrive,
        })
    }

    pub async fn write(&mut self, input: Input) -> Written {
        self.writer
            .write(input.batch())
            .await
            .expect("the batch is stored")
    }

    /// The table as `site second value partition_id offset`, by site and time.
    pub async fn points(&self) -> Vec<String> {
        let query = format!(
            "select s.labels->>'site', (extract(epoch from p.ts) - {START})::bigint, p.value,
                p.partition_id, p.\"offset\"
            from points p join series s on s.id = p.series_id order by 1, 2"
        );
        let rows = self.db.rows(&query).await;
        rows.into_iter().map(|row| row.replace('|', " ")).collect()
    }
}

/// The ranges as `partition_id from..to`.
pub fn ranges(ranges: &[OffsetRange]) -> Vec<String> {
    let text = |range: &OffsetRange| format!("{} {}..{}", range.of.partition_id, range.from, range.to);
    ranges.iter().map(text).collect()
}
