//! The loop of the poll thread: records in, batches under credits out.
//!
//! While no batch is in flight, records go out after a short linger. While one is, records are
//! collected until it is committed or the next batch is full. Without credits the loop first waits a
//! second without polling, because pausing throws the prefetch away. Then it pauses the partitions
//! and polls for rebalances only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::sync::oneshot;

use super::builder::Builder;
use super::control::Control;
use super::native::events::{Event, Queue, Trouble, seek};
use super::reach;
use super::rebalance::{Change, Context};
use super::report::Report;
use super::{Failure, PollConfig, Sink};
use crate::data::{Assigned, Credits};

/// How long an idle loop sleeps in `poll` before it looks at its requests.
const IDLE: Duration = Duration::from_millis(100);

/// How soon more records are looked for while a batch is in flight.
const GLANCE: Duration = Duration::from_millis(2);

/// What a producer sends at once comes partition by partition. It should stay together, because each
/// batch costs a transaction and wakes every subscriber.
const LINGER: Duration = Duration::from_millis(1);

/// How long to wait for credits before the partitions are paused.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long librdkafka may take to move partitions that it has begun to fetch.
const SEEK_PATIENCE: Duration = Duration::from_secs(5);

/// Records between two looks at requests and clock.
const BURST: usize = 1_000;

pub(super) struct Reader<'c> {
    consumer: &'c BaseConsumer<Context>,
    queue: Queue<'c, Context>,
    config: PollConfig,
    sink: &'c dyn Sink,
    control: &'c Control,
    credits: &'c Arc<Credits>,
    builder: Builder,
    report: Report<'c>,
    brokers: String,
    /// Paused for want of credits.
    held_back: bool,
    /// Paused for a drain, and not resumed.
    draining: bool,
    waiting_for_drain: Vec<oneshot::Sender<()>>,
    stopped_streams: BTreeSet<Arc<str>>,
    /// Some partitions still have to be moved to their offset.
    seeking: bool,
}

impl<'c> Reader<'c> {
    pub fn new(
        consumer: &'c BaseConsumer<Context>,
        config: PollConfig,
        sink: &'c dyn Sink,
        control: &'c Control,
        credits: &'c Arc<Credits>,
        brokers: String,
    ) -> Result<Self, Failure> {
        let queue = Queue::of(consumer).ok_or_else(|| Failure::retry("the consumer has no queue"))?;
        Ok(Self {
            queue,
            report: Report::new(consumer, config.recheck_topics),
            consumer,
            config,
            sink,
            control,
            credits,
            builder: Builder::default(),
            brokers,
            held_back: false,
            draining: false,
            waiting_for_drain: Vec::new(),
            stopped_streams: consumer.context().paused(),
            seeking: false,
        })
    }

    /// Returns when asked to close.
    pub fn run(&mut self) -> Result<(), Failure> {
        loop {
            if self.control.is_waiting() && self.obey()? {
                self.report.commit();
                return Ok(());
            }
            if self.consumer.context().has_changed() {
                self.adapt()?;
            }
            if self.report.tick()? {
                self.follow_pauses()?;
            }
            if self.seeking {
                self.seek()?;
            }
            if self.held_back || self.draining {
                self.wait()?;
            } else {
                self.read()?;
            }
        }
    }

    /// Does what was asked for; true when that is to close.
    fn obey(&mut self) -> Result<bool, Failure> {
        let requests = self.control.take();
        self.report.committed(requests.committed.into_values());
        if requests.pause {
            self.follow_pauses()?;
        }
        if !requests.drained.is_empty() {
            self.waiting_for_drain.extend(requests.drained);
            self.draining = true;
            self.pause(|_| true)?;
        }
        Ok(requests.close)
    }

