//! The Kafka of the tests: Apache Kafka at `STREAMSYNC_TEST_KAFKA`, else a cluster in this process.

use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use streamsync::data::{Header, Micros};
use streamsync::sources::{Broker, Outgoing, Producer, TopicSpec, ensure_topics};
use streamsync::telemetry::Status;

pub fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| match std::env::var("STREAMSYNC_TEST_KAFKA") {
        Ok(brokers) if !brokers.is_empty() => Broker::remote(&brokers, BTreeMap::new()),
        _ => Broker::embedded().expect("the in-process cluster starts"),
    })
}

pub fn is_apache_kafka() -> bool {
    !broker().is_embedded()
}

fn producer() -> &'static Producer {
    static PRODUCER: OnceLock<Producer> = OnceLock::new();
    // Not as the cluster's own: that one waits for the ingest of its process, and here is none.
    let outside = || Broker::remote(broker().bootstrap_servers(), BTreeMap::new());
    PRODUCER.get_or_init(|| Producer::new(&outside(), Duration::from_secs(30)).expect("a producer"))
}

pub async fn create_topic(name: &str, partitions: i32) {
    ensure_topics(broker(), &[TopicSpec::new(name, partitions)], &Status::default())
        .await
        .expect("the topic is created");
}

/// A record to send; see [`record`].
#[derive(Clone, Debug)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<Header>,
    pub timestamp: Option<Micros>,
}

pub fn record(payload: impl Into<Vec<u8>>) -> Record {
    Record {
        key: None,
        payload: Some(payload.into()),
        headers: vec![],
        timestamp: None,
    }
}

/// A point in the form that needs no mapping.
pub fn point(metric: &str, ts: Micros, value: f64) -> Record {
    let payload = serde_json::json!({"metric": metric, "ts": ts.to_string(), "value": value});
    Record {
        key: Some(metric.as_bytes().to_vec()),
        timestamp: Some(ts),
        ..record(payload.to_string())
    }
}

/// The same with labels; the key is the metric's, so one metric stays on one partition.
pub fn labelled_point(metric: &str, labels: &[(&str, &str)], ts: Micros, value: f64) -> Record {
    let labels: BTreeMap<_, _> = labels.iter().copied().collect();
    let payload =
        serde_json::json!({"metric": metric, "labels": labels, "ts": ts.to_string(), "value": value});
    Record {
        key: Some(metric.as_bytes().to_vec()),
        timestamp: Some(ts),
        ..record(payload.to_string())
    }
}

impl Record {
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    pub fn at(mut self, timestamp: Micros) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let (name, value) = (name.to_owned(), value.into());
        self.headers.push(Header { name, value });
        self
    }
}

/// Sends in order; returns (partition, offset) of each.
pub async fn send(topic: &str, records: &[Record]) -> Vec<(i32, i64)> {
    send_by(producer(), topic, records).await
}

async fn send_by(producer: &Producer, topic: &str, records: &[Record]) -> Vec<(i32, i64)> {
    let mut sending = producer.begin();
    for record in records {
        let outgoing = Outgoing {
            topic,
            key: record.key.as_deref(),
            payload: record.payload.as_deref(),
            headers: &record.headers,
            timestamp: record.timestamp,
        };
        sending.add(outgoing).await.expect("the record is queued");
    }
    let places = sending.placed().await.expect("the records are acknowledged");
    let places = places.into_iter();
    places.map(|placed| (placed.partition, placed.offset)).collect()
}

/// Makes Kafka lose the beginning of a partition: Apache Kafka is told to delete it up to `below`,
/// the in-process cluster has dropped what it has no room for. Returns the first offset left.
pub async fn lose(topic: &str, partition: i32, below: i64) -> i64 {
    if is_apache_kafka() {
        let mut wanted = TopicPartitionList::new();
        wanted
            .add_partition_offset(topic, partition, Offset::Offset(below))
            .expect("an offset");
        let deleted = admin().delete_records(&wanted, &AdminOptions::new()).await;
        deleted.expect("the records are deleted");
    }
    let consumer: BaseConsumer = client().create().expect("a client");
    let marks = consumer.fetch_watermarks(topic, partition, Duration::from_secs(30));
    marks.expect("the partition's ends").0
}

/// Returns when the topic is gone and its name is free again.
pub async fn delete_topic(name: &str) {
    let deleted = admin().delete_topics(&[name], &AdminOptions::new()).await;
    deleted.expect("an answer")[0]
        .clone()
        .expect("the topic is deleted");
    let consumer: BaseConsumer = client().create().expect("a client");
    super::eventually("the topic is gone", async || {
        let known = consumer
            .fetch_metadata(None, Duration::from_secs(30))
            .expect("metadata");
        known
            .topics()
            .iter()
            .all(|topic| topic.name() != name)
            .then_some(())
    })
    .await;
}

