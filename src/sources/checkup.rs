//! What an operator wants to know of a Kafka: its brokers, the topics of the streams, and how far the
//! group has read them. It creates no topic and joins no group.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::oneshot;

use super::broker::{Broker, Quiet, SourceError, refused};
use super::offsets::{Verdict, Watermarks};
use super::{native, reach, topics};

/// For all questions together.
const WITHIN: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkup {
    pub brokers: usize,
    pub round_trip: Duration,
    /// Those that exist, by name.
    pub topics: BTreeMap<String, TopicState>,
    /// Every partition of theirs, or why they are not known.
    pub places: Result<Vec<Place>, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    pub partitions: usize,
    /// The fewest copies, and the fewest that are up to date, of a partition.
    pub copies: usize,
    pub in_sync: usize,
    /// Partitions that nobody can read or write at the moment.
    pub leaderless: usize,
    /// `min.insync.replicas`, where the brokers tell.
    pub min_in_sync: Option<usize>,
}

/// A partition: what Kafka has of it, and what the group has reported as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub topic: String,
    pub partition: i32,
    pub begin: i64,
    pub end: i64,
    pub reported: Option<i64>,
}

impl Place {
    /// Why reading cannot go on at this offset.
    pub fn lost(&self, next_offset: i64) -> Option<String> {
        let has = Watermarks {
            low: self.begin,
            high: self.end,
        };
        (has.judge(next_offset) != Verdict::Available).then(|| has.lost(next_offset))
    }
}

/// # Errors
/// Kafka cannot be reached or does not answer, in words for a person.
pub async fn checkup(broker: &Broker, group_id: &str, wanted: &[String]) -> Result<Checkup, String> {
    if let Some(why) = reach::trouble(broker).await {
        return Err(why);
    }
    let until = Instant::now() + WITHIN;
    let (asked, group_id, names) = (broker.clone(), group_id.to_owned(), wanted.to_vec());
    let (tell, told) = oneshot::channel();
    // On a thread of its own, which nobody waits for once the time is up.
    let thread = std::thread::Builder::new().name("kafka-checkup".to_owned());
    let spawned = thread.spawn(move || tell.send(look(&asked, &group_id, &names, until)));
    spawned.map_err(|error| error.to_string())?;
    let (mut found, is_in_process) = match told.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(topics::in_words(broker, &error).await),
        Err(_) => return Err("the checkup broke off".to_owned()),
    };
    // An in-process cluster cannot be asked.
    if !is_in_process {
        for (topic, min) in min_in_sync(broker, &found.topics, until)
            .await
            .unwrap_or_default()
        {
            if let Some(state) = found.topics.get_mut(&topic) {
                state.min_in_sync = Some(min);
            }
        }
    }
    Ok(found)
}

/// Blocks until `until` at the latest, and then a moment.
fn look(
    broker: &Broker,
    group_id: &str,
    wanted: &[String],
    until: Instant,
) -> Result<(Checkup, bool), SourceError> {
    let fixed = [
        ("group.id", group_id.to_owned()),
        ("enable.auto.commit", "false".to_owned()),
        ("allow.auto.create.topics", "false".to_owned()),
    ];
    let mut config = broker.client(&[], &fixed);
    config.remove("group.instance.id");
    // It subscribes to nothing, so it does not join the group.
    let client: BaseConsumer<Quiet> = config.create_with_context(Quiet).map_err(refused)?;
    let left = || until.saturating_duration_since(Instant::now());
    // Asking for all topics creates none.
    let metadata = client.fetch_metadata(None, left())?;
    let wanted_ones =
        |topic: &&MetadataTopic| topic.error().is_none() && wanted.contains(&topic.name().to_owned());
    let states = metadata.topics().iter().filter(wanted_ones);
    let topics: BTreeMap<_, _> = states
        .map(|topic| (topic.name().to_owned(), state(topic)))
        .collect();
    let begun = Instant::now();
    client.fetch_metadata(topics.keys().next().map(String::as_str), left())?;
    let round_trip = begun.elapsed();
    let is_in_process = native::mock_cluster(client.client(), left()).is_some();
    let places = places(&client, &topics, left).map_err(|error| error.to_string());
    let found = Checkup {
        brokers: metadata.brokers().len(),
        round_trip,
        topics,
        places,
    };
    Ok((found, is_in_process))
}

fn state(topic: &MetadataTopic) -> TopicState {
    let partitions = topic.partitions();
    let fewest = |count: fn(&rdkafka::metadata::MetadataPartition) -> usize| {
        partitions.iter().map(count).min().unwrap_or(0)
    };
    TopicState {
        partitions: partitions.len(),
        copies: fewest(|partition| partition.replicas().len()),
        in_sync: fewest(|partition| partition.isr().len()),
        leaderless: partitions
            .iter()
            .filter(|partition| partition.leader() < 0)
            .count(),
        min_in_sync: None,
    }
}