    /// Follows the group's decisions.
    fn adapt(&mut self) -> Result<(), Failure> {
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Assigned(owned) => {
                    for one in owned {
                        let of = Arc::clone(&one.assigned);
                        self.builder.assign(of, one.next_offset, one.leader_epoch);
                        if self.stopped_streams.contains(&one.assigned.stream) {
                            self.builder.hold(&one.assigned.topic, one.assigned.partition);
                        }
                        self.report.assign(one);
                    }
                }
                Change::Revoked(gone) => {
                    for (topic, partition) in &gone {
                        self.builder.revoke(topic, *partition);
                        self.report.revoke(topic, *partition);
                    }
                }
                Change::Failed(failure) => return Err(failure),
            }
        }
        self.seeking = true;
        let all = self.held_back || self.draining;
        self.pause(|_| all)
    }

    /// Holds the streams that are paused now, and reads those that no longer are.
    fn follow_pauses(&mut self) -> Result<(), Failure> {
        let paused = self.consumer.context().paused();
        if paused == self.stopped_streams {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.stopped_streams, paused);
        for stream in self.stopped_streams.difference(&before) {
            self.builder.hold_stream(stream);
        }
        self.pause(|_| false)?;
        self.seeking = true;
        if self.held_back || self.draining {
            return Ok(());
        }
        self.resume()
    }

    /// Moves partitions to the offset where reading begins: new ones, for which Kafka is asked whether
    /// its log is still the one that was read, and those of streams that are read again.
    fn seek(&mut self) -> Result<(), Failure> {
        let stopped = &self.stopped_streams;
        let wanted = self.builder.held(|of| stopped.contains(&of.stream));
        self.seeking = !wanted.is_empty();
        if !self.seeking {
            return Ok(());
        }
        let later = seek(self.consumer, wanted.clone(), SEEK_PATIENCE).map_err(Failure::retry)?;
        for one in wanted.iter().filter(|one| !later.contains(one)) {
            self.builder.release(&one.topic, one.partition);
        }
        self.seeking = !later.is_empty();
        Ok(())
    }

    fn read(&mut self) -> Result<(), Failure> {
        let mut patience = self.patience();
        let mut linger_until = None;
        for _ in 0..BURST {
            if !self.poll(patience)? {
                // The builder must know a partition before its first record, or it leaves that out.
                if self.consumer.context().has_changed() {
                    return Ok(());
                }
                let now = Instant::now();
                patience = linger_until.get_or_insert(now + LINGER).duration_since(now);
                if patience.is_zero() || self.builder.is_empty() {
                    return self.nothing_more();
                }
                continue;
            }
            let (records, bytes) = (self.config.batch_records, self.config.batch_bytes);
            if self.builder.is_full(records, bytes) {
                return self.hand_over_or_hold_back();
            }
            patience = Duration::ZERO;
        }
        Ok(())
    }

    /// With a batch under way only what is there already is taken.
    fn patience(&self) -> Duration {
        if self.builder.is_empty() {
            IDLE
        } else {
            Duration::ZERO
        }
    }

    /// Kafka has no more for now.
    fn nothing_more(&mut self) -> Result<(), Failure> {
        if self.builder.is_empty() {
            return Ok(());
        }
        if self.credits.held() == 0 {
            return self.hand_over_or_hold_back();
        }
        self.credits.wait_idle(GLANCE);
        Ok(())
    }

    /// While paused: serves rebalances until the batch under way is handed over. Then it resumes, or it is
    /// drained.
    fn wait(&mut self) -> Result<(), Failure> {
        // A record that was on its way when the partitions were paused still counts.
        let more = self.poll(self.patience())?;
        if more || self.consumer.context().has_changed() {
            return Ok(());
        }
        if !self.hand_over(IDLE)? {
            return Ok(());
        }
        self.held_back = false;
        for waiting in self.waiting_for_drain.drain(..) {
            let _ = waiting.send(());
        }
        if self.draining {
            return Ok(());
        }
        self.resume()
    }

    /// Takes what comes next. True for a record or the end of a partition: others may have more.
    fn poll(&mut self, patience: Duration) -> Result<bool, Failure> {
        match self.queue.poll(patience) {
            None | Some(Event::Served) => Ok(false),
            Some(Event::Record(record)) => {
                self.builder.push(&record);
                self.report.heard();
                Ok(true)
            }
            Some(Event::End(end)) => {
                self.builder.end(&end);
                Ok(true)
            }
            Some(Event::Failed(trouble)) => {
                self.judge(&trouble)?;
                Ok(false)
            }
        }
    }

    fn hand_over_or_hold_back(&mut self) -> Result<(), Failure> {
        if self.hand_over(PATIENCE)? {
            return Ok(());
        }
        self.held_back = true;
        self.pause(|_| true)
    }

    /// True when nothing is left to hand over.
    fn hand_over(&mut self, patience: Duration) -> Result<bool, Failure> {
        // What came after a pause was told stays in Kafka, whoever told it.
        self.follow_pauses()?;
        if self.builder.is_empty() {
            return Ok(true);
        }
        let Some(permit) = self.credits.acquire(self.builder.cost(), patience) else {
            return Ok(false);
        };
        let batch = self.builder.take(permit);
        let metrics = &self.consumer.context().metrics;
        for (range, records) in batch.counts() {
            metrics.add(&metrics.records, &[("stream", &range.of.stream)], records as u64);
        }
        metrics.flow.read.inc_by(batch.records.len() as u64);
        self.sink.batch(batch);
        Ok(true)
    }

    /// Pauses the chosen partitions, and those of stopped streams again.
    fn pause(&self, chosen: impl Fn(&Assigned) -> bool) -> Result<(), Failure> {
        let list = self.list(|of| chosen(of) || self.stopped_streams.contains(&of.stream));
        if list.count() == 0 {
            return Ok(());
        }
        self.consumer.pause(&list).map_err(Failure::retry)
    }

    fn resume(&self) -> Result<(), Failure> {
        let list = self.list(|of| !self.stopped_streams.contains(&of.stream));
        if list.count() == 0 {
            return Ok(());
        }
        self.consumer.resume(&list).map_err(Failure::retry)
    }

    fn list(&self, chosen: impl Fn(&Assigned) -> bool) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for of in self.builder.partitions().filter(|of| chosen(of)) {
            list.add_partition(&of.topic, of.partition);
        }
        list
    }

    /// Ends the generation for errors that do not recover by themselves; librdkafka retries the
    /// rest forever.
    fn judge(&mut self, trouble: &Trouble) -> Result<(), Failure> {
        let code = trouble.code;
        if trouble.is_fatal {
            return Err(Failure::retry(format!("kafka consumer: {code}")));
        }
        if let (Some(end), Some((topic, partition))) = (trouble.is_truncation(), &trouble.place) {
            self.builder.revoke(topic, *partition);
            let owned = self.report.owned(topic, *partition);
            return owned.map_or(Ok(()), |owned| {
                self.consumer.context().truncated(self.consumer, owned, end)
            });
        }
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => Err(Failure::retry(
                "OFFSET_LOST: kafka dropped records before they were read",
            )),
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::InvalidSessionTimeout
            | Code::InconsistentGroupProtocol => {
                Err(Failure::retry(format!("kafka refused the consumer: {code}")))
            }
            Code::AllBrokersDown => {
                self.report.lost(&reach::cannot_reach(&self.brokers));
                Ok(())
            }
            _ => {
                tracing::debug!(%code, reason = trouble.reason, "kafka consumer");
                self.report.doubt();
                Ok(())
            }
        }
    }
}