/// Lets a topic have so many partitions from now on.
pub async fn grow(topic: &str, partitions: usize) {
    let more = NewPartitions::new(topic, partitions);
    let grown = admin().create_partitions([&more], &AdminOptions::new()).await;
    grown.expect("an answer")[0]
        .clone()
        .expect("it has more partitions");
}

/// Sends to one partition in order, all or nothing where it is a transaction.
pub async fn send_to(topic: &str, partition: i32, records: &[Record], as_one: Option<Ending>) {
    let mut config = client();
    if as_one.is_some() {
        config.set("transactional.id", topic);
    }
    let producer: FutureProducer = config.create().expect("a producer");
    let patience = Duration::from_secs(30);
    if as_one.is_some() {
        producer.init_transactions(patience).expect("transactions");
        producer.begin_transaction().expect("a transaction");
    }
    let sent = records.iter().map(|record| {
        let none = FutureRecord::<[u8], [u8]> {
            topic,
            partition: Some(partition),
            payload: record.payload.as_deref(),
            key: record.key.as_deref(),
            timestamp: record.timestamp.map(Micros::as_millis),
            headers: None,
        };
        producer
            .send_result(none)
            .map_err(|(error, _)| error)
            .expect("it is queued")
    });
    for delivered in sent.collect::<Vec<_>>() {
        delivered.await.expect("an answer").expect("it is acknowledged");
    }
    match as_one {
        None => {}
        Some(Ending::Commit) => producer.commit_transaction(patience).expect("a commit"),
        Some(Ending::Abort) => producer.abort_transaction(patience).expect("an abort"),
    }
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    Commit,
    Abort,
}

/// An Apache Kafka of one test's own, to be stopped, damaged and started again.
pub struct OwnBroker {
    folder: tempfile::TempDir,
    process: Child,
    pub address: String,
}

impl OwnBroker {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut broker = Self {
            process: Self::process(&folder),
            address: String::new(),
            folder,
        };
        let properties = broker.folder.path().join("server.properties");
        broker.address = super::eventually("the broker has an address", async || {
            let text = std::fs::read_to_string(&properties).ok()?;
            let at = text.split("PLAINTEXT://").nth(1)?;
            Some(at.split(',').next()?.to_owned())
        })
        .await;
        broker.answers().await;
        broker
    }

    fn process(folder: &tempfile::TempDir) -> Child {
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/kafka"))
            .arg("broker")
            .arg(folder.path())
            .spawn()
            .expect("scripts/kafka runs")
    }

    async fn answers(&mut self) {
        let mut config = ClientConfig::new();
        let consumer: BaseConsumer = config
            .set("bootstrap.servers", &self.address)
            .create()
            .expect("a client");
        super::eventually("the broker answers", async || {
            let ended = self.process.try_wait().expect("its state");
            assert!(ended.is_none(), "the broker ended: {ended:?}");
            consumer.fetch_metadata(None, Duration::from_millis(500)).ok()
        })
        .await;
    }

    /// As a crash: nothing is written any more.
    pub fn kill(&mut self) {
        self.process.kill().expect("it is there");
        self.process.wait().expect("it ends");
    }

    pub async fn start_again(&mut self) {
        self.process = Self::process(&self.folder);
        self.answers().await;
    }

    /// Cuts the log of partition 0, as an election of a replica that lagged would.
    pub fn cut(&self, topic: &str, end: i64) {
        let folder = self.folder.path().join(format!("data/{topic}-0"));
        let log = folder.join("00000000000000000000.log");
        let bytes = std::fs::read(&log).expect("the log");
        let mut at = 0;
        // A batch begins with its first offset and its length.
        while at < bytes.len() {
            let first = i64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
            let length = i32::from_be_bytes(bytes[at + 8..at + 12].try_into().expect("4 bytes"));
            if first >= end {
                assert_eq!(first, end, "a batch begins there");
                break;
            }
            at += 12 + usize::try_from(length).expect("a length");
        }
        std::fs::write(&log, &bytes[..at]).expect("the log is cut");
    }

    pub async fn create_topic(&self, name: &str, partitions: i32) {
        let spec = [TopicSpec::new(name, partitions)];
        let created = ensure_topics(&self.broker(), &spec, &Status::default()).await;
        created.expect("the topic is created");
    }

    /// In order, and in a batch of their own.
    pub async fn send(&self, topic: &str, records: &[Record]) {
        let producer = Producer::new(&self.broker(), Duration::from_secs(60)).expect("a producer");
        send_by(&producer, topic, records).await;
    }

    fn broker(&self) -> Broker {
        Broker::remote(&self.address, BTreeMap::new())
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn admin() -> AdminClient<DefaultClientContext> {
    client().create().expect("a client")
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker().bootstrap_servers());
    config
}
