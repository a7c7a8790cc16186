//! Throttles our own producers of the in-process cluster, which drops the oldest records of a full
//! partition even if they were acknowledged.
//!
//! A producer reserves room before it sends a record. It waits while too much of the topic is not
//! committed to Postgres. The limits are those of one partition, applied to the whole topic, because
//! the partition is not known before the send.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Two fifths of what a partition of the in-process cluster keeps (5 MiB, 100,000 records): the
/// rest is for producers that are not ours.
const MAX_BYTES: usize = 2 << 20;
const MAX_RECORDS: usize = 40_000;

/// The maximum overhead of a record besides key, payload and headers, in bytes.
const RECORD_OVERHEAD: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Throttle {
    topics: Mutex<HashMap<String, Topic>>,
    freed: Notify,
}

/// What is not committed yet of one topic.
#[derive(Debug, Default)]
struct Topic {
    bytes: usize,
    records: usize,
    partitions: HashMap<i32, Partition>,
}

#[derive(Debug, Default)]
struct Partition {
    committed: i64,
    /// Offset and size of records that are in the cluster.
    waiting: BTreeMap<i64, usize>,
}

/// Room for one record; dropping it before [`Reservation::placed`] gives the room back.
#[derive(Debug)]
pub(super) struct Reservation {
    throttle: Arc<Throttle>,
    topic: String,
    bytes: usize,
    open: bool,
}

impl Throttle {
    /// Waits for room; the caller sets the deadline. A record larger than the limit passes alone.
    pub async fn reserve(self: &Arc<Self>, topic: &str, bytes: usize) -> Reservation {
        let bytes = bytes + RECORD_OVERHEAD;
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.try_take(topic, bytes) {
                return Reservation {
                    throttle: Arc::clone(self),
                    topic: topic.to_owned(),
                    bytes,
                    open: true,
                };
            }
            freed.await;
        }
    }

    /// Everything below `to` is in Postgres.
    pub fn committed(&self, topic: &str, partition: i32, to: i64) {
        let mut topics = self.topics.lock();
        let Some(topic) = topics.get_mut(topic) else {
            return;
        };
        let place = topic.partitions.entry(partition).or_default();
        place.committed = place.committed.max(to);
        let still = place.waiting.split_off(&to);
        let gone = std::mem::replace(&mut place.waiting, still);
        topic.records -= gone.len();
        topic.bytes -= gone.values().sum::<usize>();
        drop(topics);
        self.freed.notify_waiters();
    }

    /// Waits until everything up to `offset` is in Postgres; the caller sets the deadline.
    pub async fn until_committed(&self, topic: &str, partition: i32, offset: i64) {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            let is_committed = |topic: &Topic| {
                let place = topic.partitions.get(&partition);
                place.is_some_and(|place| place.committed > offset)
            };
            if self.topics.lock().get(topic).is_some_and(is_committed) {
                return;
            }
            freed.await;
        }
    }

    fn try_take(&self, topic: &str, bytes: usize) -> bool {
        let mut topics = self.topics.lock();
        // Looking up by &str first saves an allocation for each record.
        if !topics.contains_key(topic) {
            topics.insert(topic.to_owned(), Topic::default());
        }
        let Some(topic) = topics.get_mut(topic) else {
            return true;
        };
        let fits = topic.records < MAX_RECORDS && topic.bytes + bytes <= MAX_BYTES;
        if !fits && topic.records > 0 {
            return false;
        }
        topic.records += 1;
        topic.bytes += bytes;
        true
    }
}

impl Reservation {
    /// The record stands at `offset`: the room is taken until a commit passes it.
    pub fn placed(mut self, partition: i32, offset: i64) {
        let mut topics = self.throttle.topics.lock();
        let Some(topic) = topics.get_mut(&self.topic) else {
            return;
        };
        let place = topic.partitions.entry(partition).or_default();
        if offset >= place.committed {
            place.waiting.insert(offset, self.bytes);
            self.open = false;
        }
        // Otherwise the commit came before this call, and `drop` gives the room back.
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        if let Some(topic) = self.throttle.topics.lock().get_mut(&self.topic) {
            topic.records -= 1;
            topic.bytes -= self.bytes;
        }
        self.throttle.freed.notify_waiters();
    }
}
