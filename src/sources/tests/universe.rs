//! A small world around the poll thread: the in-process cluster, a ledger in memory that compares
//! and sets as Postgres does, and a sink that commits at once or holds what it gets.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::data::headers;
use crate::data::{
    Claim, Claimed, Credits, Header, LeaderEpoch, Micros, OffsetRange, RawBatch, TopicPartition,
};
use crate::sources::producer::Placed;
use crate::sources::*;
use crate::telemetry::status::StreamState;
use crate::telemetry::{Metrics, Status};

const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub partition_id: i32,
    pub epoch: i32,
    pub topic_id: String,
    pub next_offset: i64,
    pub owner_epoch: i64,
    pub leader_epoch: Option<LeaderEpoch>,
}

/// One stored record, by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub timestamp: Micros,
    pub headers: Vec<Header>,
    pub redrive: bool,
}

#[derive(Debug, Default)]
pub struct World {
    pub rows: BTreeMap<(String, i32), Vec<Row>>,
    pub gaps: Vec<(i32, i64, i64)>,
    /// By topic, partition and offset; a second record at the same place is a failed test.
    pub stored: BTreeMap<(String, i32, i64), Stored>,
    pub ranges: Vec<OffsetRange>,
    pub dropped_shares: usize,
    pub failures: Vec<(String, bool)>,
    pub hold: bool,
    pub held: Vec<RawBatch>,
    pub broken: Option<LedgerError>,
    /// Rows made by a test are of the topic that is there.
    pub any_topic_id: bool,
}

impl World {
    fn commit(&mut self, batch: &RawBatch) {
        for (index, range) in batch.ranges.iter().enumerate() {
            let row = self
                .rows
                .get_mut(&(range.of.topic.to_string(), range.of.partition))
                .and_then(|rows| rows.last_mut())
                .unwrap();
            let ours = row.partition_id == range.of.partition_id
                && row.owner_epoch == range.of.owner_epoch
                && row.next_offset == range.from;
            if !ours {
                self.dropped_shares += 1;
                continue;
            }
            row.next_offset = range.to;
            row.leader_epoch = range.leader_epoch.or(row.leader_epoch);
            self.ranges.push(range.clone());
            let of_share = batch.records.iter().filter(|r| r.range as usize == index);
            let mut last = range.from - 1;
            for record in of_share {
                assert!(record.offset > last && record.offset < range.to);
                last = record.offset;
                let place = (range.of.topic.to_string(), range.of.partition, record.offset);
                let stored = Stored {
                    key: batch.key(record).map(<[u8]>::to_vec),
                    payload: batch.payload(record).map(<[u8]>::to_vec),
                    timestamp: record.timestamp,
                    headers: record.headers.clone(),
                    redrive: range.of.redrive,
                };
                assert!(self.stored.insert(place, stored).is_none(), "stored twice");
            }
        }
    }

    pub fn row(&mut self, topic: &str, partition: i32) -> &mut Row {
        let rows = self.rows.get_mut(&(topic.to_owned(), partition));
        rows.and_then(|rows| rows.last_mut()).unwrap()
    }

