//! Assignments: each new partition is claimed in the ledger and begins at the ledger's offset. The
//! offset is in the list *before* it is assigned. A seek afterwards would be too late, because records
//! of another offset may be on their way.
//!
//! The group's decisions come on the poll thread, inside `poll`. The results are [`Change`]s for its
//! loop. An assignment is taken completely or not at all: after an error nothing is assigned and the
//! generation ends. A partition whose offset is lost is left out of the assignment and shown in the
//! status, while the others run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::broker::{REQUEST_TIMEOUT, log_line};
use super::native::Description;
use super::offsets::{self, Verdict, Watermarks, places};
use super::subscribed::{Subscribed, subscriptions};
use super::{Failure, Ledger, OnOffsetLost, StreamSource, native};
use crate::data::{Assigned, Claim, Claimed, LeaderEpoch, TopicPartition};
use crate::telemetry::status::PartitionStatus;
use crate::telemetry::{Metrics, Status};

mod truncated;

/// What the loop must know of a rebalance.
#[derive(Debug)]
pub(super) enum Change {
    Assigned(Vec<Owned>),
    Revoked(Vec<(String, i32)>),
    Failed(Failure),
}

/// A partition that is read from `next_offset` on.
#[derive(Debug)]
pub(super) struct Owned {
    pub assigned: Arc<Assigned>,
    pub next_offset: i64,
    /// Where librdkafka begins until it is moved: an offset that Kafka has.
    pub begin: i64,
    /// Known if Kafka can compare it with its log, to see whether that is still the one that was read.
    pub leader_epoch: Option<LeaderEpoch>,
    pub topic_id: Arc<str>,
}

impl Owned {
    pub fn place(&self) -> (&str, i32) {
        (&self.assigned.topic, self.assigned.partition)
    }
}

pub(super) struct Context {
    topics: BTreeMap<Arc<str>, Subscribed>,
    ledger: Mutex<Box<dyn Ledger>>,
    embedded: bool,
    pub status: Arc<Status>,
    pub metrics: Arc<Metrics>,
    /// What librdkafka was told to read. Other partitions must not be unassigned.
    reading: Mutex<BTreeSet<(String, i32)>>,
    changes: Mutex<Vec<Change>>,
    changed: AtomicBool,
}