fn places(
    client: &BaseConsumer<Quiet>,
    topics: &BTreeMap<String, TopicState>,
    left: impl Fn() -> Duration,
) -> KafkaResult<Vec<Place>> {
    let all = |offset: Offset| {
        let mut list = TopicPartitionList::new();
        for (topic, state) in topics {
            for partition in 0..i32::try_from(state.partitions).unwrap_or(i32::MAX) {
                list.add_partition_offset(topic, partition, offset)?;
            }
        }
        KafkaResult::Ok(list)
    };
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    // In one request for each broker, instead of one for each partition.
    let begins = client.offsets_for_times(all(Offset::Beginning)?, left())?;
    let ends = client.offsets_for_times(all(Offset::End)?, left())?;
    let reported = client.committed_offsets(all(Offset::Invalid)?, left())?;
    let offset = |list: &TopicPartitionList, topic: &str, partition| {
        let found = list.find_partition(topic, partition)?;
        match found.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    };
    let places = ends.elements().into_iter().filter_map(|end| {
        let (topic, partition) = (end.topic(), end.partition());
        Some(Place {
            begin: offset(&begins, topic, partition)?,
            end: offset(&ends, topic, partition)?,
            reported: offset(&reported, topic, partition),
            topic: topic.to_owned(),
            partition,
        })
    });
    Ok(places.collect())
}

async fn min_in_sync(
    broker: &Broker,
    topics: &BTreeMap<String, TopicState>,
    until: Instant,
) -> Option<Vec<(String, usize)>> {
    let admin: AdminClient<Quiet> = broker.client(&[], &[]).create_with_context(Quiet).ok()?;
    let left = until.saturating_duration_since(Instant::now());
    let options = AdminOptions::new().request_timeout(Some(left));
    let names: Vec<_> = topics.keys().map(|name| ResourceSpecifier::Topic(name)).collect();
    let answers = admin.describe_configs(&names, &options).await.ok()?;
    let min = |answer: rdkafka::admin::ConfigResource| {
        let min = answer.get("min.insync.replicas")?.value.as_ref()?.parse().ok()?;
        match answer.specifier {
            rdkafka::admin::OwnedResourceSpecifier::Topic(name) => Some((name, min)),
            _ => None,
        }
    };
    Some(answers.into_iter().flatten().filter_map(min).collect())
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::CommitMode;

    use super::*;
    use crate::sources::{Outgoing, Producer};

    #[tokio::test]
    async fn topics_are_described_and_the_group_is_compared_with_their_ends() {
        let broker = Broker::embedded().unwrap();
        broker.create_embedded("t", 2).unwrap();
        let producer = Producer::new(&broker, Duration::from_secs(30)).unwrap();
        let mut sending = producer.begin();
        for _ in 0..3 {
            let outgoing = Outgoing {
                topic: "t",
                key: Some(b"k"),
                payload: Some(b"{}"),
                headers: &[],
                timestamp: None,
            };
            sending.add(outgoing).await.unwrap();
        }
        let partition = sending.placed().await.unwrap()[0].partition;

        let wanted = ["t".to_owned(), "not-there".to_owned()];
        let found = checkup(&broker, "g", &wanted).await.unwrap();
        assert_eq!((found.brokers, found.topics.len()), (1, 1));
        let state = &found.topics["t"];
        assert_eq!((state.partitions, state.copies, state.leaderless), (2, 1, 0));
        let of = |found: &Checkup, partition| {
            let places = found.places.as_ref().unwrap();
            let place = places.iter().find(|place| place.partition == partition).unwrap();
            (place.begin, place.end, place.reported)
        };
        assert_eq!(of(&found, partition), (0, 3, None));
        assert_eq!(of(&found, 1 - partition), (0, 0, None));

        let group = [("group.id", "g".to_owned())];
        let member: BaseConsumer<Quiet> = broker.client(&[], &group).create_with_context(Quiet).unwrap();
        let mut read = TopicPartitionList::new();
        read.add_partition_offset("t", partition, Offset::Offset(2))
            .unwrap();
        member.commit(&read, CommitMode::Sync).unwrap();
        let found = checkup(&broker, "g", &wanted).await.unwrap();
        assert_eq!(of(&found, partition), (0, 3, Some(2)));
    }

    #[tokio::test]
    async fn a_kafka_that_is_away_is_said_with_its_address() {
        let broker = Broker::remote("127.0.0.1:1", BTreeMap::new());
        let why = checkup(&broker, "g", &[]).await.unwrap_err();
        assert!(why.starts_with("cannot reach Kafka at 127.0.0.1:1"), "{why}");
    }

    #[test]
    fn an_offset_that_kafka_no_longer_or_not_yet_has_is_lost() {
        let place = Place {
            topic: "t".to_owned(),
            partition: 0,
            begin: 10,
            end: 20,
            reported: None,
        };
        assert_eq!((place.lost(10), place.lost(20)), (None, None));
        assert_eq!(
            place.lost(9).unwrap(),
            "OFFSET_LOST: offset 9 is next, Kafka has 10 to 20"
        );
        assert!(place.lost(21).is_some());
    }
}
