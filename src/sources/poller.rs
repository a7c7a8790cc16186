//! The handle of the poll thread: starts it, passes requests on, and joins it.
//!
//! One thread reads all streams of a generation and owns the Kafka consumer; nothing else touches it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::sync::oneshot;

use super::broker::{Broker, SourceError, refused};
use super::control::Control;
use super::poll::Reader;
use super::rebalance::Context;
use super::{Failure, Ledger, PollConfig, Sink, StreamSource};
use crate::data::{Credits, OffsetRange};
use crate::telemetry::{Metrics, Status};

/// Everything the poll thread is started with.
#[derive(Debug)]
pub struct Reading {
    pub config: PollConfig,
    pub broker: Broker,
    pub streams: Vec<StreamSource>,
    pub ledger: Box<dyn Ledger>,
    pub sink: Box<dyn Sink>,
    pub credits: Arc<Credits>,
    pub metrics: Arc<Metrics>,
    pub status: Arc<Status>,
}

/// Dropping it ends the thread without waiting; [`Poller::close`] waits.
#[derive(Debug)]
pub struct Poller {
    control: Arc<Control>,
    broker: Broker,
    status: Arc<Status>,
    thread: Option<JoinHandle<()>>,
}

impl Poller {
    /// Joins the group and begins to read. The topics should exist ([`super::ensure_topics`]).
    pub fn start(reading: Reading) -> Result<Self, SourceError> {
        let Reading {
            config,
            broker,
            streams,
            ledger,
            sink,
            credits,
            metrics,
            status,
        } = reading;
        let embedded = broker.is_embedded();
        let context = Context::new(&streams, ledger, embedded, Arc::clone(&status), metrics);
        let consumer: BaseConsumer<Context> = consumer_config(&broker, &config)
            .create_with_context(context)
            .map_err(refused)?;
        let topics = consumer.context().topics();
        // Every stream may be paused.
        if !topics.is_empty() {
            consumer.subscribe(&topics)?;
        }
        let control = Arc::new(Control::default());
        let thread = std::thread::Builder::new().name("kafka-poll".into()).spawn({
            let control = Arc::clone(&control);
            let brokers = broker.bootstrap_servers().to_owned();
            move || {
                read(&*sink, || {
                    Reader::new(&consumer, config, &*sink, &control, &credits, brokers)?.run()
                });
                control.end();
                consumer.context().forget_all();
                // This leaves the group.
                drop(consumer);
            }
        });
        let thread = thread.map_err(|error| SourceError::Config(error.to_string()))?;
        Ok(Self {
            control,
            broker,
            status,
            thread: Some(thread),
        })
    }

    /// Stops reading and hands over what is there; resolves when that is done, or when the thread
    /// ended. The partitions stay this node's until [`Poller::close`].
    pub fn drain(&self) -> impl Future<Output = ()> + Send + use<> {
        let (done, drained) = oneshot::channel();
        self.control.ask(|requests| requests.drained.push(done));
        async move {
            let _ = drained.await;
        }
    }

    /// These ranges are in Postgres: shown at once, and reported to Kafka within a second or so.
    pub fn committed(&self, ranges: Vec<OffsetRange>) {
        self.status.update(|snapshot| {
            for range in &ranges {
                let key = (range.of.topic.to_string(), range.of.partition);
                if let Some(shown) = snapshot.partitions.get_mut(&key)
                    && shown.partition_id == range.of.partition_id
                {
                    shown.next_offset = shown.next_offset.max(range.to);
                    // Kafka's end is looked at once a second only.
                    shown.end_offset = shown.end_offset.max(range.to);
                }
            }
        });
        if let Some(throttle) = self.broker.throttle() {
            for range in &ranges {
                throttle.committed(&range.of.topic, range.of.partition, range.to);
            }
        }
        self.control.ask(|requests| {
            for range in ranges {
                let key = (Arc::clone(&range.of.topic), range.of.partition);
                requests.committed.insert(key, range);
            }
        });
    }

    /// Stops reading the paused streams at once. Their records that were not handed over are dropped
    /// here. They are read again within a second after the status says that the stream runs.
    pub fn pause_streams(&self) {
        self.control.ask(|requests| requests.pause = true);
    }

    /// Leaves the group and waits for the thread: blocks for up to a few seconds.
    pub fn close(mut self) {
        self.control.ask(|requests| requests.close = true);
        if let Some(thread) = self.thread.take() {
            // A panic was reported to the sink already.
            let _ = thread.join();
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.control.ask(|requests| requests.close = true);
    }
}

/// The sink is notified of whatever ends the reading except a request, including a panic.
fn read(sink: &dyn Sink, reading: impl FnOnce() -> Result<(), Failure>) {
    let outcome = catch_unwind(AssertUnwindSafe(reading))
        .unwrap_or_else(|_| Err(Failure::retry("the poll thread panicked")));
    if let Err(Failure { why, fatal }) = outcome {
        sink.failed(why, fatal);
    }
}

pub(super) fn consumer_config(broker: &Broker, config: &PollConfig) -> ClientConfig {
    let kib = (config.prefetch_bytes / 1024).max(1);
    // The in-process cluster takes many rounds for a cooperative rebalance. It answers an empty fetch
    // only after the whole wait, even if records come meanwhile.
    let (strategy, fetch_wait) = if broker.is_embedded() {
        ("range", "20")
    } else {
        // An empty fetch reports the end. It must come soon, or a stop leaves markers unread.
        ("cooperative-sticky", "100")
    };
    let session = config.session_timeout.as_millis();
    let heartbeat = (session / 3).clamp(1, 3_000);
    broker.client(
        &[
            ("partition.assignment.strategy", strategy.into()),
            ("heartbeat.interval.ms", heartbeat.to_string()),
            // librdkafka takes no shorter one than the session.
            ("max.poll.interval.ms", session.max(300_000).to_string()),
            ("queued.max.messages.kbytes", kib.to_string()),
            ("fetch.wait.max.ms", fetch_wait.into()),
            ("fetch.max.bytes", config.prefetch_bytes.to_string()),
            // After a full prefetch the next fetch would wait a whole second.
            ("fetch.queue.backoff.ms", "10".into()),
            // This is how new partitions of a topic are noticed.
            ("topic.metadata.refresh.interval.ms", "60000".into()),
        ],
        &[
            ("group.id", config.group_id.clone()),
            ("session.timeout.ms", session.to_string()),
            ("enable.auto.commit", "false".into()),
            ("enable.auto.offset.store", "false".into()),
            ("auto.offset.reset", "error".into()),
            // A partition may end with markers instead of a record. Its end tells how far it is read.
            ("enable.partition.eof", "true".into()),
            ("isolation.level", "read_committed".into()),
            ("check.crcs", "true".into()),
            ("allow.auto.create.topics", "false".into()),
            ("statistics.interval.ms", "0".into()),
        ],
    )
}
