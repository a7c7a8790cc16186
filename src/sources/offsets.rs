//! Where a partition begins, and whether Kafka still has what the ledger wants next.

use std::collections::BTreeMap;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::Start;
use super::broker::{Broker, REQUEST_TIMEOUT, SourceError};
use super::native;
use crate::data::Micros;

/// What a partition holds: offsets `low..high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermarks {
    pub low: i64,
    pub high: i64,
}

/// Whether a partition has the offset that is to be read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Available,
    /// Kafka dropped it: retention, or eviction by the in-process cluster.
    BelowLow,
    /// Kafka lost its end: an unclean election, or deleted files.
    AboveHigh,
}

impl Watermarks {
    pub fn judge(self, next_offset: i64) -> Verdict {
        match next_offset {
            below if below < self.low => Verdict::BelowLow,
            above if above > self.high => Verdict::AboveHigh,
            _ => Verdict::Available,
        }
    }

    /// The status of a stopped partition.
    pub fn lost(self, next_offset: i64) -> String {
        let Self { low, high } = self;
        format!("OFFSET_LOST: offset {next_offset} is next, Kafka has {low} to {high}")
    }

    /// The same where Kafka has lost the end of its log and may have rewritten it.
    pub fn cut(self, next_offset: i64, end: Option<i64>) -> String {
        let lost = self.lost(next_offset);
        match end {
            Some(end) => format!("{lost}, of which all from {end} on was written anew"),
            None => format!("{lost}, which was written anew"),
        }
    }
}

pub(super) fn places(list: &TopicPartitionList) -> Vec<(String, i32)> {
    let elements = list.elements();
    let place = elements
        .iter()
        .map(|element| (element.topic().to_owned(), element.partition()));
    place.collect()
}

/// Asks the broker.
pub(super) fn watermarks<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> KafkaResult<Watermarks> {
    let (low, high) = consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT)?;
    Ok(Watermarks { low, high })
}

/// Where each partition of a topic begins if nothing of the topic was read.
pub(super) fn first_offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partitions: i32,
    start: Start,
    embedded: bool,
) -> KafkaResult<Vec<(i32, i64)>> {
    let first = |partition| {
        let Watermarks { low, high } = watermarks(consumer, topic, partition)?;
        let first = match start {
            Start::Earliest => low,
            Start::Latest => high,
            // The in-process cluster cannot look up times. It was empty a moment ago.
            Start::At(_) if embedded => low,
            Start::At(time) => offset_at(consumer, topic, partition, time)?.unwrap_or(high),
        };
        Ok((partition, first))
    };
    (0..partitions).map(first).collect()
}

/// For each partition the first offset whose record has this Kafka timestamp or a later one, or
/// the partition's end. Blocks for as long as the broker takes, up to ten seconds a partition.
pub fn resolve_time(broker: &Broker, topic: &str, time: Micros) -> Result<BTreeMap<i32, i64>, SourceError> {
    let asker = broker.asker()?;
    let partitions = partitions(&asker, topic)?;
    let first = first_offsets(&asker, topic, partitions, Start::At(time), broker.is_embedded())?;
    Ok(first.into_iter().collect())
}

/// How many a topic has.
pub(super) fn partitions<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
) -> Result<i32, SourceError> {
    let unusable = |why: String| SourceError::Topic {
        topic: topic.to_owned(),
        why,
    };
    let description = native::describe(consumer.client(), &[topic], REQUEST_TIMEOUT)?
        .into_iter()
        .next()
        .ok_or_else(|| unusable("the broker does not describe it".to_owned()))?
        .found
        .map_err(|code| unusable(code.to_string()))?;
    Ok(description.partitions)
}

/// `None` when no record is that late.
fn offset_at<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    time: Micros,
) -> KafkaResult<Option<i64>> {
    let mut times = TopicPartitionList::new();
    times.add_partition_offset(topic, partition, Offset::Offset(time.as_millis()))?;
    let found = consumer.offsets_for_times(times, REQUEST_TIMEOUT)?;
    let element = found.find_partition(topic, partition);
    if let Some(element) = &element {
        element.error()?;
    }
    Ok(match element.map(|element| element.offset()) {
        Some(Offset::Offset(offset)) => Some(offset),
        _ => None,
    })
}
