//! Which Kafka this is: a real one by its address, or librdkafka's in-process cluster.
//!
//! Makes the client configuration of each role. The user's librdkafka properties win over our defaults,
//! except those that our promises rest on ([`property_mistake`]).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

use super::native;
use super::throttle::Throttle;
use crate::data::Micros;

/// How long a question to the broker may take before the next try.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// So that members of a group that start together are in its first rebalance.
const MOCK_REBALANCE_DELAY: Duration = Duration::from_millis(100);

/// Properties that our promises rest on: the only allowed value, or what to set instead.
const OURS: [(&str, Result<&str, &str>); 24] = [
    ("bootstrap.servers", Err("set kafka.brokers")),
    ("metadata.broker.list", Err("set kafka.brokers")),
    ("group.id", Err("set kafka.group_id")),
    ("session.timeout.ms", Err("set kafka.session_timeout")),
    ("queued.max.messages.kbytes", Err("set pipeline.memory_mib")),
    ("fetch.max.bytes", Err("set pipeline.memory_mib")),
    ("group.protocol", Ok("classic")),
    ("isolation.level", Ok("read_committed")),
    ("check.crcs", Ok("true")),
    ("enable.auto.commit", Ok("false")),
    ("auto.commit.enable", Ok("false")),
    ("enable.auto.offset.store", Ok("false")),
    ("auto.offset.reset", Ok("error")),
    ("enable.partition.eof", Ok("true")),
    ("allow.auto.create.topics", Ok("false")),
    ("api.version.request", Ok("true")),
    ("acks", Ok("all")),
    ("request.required.acks", Ok("all")),
    ("enable.idempotence", Ok("true")),
    ("enable.gapless.guarantee", Ok("false")),
    ("transactional.id", Err("records are not sent in transactions")),
    ("statistics.interval.ms", Ok("0")),
    ("log.queue", Ok("true")),
    (
        "test.mock.num.brokers",
        Err("leave kafka.brokers unset for an embedded broker"),
    ),
];

