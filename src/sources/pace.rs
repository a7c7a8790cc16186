//! Slows down a producer in another process, so that it does not overrun an embedded broker, which drops
//! unread records. It waits for the offsets that ingestion reports for lag tools.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::{Instant, sleep};

use super::broker::{Broker, Quiet, REQUEST_TIMEOUT, SourceError, refused};
use super::producer::{Placed, ProduceError};

/// What may be on its way: well below what the broker keeps of a partition.
const BYTES: usize = 2 << 20;
const RECORDS: usize = 20_000;

/// Ingest reports about once a second.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Pace {
    group: Arc<BaseConsumer<Quiet>>,
    topic: String,
    /// The offset behind the last record of each partition.
    sent: BTreeMap<i32, i64>,
    bytes: usize,
    records: usize,
}

impl Pace {
    pub fn new(broker: &Broker, group_id: &str, topic: &str) -> Result<Self, SourceError> {
        // It subscribes to nothing, so it does not join the group.
        let fixed = [
            ("group.id", group_id.to_owned()),
            ("enable.auto.commit", "false".to_owned()),
        ];
        let group = broker.client(&[], &fixed).create_with_context(Quiet);
        Ok(Self {
            group: Arc::new(group.map_err(refused)?),
            topic: topic.to_owned(),
            sent: BTreeMap::new(),
            bytes: 0,
            records: 0,
        })
    }

    pub fn sent(&mut self, placed: Placed, bytes: usize) {
        self.sent.insert(placed.partition, placed.offset + 1);
        self.bytes += bytes;
        self.records += 1;
    }

    /// Returns when more may be sent.
    pub async fn wait(&mut self) -> Result<(), ProduceError> {
        if self.bytes < BYTES && self.records < RECORDS {
            return Ok(());
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.is_read().await? {
            if Instant::now() >= deadline {
                return Err(ProduceError::Lagging(self.topic.clone()));
            }
            sleep(LOOK_EVERY).await;
        }
        self.sent.clear();
        (self.bytes, self.records) = (0, 0);
        Ok(())
    }

    async fn is_read(&self) -> Result<bool, ProduceError> {
        let mut asked = TopicPartitionList::new();
        for partition in self.sent.keys() {
            asked.add_partition(&self.topic, *partition);
        }
        let group = Arc::clone(&self.group);
        let ask = move || group.committed_offsets(asked, REQUEST_TIMEOUT);
        let committed = tokio::task::spawn_blocking(ask)
            .await
            .map_err(|_| ProduceError::TimedOut)?
            .map_err(ProduceError::Other)?;
        let reached = |(partition, sent): (&i32, &i64)| {
            let found = committed.find_partition(&self.topic, *partition);
            matches!(found.map(|found| found.offset()), Some(Offset::Offset(offset)) if offset >= *sent)
        };
        Ok(self.sent.iter().all(reached))
    }
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pace")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
