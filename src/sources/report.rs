//! What the poll thread reports about once a second: committed offsets to Kafka, lag to the metrics,
//! and whether Kafka is there and its topics are still the same ones.
//!
//! Nothing here waits for the broker. Ends come from the consumer's cache, and commits are
//! asynchronous. The answer about topics is read in a later round.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::Failure;
use super::broker::REQUEST_TIMEOUT;
use super::native::{self, Describing, Topic};
use super::rebalance::{Context, Owned};
use crate::data::OffsetRange;

const ROUND: Duration = Duration::from_secs(1);

pub(super) struct Report<'c> {
    consumer: &'c BaseConsumer<Context>,
    owned: Vec<Owned>,
    /// Committed to Postgres, not yet reported to Kafka.
    unreported: BTreeMap<(Arc<str>, i32), i64>,
    next_round: Instant,
    recheck: Duration,
    next_check: Instant,
    checking: Option<Describing<'c>>,
    /// Kafka did not answer last time.
    troubled: bool,
}

impl<'c> Report<'c> {
    pub fn new(consumer: &'c BaseConsumer<Context>, recheck: Duration) -> Self {
        let now = Instant::now();
        Self {
            consumer,
            owned: Vec::new(),
            unreported: BTreeMap::new(),
            next_round: now + ROUND,
            recheck,
            next_check: now + recheck,
            checking: None,
            troubled: false,
        }
    }

    pub fn assign(&mut self, owned: Owned) {
        self.revoke(&owned.assigned.topic, owned.assigned.partition);
        self.owned.push(owned);
    }

    pub fn revoke(&mut self, topic: &str, partition: i32) {
        self.owned.retain(|of| of.place() != (topic, partition));
        self.unreported
            .retain(|(t, p), _| (&**t, *p) != (topic, partition));
    }

    pub fn owned(&self, topic: &str, partition: i32) -> Option<&Owned> {
        self.owned.iter().find(|of| of.place() == (topic, partition))
    }

    /// Notes committed ranges of the partitions that are still this node's.
    pub fn committed(&mut self, ranges: impl Iterator<Item = OffsetRange>) {
        for range in ranges {
            let ours = self.owned.iter_mut().find(|of| of.assigned == range.of);
            let Some(owned) = ours else {
                continue;
            };
            owned.next_offset = owned.next_offset.max(range.to);
            let key = (Arc::clone(&range.of.topic), range.of.partition);
            self.unreported.insert(key, owned.next_offset);
        }
    }

    /// To be called often; acts about once a second, and returns whether it did.
    pub fn tick(&mut self) -> Result<bool, Failure> {
        let now = Instant::now();
        if now < self.next_round {
            return Ok(false);
        }
        self.next_round = now + ROUND;
        self.commit();
        self.show_lag();
        self.check_topics(now)?;
        Ok(true)
    }

    /// Reports to Kafka, for lag tools. The consumer's context logs failures.
    pub fn commit(&mut self) {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), offset) in std::mem::take(&mut self.unreported) {
            let offset = Offset::Offset(offset);
            if let Err(error) = list.add_partition_offset(&topic, partition, offset) {
                tracing::debug!(%error, "cannot report an offset");
            }
        }
        if list.count() == 0 {
            return;
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "cannot commit the group's offsets to Kafka");
        }
    }

    /// Kafka answered.
    pub fn heard(&mut self) {
        if self.troubled {
            self.troubled = false;
            self.consumer.context().status.well("kafka");
        }
    }

    pub fn lost(&mut self, why: &str) {
        if !self.troubled {
            tracing::warn!("kafka: {why}");
        }
        self.troubled = true;
        self.consumer.context().status.trouble("kafka", why);
        self.doubt();
    }

    /// Something went wrong: ask for the topics in the next round.
    pub fn doubt(&mut self) {
        self.next_check = Instant::now();
    }

    fn show_lag(&self) {
        let context = self.consumer.context();
        for owned in &self.owned {
            let (topic, partition) = owned.place();
            let end = native::cached_end(self.consumer.client(), topic, partition);
            let lag = context.status.update(|snapshot| {
                let shown = snapshot.partitions.get_mut(&(topic.to_owned(), partition))?;
                shown.end_offset = shown.end_offset.max(end.unwrap_or(0));
                Some((shown.end_offset - owned.next_offset).max(0))
            });
            if let Some(lag) = lag {
                context.metrics.set_lag(topic, partition, lag);
            }
        }
    }

    fn check_topics(&mut self, now: Instant) -> Result<(), Failure> {
        if let Some(checking) = &mut self.checking {
            let Some(answer) = checking.answer(Duration::ZERO) else {
                return Ok(());
            };
            self.checking = None;
            return self.judge(answer);
        }
        if now < self.next_check {
            return Ok(());
        }
        self.next_check = now + self.recheck;
        let mut topics = self.consumer.context().topics();
        if topics.is_empty() {
            return Ok(());
        }
        topics.sort_unstable();
        self.checking = Describing::send(self.consumer.client(), &topics, REQUEST_TIMEOUT, Duration::ZERO)
            .inspect_err(|error| tracing::debug!(%error, "cannot list topics"))
            .ok();
        Ok(())
    }

    fn judge(&mut self, answer: KafkaResult<Vec<Topic>>) -> Result<(), Failure> {
        let (topics, mut trouble) = match answer {
            Ok(topics) => (topics, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        for Topic { name, found } in topics {
            match found {
                Ok(found) => {
                    let mut of_topic = self.owned.iter().filter(|of| *of.assigned.topic == *name);
                    if of_topic.any(|owned| *owned.topic_id != *found.id) {
                        return Err(Failure::retry(format!("topic {name} was created anew")));
                    }
                }
                Err(code) => trouble = Some(format!("topic {name}: {code}")),
            }
        }
        match trouble {
            None => self.heard(),
            Some(why) => self.lost(&why),
        }
        Ok(())
    }
}