    fn begin(&mut self, of: TopicPartition<'_>, next_offset: i64) -> Claimed {
        let partition_id = 1 + self.rows.values().map(Vec::len).sum::<usize>() as i32;
        let rows = self.rows.entry((of.topic.to_owned(), of.partition)).or_default();
        rows.push(Row {
            partition_id,
            epoch: rows.len() as i32 + 1,
            topic_id: of.topic_id.to_owned(),
            next_offset,
            owner_epoch: 1,
            leader_epoch: None,
        });
        Claimed {
            partition_id,
            owner_epoch: 1,
            next_offset,
            leader_epoch: None,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Shared(pub Arc<(Mutex<World>, Condvar)>);

impl Shared {
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let out = act(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
        out
    }

    pub fn wait(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let until = Instant::now() + DEADLINE;
        let mut world = self.0.0.lock().unwrap();
        while !holds(&world) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain: {what}; {world:#?}");
            let patience = left.min(Duration::from_millis(50));
            world = self.0.1.wait_timeout(world, patience).unwrap().0;
        }
    }

    /// Commits what the sink held.
    pub fn release(&self) {
        self.with(|world| {
            world.hold = false;
            for batch in std::mem::take(&mut world.held) {
                world.commit(&batch);
            }
        });
    }
}

impl Ledger for Shared {
    fn claim(&mut self, of: TopicPartition<'_>) -> Result<Claim, LedgerError> {
        self.with(|world| {
            if let Some(error) = &world.broken {
                return Err(error.clone());
            }
            let key = (of.topic.to_owned(), of.partition);
            let is_known = world.rows.keys().any(|(topic, _)| topic == of.topic);
            let Some(row) = world.rows.get_mut(&key).and_then(|rows| rows.last_mut()) else {
                return Ok(if is_known { Claim::Unread } else { Claim::New });
            };
            if row.topic_id != of.topic_id && !world.any_topic_id {
                return Ok(Claim::Unread);
            }
            row.owner_epoch += 1;
            Ok(Claim::Resumed(Claimed {
                partition_id: row.partition_id,
                owner_epoch: row.owner_epoch,
                next_offset: row.next_offset,
                leader_epoch: row.leader_epoch,
            }))
        })
    }

    fn begin_topic(&mut self, of: TopicPartition<'_>, first: &[(i32, i64)]) -> Result<(), LedgerError> {
        self.with(|world| {
            for (partition, next_offset) in first {
                let partition = *partition;
                world.begin(TopicPartition { partition, ..of }, *next_offset);
                world.row(of.topic, partition).owner_epoch = 0;
            }
        });
        Ok(())
    }

    fn begin_epoch(&mut self, of: TopicPartition<'_>, next_offset: i64) -> Result<Claimed, LedgerError> {
        Ok(self.with(|world| world.begin(of, next_offset)))
    }

    fn record_gap(&mut self, claimed: Claimed, to: i64) -> Result<(), LedgerError> {
        self.with(|world| {
            world.gaps.push((claimed.partition_id, claimed.next_offset, to));
            let rows = world.rows.values_mut().flatten();
            for row in rows.filter(|row| row.partition_id == claimed.partition_id) {
                row.next_offset = to;
            }
        });
        Ok(())
    }

    fn record_lost_end(&mut self, claimed: Claimed, from: i64) -> Result<(), LedgerError> {
        self.with(|world| world.gaps.push((claimed.partition_id, from, claimed.next_offset)));
        Ok(())
    }
}

impl Sink for Shared {
    fn batch(&self, batch: RawBatch) {
        self.with(|world| {
            if world.hold {
                world.held.push(batch);
            } else {
                world.commit(&batch);
            }
        });
    }

    fn failed(&self, why: String, fatal: bool) {
        self.with(|world| world.failures.push((why, fatal)));
    }
}

pub struct Universe {
    pub runtime: Runtime,
    pub broker: Broker,
    pub producer: Producer,
    pub world: Shared,
    pub credits: Arc<Credits>,
    pub metrics: Arc<Metrics>,
    pub status: Arc<Status>,
    pub config: PollConfig,
    pub streams: Vec<StreamSource>,
}

impl Universe {
    /// One stream `machines` on a topic of the same name.
    pub fn new(partitions: i32) -> Self {
        let runtime = Runtime::new().unwrap();
        let broker = Broker::embedded().unwrap();
        let status = Arc::new(Status::default());
        let producer = Producer::new(&broker, Duration::from_secs(5)).unwrap();
        let universe = Self {
            producer,
            world: Shared::default(),
            credits: Credits::new(16 << 20),
            metrics: Arc::default(),
            config: PollConfig {
                session_timeout: Duration::from_secs(3),
                ..PollConfig::default()
            },
            streams: vec![StreamSource {
                name: "machines".into(),
                topic: "machines".into(),
                partitions,
                start: Start::Earliest,
                on_offset_lost: OnOffsetLost::Stop,
                redrive_topic: None,
            }],
            runtime,
            broker,
            status,
        };
        universe.topic("machines", partitions);
        universe
    }

    pub fn topic(&self, name: &str, partitions: i32) {
        let specs = [TopicSpec::new(name, partitions)];
        self.runtime
            .block_on(ensure_topics(&self.broker, &specs, &self.status))
            .unwrap();
    }

    pub fn poller(&self) -> Poller {
        Poller::start(Reading {
            config: self.config.clone(),
            broker: self.broker.clone(),
            streams: self.streams.clone(),
            ledger: Box::new(self.world.clone()),
            sink: Box::new(self.world.clone()),
            credits: Arc::clone(&self.credits),
            metrics: Arc::clone(&self.metrics),
            status: Arc::clone(&self.status),
        })
        .unwrap()
    }

    /// Records `numbers` keyed by their remainder, so that all partitions get some.
    pub fn produce(&self, topic: &str, numbers: std::ops::Range<i64>) -> Vec<Placed> {
        let headers = [Header {
            name: headers::STREAM.into(),
            value: b"machines".to_vec(),
        }];
        self.runtime.block_on(async {
            let mut sending = self.producer.begin();
            for number in numbers {
                let (key, payload) = (format!("key-{}", number % 17), number.to_string());
                let record = Outgoing {
                    topic,
                    key: Some(key.as_bytes()),
                    payload: Some(payload.as_bytes()),
                    headers: &headers,
                    timestamp: Some(Micros::from_millis(1_700_000_000_000 + number)),
                };
                sending.add(record).await.unwrap();
            }
            sending.placed().await.unwrap()
        })
    }

    pub fn wait_stored(&self, count: usize) {
        self.world
            .wait(&format!("{count} records"), |world| world.stored.len() >= count);
    }

    /// By a node that then stops.
    pub fn read(&self, count: usize) {
        let poller = self.poller();
        self.wait_stored(count);
        poller.close();
    }

    /// Besides `machines`.
    pub fn second_stream(&mut self) {
        self.topic("other", 1);
        self.streams.push(StreamSource {
            name: "other".into(),
            topic: "other".into(),
            ..self.streams[0].clone()
        });
    }

    pub fn pause(&self) {
        self.set_state(StreamState::Paused("its mapping is wrong".to_owned()));
    }

    pub fn resume(&self) {
        self.set_state(StreamState::Running);
    }

    fn set_state(&self, state: StreamState) {
        self.status
            .update(|status| status.streams.insert("machines".to_owned(), state));
    }

    /// Nothing stored twice (asserted at the insert), nothing missing, all failures accounted for.
    pub fn assert_whole(&self, count: i64) {
        self.world.with(|world| {
            let mut numbers: Vec<i64> = world.stored.values().map(number).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..count).collect::<Vec<_>>());
            let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
            for range in &world.ranges {
                let end = ends.entry(range.of.partition_id).or_insert(range.from);
                assert_eq!(*end, range.from, "ranges join without a hole");
                *end = range.to;
            }
            assert_eq!(world.failures, []);
        });
        assert_eq!(self.credits.held(), 0);
    }
}

pub fn number(stored: &Stored) -> i64 {
    let text = stored.payload.clone().unwrap();
    String::from_utf8(text).unwrap().parse().unwrap()
}
