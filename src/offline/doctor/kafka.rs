//! Kafka: whether it answers, what its topics are like, and how far behind they are read.

use std::collections::BTreeMap;

use super::finding::{Finding, Level};
use super::remedies::Remedies;
use crate::config::{Config, StreamConfig};
use crate::demo;
use crate::embedded_kafka;
use crate::offline::words::{count, counted, millis};
use crate::sources::checkup::{Checkup, Place, TopicState, checkup};
use crate::sources::{Broker, OnOffsetLost, properties};
use crate::store::checkup::Position;
use crate::terminal::shell::quoted;

const CHECK: &str = "kafka";
const DEPENDENT: [&str; 2] = ["topics", "lag"];
/// In the order in which they are asked.
pub const CHECKS: [&str; 3] = [CHECK, DEPENDENT[0], DEPENDENT[1]];
/// More records are more than a moment's work.
const BEHIND: i64 = 10_000;
/// Lines for topics; the worst come first.
const LINES: usize = 3;

/// What was found of partitions, for [`lag`].
pub type Places = Result<Vec<Place>, String>;

pub async fn check(config: &Config, found: &mut Vec<Finding>) -> Option<Places> {
    let brokers = match &config.kafka.brokers {
        Some(brokers) if properties::bad_address(brokers).is_some() => {
            let why = "the configuration has no usable address";
            found.extend(Finding::skipped(&[CHECK], why));
            found.extend(Finding::skipped(&DEPENDENT, why));
            return None;
        }
        Some(brokers) => brokers,
        None => return embedded(config, found).await,
    };
    let broker = Broker::remote(brokers, config.kafka.properties.clone());
    let seen = |state: &Checkup| {
        let (brokers, trip) = (counted(state.brokers, "broker"), millis(state.round_trip));
        format!("{brokers}, round trip {trip}, at {}", broker.bootstrap_servers())
    };
    ask(config, &broker, seen, found).await
}

async fn embedded(config: &Config, found: &mut Vec<Finding>) -> Option<Places> {
    let what = "embedded broker, in memory, for evaluation only";
    let Ok(address) = embedded_kafka::find(&config.data_dir.0) else {
        found.push(Finding::ok(CHECK, format!("{what}; not running")));
        found.extend(Finding::skipped(&DEPENDENT, "the embedded broker is not running"));
        return None;
    };
    // It is the demo's if the configuration has no stream.
    let config = match config.streams.is_empty() {
        true => demo::configure(config.clone()).unwrap_or_else(|_| config.clone()),
        false => config.clone(),
    };
    let broker = Broker::remote(&address, BTreeMap::new());
    ask(&config, &broker, |_| format!("{what}, at {address}"), found).await
}

async fn ask(
    config: &Config,
    broker: &Broker,
    seen: impl Fn(&Checkup) -> String,
    found: &mut Vec<Finding>,
) -> Option<Places> {
    let streams = config.streams.iter();
    let wanted: Vec<String> = streams
        .flat_map(|stream| [stream.topic().to_owned(), stream.redrive_topic()])
        .collect();
    match checkup(broker, &config.kafka.group_id, &wanted).await {
        Err(why) => {
            let remedy = "start it, or correct kafka.brokers (KAFKA_BROKERS) or [kafka.properties]";
            found.push(Finding::fail(CHECK, why, remedy));
            found.extend(Finding::skipped(&DEPENDENT, "Kafka does not answer"));
            None
        }
        Ok(state) => {
            let trip = state.round_trip.as_secs_f64() * 1e3;
            found.push(Finding::ok(CHECK, seen(&state)).with("round_trip_ms", trip));
            found.extend(topics(&wanted, &state, broker.bootstrap_servers()));
            Some(state.places)
        }
    }
}

/// One line if all is well, else one for each topic with a problem.
fn topics(wanted: &[String], state: &Checkup, brokers: &str) -> Vec<Finding> {
    let mut problems = Vec::new();
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|name| !state.topics.contains_key(*name))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        let seen = format!("not there yet: {}", missing.join(", "));
        let remedy = "streamsync serve makes them when it starts, where the brokers let it";
        problems.push(Finding::warn("topics", seen, remedy));
    }
    problems.extend(
        state
            .topics
            .iter()
            .filter_map(|(name, topic)| problem(name, topic, state.brokers, brokers)),
    );
    problems.sort_by_key(|problem| problem.level != Level::Fail);
    if problems.len() > LINES {
        let more = problems.len() - LINES;
        problems.truncate(LINES);
        if let Some(last) = problems.last_mut() {
            last.seen += &format!(" ({more} more such topics)");
        }
    }
    if problems.is_empty() {
        let all = state.topics.values();
        let partitions = all.clone().map(|topic| topic.partitions).sum();
        let copies = match all.map(|topic| topic.copies).min() {
            None | Some(1) => "1 copy".to_owned(),
            Some(copies) => format!("{copies} copies"),
        };
        let (topics, partitions) = (
            counted(state.topics.len(), "topic"),
            counted(partitions, "partition"),
        );
        let seen = format!("{topics}, {partitions}, {copies} of each");
        problems.push(Finding::ok("topics", seen));
    }
    problems
}