/// Why a user may not set this librdkafka property to this value.
pub fn property_mistake(name: &str, value: &str) -> Option<String> {
    let name = name.trim();
    let (_, ours) = OURS.iter().find(|(ours, _)| *ours == name)?;
    match ours {
        Ok(only) if value.trim().eq_ignore_ascii_case(only) => None,
        Ok(only) => Some(format!("must be {only}: what StreamSync promises rests on it")),
        Err(advice) => Some(format!("is not for [kafka.properties]; {advice}")),
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A property that librdkafka does not take, or a stream that cannot be read.
    #[error("kafka configuration: {0}")]
    Config(String),
    #[error("kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// The topic is not there yet, or not usable yet.
    #[error("topic {topic}: {why}")]
    Topic { topic: String, why: String },
    /// The broker refuses to create it.
    #[error("topic {topic} cannot be created: {why}")]
    Refused { topic: String, why: String },
}

impl SourceError {
    /// Trying again cannot help.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}

/// Cheap to clone; the in-process cluster ends with the last clone.
#[derive(Clone)]
pub struct Broker {
    properties: Arc<BTreeMap<String, String>>,
    embedded: Option<Arc<Embedded>>,
}

/// The in-process cluster: in memory, at most 5 MiB or 100,000 records a partition. It drops older ones
/// even if they were acknowledged. Each start has new topic ids.
pub(super) struct Embedded {
    /// Its librdkafka handle owns the cluster.
    owner: BaseProducer<Quiet>,
    pub throttle: Arc<Throttle>,
}

impl Broker {
    /// A cluster at `brokers` (`host:port,…`), with any librdkafka properties.
    pub fn remote(brokers: &str, properties: BTreeMap<String, String>) -> Self {
        let mut properties = properties;
        properties.insert("bootstrap.servers".to_owned(), brokers.to_owned());
        Self {
            properties: Arc::new(properties),
            embedded: None,
        }
    }

    /// Starts the in-process cluster on a free port of the loopback interface.
    pub fn embedded() -> Result<Self, SourceError> {
        let owner: BaseProducer<Quiet> = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .create_with_context(Quiet)?;
        native::set_mock_rebalance_delay(owner.client(), MOCK_REBALANCE_DELAY);
        let brokers = {
            let cluster = owner.client().mock_cluster();
            let cluster =
                cluster.ok_or_else(|| SourceError::Config("the in-process cluster did not start".into()))?;
            let started = Micros::now().0;
            let mark = format!("{}{started}-{}", native::START_MARK, std::process::id());
            cluster.create_topic(&mark, 1, 1)?;
            cluster.bootstrap_servers()
        };
        let embedded = Embedded {
            owner,
            throttle: Arc::default(),
        };
        Ok(Self {
            embedded: Some(Arc::new(embedded)),
            ..Self::remote(&brokers, BTreeMap::new())
        })
    }

    /// `host:port,…` for other clients, such as kcat.
    pub fn bootstrap_servers(&self) -> &str {
        self.properties
            .get("bootstrap.servers")
            .map_or("", String::as_str)
    }

    pub fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// What keeps our own producers from overrunning the in-process cluster.
    pub(super) fn throttle(&self) -> Option<&Arc<Throttle>> {
        self.embedded.as_ref().map(|embedded| &embedded.throttle)
    }

    /// Creates the topic in the in-process cluster, which knows no CreateTopics on its wire.
    pub(super) fn create_embedded(&self, topic: &str, partitions: i32) -> Option<()> {
        let embedded = self.embedded.as_ref()?;
        let cluster = embedded.owner.client().mock_cluster()?;
        // Fails only for a topic that is there already, which the caller looks at next.
        let _ = cluster.create_topic(topic, partitions, 1);
        Some(())
    }

    /// A configuration for one role: `defaults`, then the user's properties, then `fixed`.
    pub(super) fn client(&self, defaults: &[(&str, String)], fixed: &[(&str, String)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Warning);
        // So that a broker that comes back is noticed soon.
        config.set("reconnect.backoff.max.ms", "2000");
        for (name, value) in defaults {
            config.set(*name, value);
        }
        for (name, value) in self.properties.iter() {
            config.set(name, value);
        }
        for (name, value) in fixed {
            config.set(*name, value);
        }
        config
    }

    /// A client that only asks: it joins no group and creates no topic.
    pub(super) fn asker(&self) -> Result<BaseConsumer<Quiet>, SourceError> {
        // With these it would be a member.
        let mut config = self.client(&[], &[("allow.auto.create.topics", "false".into())]);
        config.remove("group.id");
        config.remove("group.instance.id");
        config.create_with_context(Quiet).map_err(refused)
    }

    #[cfg(test)]
    pub(super) fn mock<T>(
        &self,
        act: impl FnOnce(rdkafka::mocking::MockCluster<'_, Quiet>) -> T,
    ) -> Option<T> {
        let embedded = self.embedded.as_ref()?;
        embedded.owner.client().mock_cluster().map(act)
    }
}

/// Names the cluster, never a property: some of them are secrets.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("bootstrap_servers", &self.bootstrap_servers())
            .field("embedded", &self.is_embedded())
            .finish_non_exhaustive()
    }
}

/// Why librdkafka takes no such configuration, without the value, which may be a secret.
pub(super) fn refused(error: KafkaError) -> SourceError {
    SourceError::Config(match error {
        KafkaError::ClientConfig(_, _, name, _) => {
            format!("property {name} is unknown or its value is not allowed")
        }
        other => other.to_string(),
    })
}

/// A client context that logs through `tracing` and does nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for Quiet {}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();
    fn delivery(&self, _: &rdkafka::producer::DeliveryResult<'_>, (): ()) {}
}

/// librdkafka warns about each lost connection; the status shows what matters.
pub(super) fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, "librdkafka: {message}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(facility, "librdkafka: {message}");
        }
        _ => tracing::debug!(facility, "librdkafka: {message}"),
    }
}