impl Context {
    pub fn new(
        streams: &[StreamSource],
        ledger: Box<dyn Ledger>,
        embedded: bool,
        status: Arc<Status>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            topics: streams.iter().flat_map(subscriptions).collect(),
            ledger: Mutex::new(ledger),
            embedded,
            status,
            metrics,
            reading: Mutex::default(),
            changes: Mutex::default(),
            changed: AtomicBool::new(false),
        }
    }

    pub fn topics(&self) -> Vec<&str> {
        self.topics.keys().map(|topic| &**topic).collect()
    }

    /// Streams that must not be read for now.
    pub fn paused(&self) -> BTreeSet<Arc<str>> {
        let mut names: BTreeSet<Arc<str>> = self.topics.values().map(|t| Arc::clone(&t.stream)).collect();
        names.retain(|stream| self.status.is_paused(stream));
        names
    }

    /// Cheap enough to ask after every record.
    pub fn has_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    pub fn take_changes(&self) -> Vec<Change> {
        self.changed.store(false, Ordering::Relaxed);
        std::mem::take(&mut self.changes.lock())
    }

    /// Takes every partition of these topics out of status and metrics.
    pub fn forget_all(&self) {
        let shown: Vec<(String, i32)> = self.status.update(|snapshot| {
            let ours = |(topic, _): &&(String, i32)| self.topics.contains_key(topic.as_str());
            snapshot.partitions.keys().filter(ours).cloned().collect()
        });
        self.forget(&shown);
    }

    fn forget(&self, partitions: &[(String, i32)]) {
        self.status.update(|snapshot| {
            for place in partitions {
                snapshot.partitions.remove(place);
            }
        });
        for (topic, partition) in partitions {
            self.metrics.forget_lag(topic, *partition);
        }
    }

    fn tell(&self, change: Change) {
        self.changes.lock().push(change);
        self.changed.store(true, Ordering::Relaxed);
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, wanted: &TopicPartitionList) {
        let cooperative = is_cooperative(consumer);
        let outcome = self.claim_all(consumer, wanted).and_then(|owned| {
            let list = with_offsets(&owned).map_err(Failure::retry)?;
            take_on(consumer, &list, cooperative).map_err(Failure::retry)?;
            Ok(owned)
        });
        match outcome {
            Ok(owned) => {
                let mut reading = self.reading.lock();
                if !cooperative {
                    reading.clear();
                }
                let places = owned.iter().map(Owned::place);
                reading.extend(places.map(|(topic, partition)| (topic.to_owned(), partition)));
                drop(reading);
                self.status.well("kafka");
                self.tell(Change::Assigned(owned));
            }
            Err(failure) => {
                // librdkafka waits for an answer to its assignment.
                let nothing = TopicPartitionList::new();
                if let Err(error) = take_on(consumer, &nothing, cooperative) {
                    tracing::debug!(%error, "the empty assignment failed");
                }
                self.tell(Change::Failed(failure));
            }
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, gone: &TopicPartitionList) {
        let gone: Vec<(String, i32)> = places(gone);
        let mut reading = self.reading.lock();
        let mut list = TopicPartitionList::new();
        for (topic, partition) in gone.iter().filter(|place| reading.contains(place)) {
            list.add_partition(topic, *partition);
        }
        let outcome = if is_cooperative(consumer) {
            reading.retain(|place| !gone.contains(place));
            consumer.incremental_unassign(&list)
        } else {
            reading.clear();
            consumer.unassign()
        };
        drop(reading);
        self.forget(&gone);
        self.tell(Change::Revoked(gone));
        if let Err(error) = outcome {
            self.tell(Change::Failed(Failure::retry(error)));
        }
    }

    fn claim_all(
        &self,
        consumer: &BaseConsumer<Self>,
        wanted: &TopicPartitionList,
    ) -> Result<Vec<Owned>, Failure> {
        let places = places(wanted);
        let topics = describe(consumer, &places)?;
        let mut owned = Vec::with_capacity(places.len());
        for (topic, partition) in places {
            let known = self.topics.get(&*topic).zip(topics.get(&*topic));
            let Some((topic, found)) = known else {
                return Err(Failure::retry(format!("topic {topic} has no description")));
            };
            let marks = offsets::watermarks(consumer, &topic.topic, partition)
                .map_err(|error| Failure::retry(format!("{}/{partition}: {error}", topic.topic)))?;
            owned.extend(self.claim(consumer, topic, partition, found, marks)?);
        }
        Ok(owned)
    }

    /// `None` when the partition must stop.
    fn claim(
        &self,
        consumer: &BaseConsumer<Self>,
        topic: &Subscribed,
        partition: i32,
        found: &Description,
        marks: Watermarks,
    ) -> Result<Option<Owned>, Failure> {
        let of = topic.topic_partition(partition, &found.id);
        let mut ledger = self.ledger.lock();
        let mut claim = ledger.claim(of)?;
        if claim == Claim::New {
            let first =
                offsets::first_offsets(consumer, of.topic, found.partitions, topic.start, self.embedded);
            ledger.begin_topic(of, &first.map_err(Failure::retry)?)?;
            claim = ledger.claim(of)?;
        }
        let mut claimed = match claim {
            Claim::Resumed(claimed) => claimed,
            Claim::Unread | Claim::New => ledger.begin_epoch(of, 0)?,
        };
        // Kafka cannot compare a record that it has dropped.
        let known = |claimed: Claimed| claimed.leader_epoch.filter(|at| at.offset > marks.low);
        // If the record is beyond the end, Kafka finds by the epoch where the logs diverge.
        let is_asked = known(claimed).is_some_and(|at| at.offset > marks.high);
        let mut trouble = None;
        match (marks.judge(claimed.next_offset), topic.on_offset_lost) {
            (Verdict::Available, _) => {}
            (Verdict::AboveHigh, _) if is_asked => {}
            (_, OnOffsetLost::Stop) => trouble = Some(marks.lost(claimed.next_offset)),
            (Verdict::BelowLow, OnOffsetLost::Jump) => {
                warn_of_jump(of, claimed, marks.low);
                ledger.record_gap(claimed, marks.low)?;
                claimed.next_offset = marks.low;
            }
            (Verdict::AboveHigh, OnOffsetLost::Jump) => {
                warn_of_jump(of, claimed, marks.high);
                let before = claimed;
                claimed = ledger.begin_epoch(of, marks.high)?;
                ledger.record_lost_end(before, marks.high)?;
            }
        }
        drop(ledger);
        self.show(of, claimed, marks, trouble.clone());
        if let Some(why) = trouble {
            tracing::error!(topic = of.topic, partition, "partition stopped: {why}");
            return Ok(None);
        }
        Ok(Some(Owned {
            assigned: Arc::new(Assigned {
                partition_id: claimed.partition_id,
                owner_epoch: claimed.owner_epoch,
                stream: Arc::clone(&topic.stream),
                topic: Arc::clone(&topic.topic),
                partition,
                redrive: topic.redrive,
            }),
            next_offset: claimed.next_offset,
            begin: claimed.next_offset.min(marks.high),
            leader_epoch: known(claimed),
            topic_id: Arc::from(found.id.as_str()),
        }))
    }

    fn show(&self, of: TopicPartition<'_>, claimed: Claimed, marks: Watermarks, trouble: Option<String>) {
        let status = PartitionStatus {
            stream: of.stream.to_owned(),
            partition_id: claimed.partition_id,
            owner_epoch: claimed.owner_epoch,
            next_offset: claimed.next_offset,
            end_offset: marks.high,
            trouble,
        };
        let key = (of.topic.to_owned(), of.partition);
        self.status.update(|s| s.partitions.insert(key, status));
        let lag = (marks.high - claimed.next_offset).max(0);
        self.metrics.set_lag(of.topic, of.partition, lag);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // `poll` returns the same error, and it is judged there.
        tracing::debug!(%error, reason, "kafka consumer");
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, partitions),
            _ => self.revoke(consumer, partitions),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        // Only a report for lag tools: the offsets that count are in Postgres.
        if let Err(error) = result {
            tracing::debug!(%error, "cannot commit the group's offsets to Kafka");
        }
    }
}