/// The worst that there is to say of a topic. Everything is written with `acks=all`.
fn problem(name: &str, topic: &TopicState, all_brokers: usize, brokers: &str) -> Option<Finding> {
    let tool = |tool: &str, rest: &str| format!("{tool} --bootstrap-server {brokers} {rest}");
    let describe = |which: &str| tool("kafka-topics.sh", &format!("--describe {which}"));
    let set_min = |min: usize| {
        let rest = format!(
            "--alter --topic {} --add-config min.insync.replicas={min}",
            quoted(name)
        );
        tool("kafka-configs.sh", &rest)
    };
    let (copies, in_sync, min) = (topic.copies, topic.in_sync, topic.min_in_sync.unwrap_or(0));
    let fail = |seen: String, remedy| Some(Finding::fail("topics", format!("{name}: {seen}"), remedy));
    let warn = |seen: String, remedy| Some(Finding::warn("topics", format!("{name}: {seen}"), remedy));
    if topic.leaderless > 0 {
        let seen = format!(
            "{} of {} have no leader",
            topic.leaderless,
            counted(topic.partitions, "partition")
        );
        return fail(seen, describe("--unavailable-partitions"));
    }
    if min > copies {
        let seen = format!("min.insync.replicas = {min} with {copies} in all: nothing can be written");
        return fail(seen, set_min(copies.max(1)));
    }
    if min > in_sync {
        let seen = format!("{in_sync} in sync, min.insync.replicas = {min}: nothing can be written");
        return fail(seen, describe("--under-min-isr-partitions"));
    }
    if in_sync < copies {
        let seen = format!("{in_sync} of {copies} copies are in sync");
        return warn(seen, describe("--under-replicated-partitions"));
    }
    if copies > 1 && min == 1 {
        let seen = format!("{copies} copies, but one confirms (min.insync.replicas = 1)");
        return warn(seen, set_min(2));
    }
    if copies > 1 && min == copies {
        let seen = format!("min.insync.replicas = {min} of {copies}: each broker that stops stops it");
        return warn(seen, set_min(copies - 1));
    }
    if copies == 1 && all_brokers > 1 {
        let seen = format!("1 copy, though there are {all_brokers} brokers");
        return warn(seen, "give it more with kafka-reassign-partitions.sh".to_owned());
    }
    None
}

/// How far reading is behind: by what Postgres has stored, or where that is not known by what the group
/// has reported.
pub fn lag(config: &Config, places: &[Place], stored: Option<&[Position]>, remedies: &Remedies) -> Finding {
    let next = |place: &Place| {
        let of = |stored: &&Position| (&stored.topic, stored.partition) == (&place.topic, place.partition);
        let stored = stored.and_then(|stored| stored.iter().find(of));
        stored.map(|stored| stored.next_offset).or(place.reported)
    };
    let is_embedded = config.kafka.brokers.is_none();
    for place in places {
        let stops = |stream: &&StreamConfig| {
            let stops = stream.source(is_embedded).on_offset_lost == OnOffsetLost::Stop;
            stops && stream.topic() == place.topic
        };
        let stream = config.streams.iter().find(stops);
        if let (Some(stream), Some(why)) = (stream, next(place).and_then(|next| place.lost(next))) {
            let seen = format!("{}/{}: {why}", place.topic, place.partition);
            let remedy = format!(
                "set on_offset_lost = \"jump\" for stream {} and restart: it goes on with the rest",
                stream.name
            );
            return Finding::fail("lag", seen, remedy);
        }
    }
    // What was never read begins where Kafka's does.
    let behind = |place: &Place| (place.end - next(place).unwrap_or(place.begin)).max(0);
    let total: i64 = places.iter().map(behind).sum();
    let unread = places.iter().filter(|place| next(place).is_none()).count();
    let mut seen = format!("{} records behind", count(usize::try_from(total).unwrap_or(0)));
    if let Some(most) = places
        .iter()
        .max_by_key(|place| behind(place))
        .filter(|_| total > 0)
    {
        seen += &format!(", most in {}/{}", most.topic, most.partition);
    }
    if unread > 0 {
        seen += &format!("; {} never read", counted(unread, "partition"));
    }
    let finding = match total > BEHIND {
        false => Finding::ok("lag", seen),
        true => {
            let stages = "query '{ pipeline { state stages { name state pressure why } } }'";
            Finding::warn("lag", seen, remedies.of_server(stages))
        }
    };
    finding.with("records_behind", total)
}

#[cfg(test)]
mod tests;
