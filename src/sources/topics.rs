//! Creates the topics of the streams before they are read.
//!
//! Retries until the broker answers. Meanwhile the status says why Kafka is not ready.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::time::timeout;

use super::broker::{Broker, Quiet, REQUEST_TIMEOUT, SourceError, refused};
use super::native::{self, Topic};
use super::reach;
use crate::telemetry::Status;

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(10);

/// Without an answer for this long, it is checked whether a broker can be reached at all.
const SILENCE: Duration = Duration::from_secs(1);

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partitions: i32,
    /// `None`: the broker's default.
    pub replication: Option<i32>,
    /// Settings of the topic, such as `retention.ms`; used only when it is created.
    pub settings: Vec<(String, String)>,
}

impl TopicSpec {
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        Self {
            name: name.into(),
            partitions,
            replication: None,
            settings: Vec::new(),
        }
    }
}

/// Returns when all topics exist. Retries with backoff while the broker is unavailable. Fails only where
/// waiting cannot help: for a refused name, setting or permission.
pub async fn ensure_topics(
    broker: &Broker,
    wanted: &[TopicSpec],
    status: &Status,
) -> Result<(), SourceError> {
    let mut pause = FIRST_RETRY;
    loop {
        match answered(broker, wanted, status).await {
            Ok(()) => {
                status.well("kafka");
                return Ok(());
            }
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => {
                let why = in_words(broker, &error).await;
                tracing::warn!("{why}; trying again in {pause:?}");
                status.trouble("kafka", why);
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_RETRY);
    }
}

/// An attempt may take long. If no broker takes a connection, the status says so meanwhile.
async fn answered(broker: &Broker, wanted: &[TopicSpec], status: &Status) -> Result<(), SourceError> {
    let mut attempt = std::pin::pin!(attempt(broker, wanted));
    if let Ok(answer) = timeout(SILENCE, &mut attempt).await {
        return answer;
    }
    if let Some(why) = reach::trouble(broker).await {
        tracing::warn!("{why}");
        status.trouble("kafka", why);
    }
    attempt.await
}

/// What a person can act on.
pub(super) async fn in_words(broker: &Broker, error: &SourceError) -> String {
    if let Some(why) = reach::trouble(broker).await {
        return why;
    }
    match error {
        SourceError::Kafka(error) if error.rdkafka_error_code().is_some_and(is_silence) => format!(
            "{}: it takes connections but does not answer ({error}); does it expect TLS or a login (see \
             [kafka.properties]), and can the addresses it advertises be reached from here?",
            reach::cannot_reach(broker.bootstrap_servers())
        ),
        error => error.to_string(),
    }
}

async fn attempt(broker: &Broker, wanted: &[TopicSpec]) -> Result<(), SourceError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let missing = missing_topics(broker, wanted).await?;
    if missing.is_empty() {
        return Ok(());
    }
    create(broker, wanted, &missing).await?;
    // A new topic may take a moment to appear; then this is tried again.
    match missing_topics(broker, wanted).await?.into_iter().next() {
        None => Ok(()),
        Some(topic) => Err(SourceError::Topic {
            topic,
            why: "created, not yet known".to_owned(),
        }),
    }
}

/// The topics that do not exist yet. Warns of those with another number of partitions.
async fn missing_topics(broker: &Broker, wanted: &[TopicSpec]) -> Result<Vec<String>, SourceError> {
    let client = broker.asker()?;
    let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
    let asked = tokio::task::spawn_blocking(move || {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        native::describe(client.client(), &names, REQUEST_TIMEOUT)
    });
    let found = asked
        .await
        .map_err(|error| SourceError::Config(error.to_string()))??;
    let mut missing = Vec::new();
    warn_without_ids(&found);
    for topic in found {
        let spec = wanted.iter().find(|spec| spec.name == topic.name);
        match (topic.found, spec) {
            (Ok(found), Some(spec)) if found.partitions != spec.partitions => tracing::warn!(
                topic = topic.name,
                found = found.partitions,
                configured = spec.partitions,
                "the topic has another number of partitions than configured; all existing ones are read"
            ),
            (Ok(_), _) => {}
            (Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic), _) => {
                missing.push(topic.name);
            }
            (Err(code), _) => return Err(KafkaError::AdminOp(code).into()),
        }
    }
    Ok(missing)
}

/// Without an id a recreated topic looks like the previous one, until its offsets do not match.
fn warn_without_ids(topics: &[Topic]) {
    let lacks = |topic: &&Topic| {
        let found = topic.found.as_ref();
        found.is_ok_and(|found| found.id == native::NO_TOPIC_ID)
    };
    if let Some(topic) = topics.iter().find(lacks) {
        tracing::warn!(
            topic = topic.name,
            "the brokers give topics no ids (Kafka 2.8 and later do): a topic that is deleted and created \
             anew is noticed only when its offsets end below what was read; run `streamsync rewind` then"
        );
    }
}

async fn create(broker: &Broker, wanted: &[TopicSpec], missing: &[String]) -> Result<(), SourceError> {
    let to_create = || wanted.iter().filter(|topic| missing.contains(&topic.name));
    if broker.is_embedded() {
        for topic in to_create() {
            broker.create_embedded(&topic.name, topic.partitions);
        }
        return Ok(());
    }
    let admin: AdminClient<Quiet> = broker
        .client(&[], &[])
        .create_with_context(Quiet)
        .map_err(refused)?;
    let topics: Vec<NewTopic<'_>> = to_create().map(new_topic).collect();
    let options = AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        .operation_timeout(Some(REQUEST_TIMEOUT));
    for result in admin.create_topics(&topics, &options).await? {
        match result {
            Ok(topic) => tracing::info!(topic, "created the topic"),
            // Another node was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) if is_transient(code) => return Err(KafkaError::AdminOp(code).into()),
            Err((topic, code)) => {
                let why = code.to_string();
                return Err(SourceError::Refused { topic, why });
            }
        }
    }
    Ok(())
}

fn new_topic(topic: &TopicSpec) -> NewTopic<'_> {
    // -1 asks for the broker's default (Kafka 2.4 and later).
    let replication = TopicReplication::Fixed(topic.replication.unwrap_or(-1));
    let new = NewTopic::new(&topic.name, topic.partitions, replication);
    let settings = topic.settings.iter();
    settings.fold(new, |new, (name, value)| new.set(name, value))
}

fn is_final(error: &SourceError) -> bool {
    matches!(error, SourceError::Config(_) | SourceError::Refused { .. })
}

fn is_transient(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::NotController
            | RDKafkaErrorCode::BrokerNotAvailable
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::NetworkException
            | RDKafkaErrorCode::CoordinatorLoadInProgress
            // Fewer brokers up than the replication asks for, as at a cluster's start.
            | RDKafkaErrorCode::InvalidReplicationFactor
    )
}

fn is_silence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
    )
}