fn describe(
    consumer: &BaseConsumer<Context>,
    places: &[(String, i32)],
) -> Result<HashMap<String, Description>, Failure> {
    let names: BTreeSet<&str> = places.iter().map(|(topic, _)| topic.as_str()).collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<&str> = names.into_iter().collect();
    native::describe(consumer.client(), &names, REQUEST_TIMEOUT)
        .map_err(Failure::retry)?
        .into_iter()
        .map(|topic| match topic.found {
            Ok(found) => Ok((topic.name, found)),
            Err(code) => Err(Failure::retry(format!("topic {}: {code}", topic.name))),
        })
        .collect()
}

fn take_on(
    consumer: &BaseConsumer<Context>,
    list: &TopicPartitionList,
    cooperative: bool,
) -> KafkaResult<()> {
    if cooperative {
        return consumer.incremental_assign(list);
    }
    consumer.assign(list)
}

fn is_cooperative(consumer: &BaseConsumer<Context>) -> bool {
    matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

fn with_offsets(owned: &[Owned]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(owned.len());
    for one in owned {
        let (of, from) = (&one.assigned, Offset::Offset(one.begin));
        list.add_partition_offset(&of.topic, of.partition, from)?;
    }
    Ok(list)
}

fn warn_of_jump(of: TopicPartition<'_>, claimed: Claimed, to: i64) {
    tracing::warn!(
        topic = of.topic,
        partition = of.partition,
        from = claimed.next_offset,
        to,
        "OFFSET_LOST: skipping to the first offset that Kafka has"
    );
}
