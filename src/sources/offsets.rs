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

/// How a wanted offset compares with what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Available,
    /// Kafka dropped it: retention, or eviction by the in-process cluster.
    BelowLow,
    /// Kafka lost its end: an unclean election, or data deleted behind its back.
    AboveHigh,
}

impl Watermarks {
    pub fn judge(self, next_offset: i64) -> Verdict {
        if next_offset < self.low {
            return Verdict::BelowLow;
        }
        if next_offset > self.high {
            return Verdict::AboveHigh;
        }
        Verdict::Available
    }

    /// The status of a stopped partition.
    pub fn lost(self, next_offset: i64) -> String {
        let Self { low, high } = self;
        format!("OFFSET_LOST: offset {next_offset} is next, Kafka has {low} to {high}")
    }

    /// The same if Kafka has lost the end of its log and may have rewritten it.
    pub fn cut(self, next_offset: i64, end: Option<i64>) -> String {
        let lost = self.lost(next_offset);
        match end {
            Some(end) => format!("{lost}, of which all from {end} on was written anew"),
            None => format!("{lost}, which was written anew"),
        }
    }
}

pub(super) fn places(list: &TopicPartitionList) -> Vec<(String, i32)> {
    list.elements()
        .iter()
        .map(|element| (element.topic().to_owned(), element.partition()))
        .collect()
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

/// Where each partition of a topic begins of which nothing was read.
pub(super) fn first_offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partitions: i32,
    start: Start,
    embedded: bool,
) -> KafkaResult<Vec<(i32, i64)>> {
    (0..partitions)
        .map(|partition| {
            let marks = watermarks(consumer, topic, partition)?;
            let first = first_offset(consumer, (topic, partition), start, marks, embedded)?;
            Ok((partition, first))
        })
        .collect()
}

/// The first offset of a partition. The in-process cluster cannot look up
/// times; it was empty a moment ago, so a time means its beginning there.
fn first_offset<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    (topic, partition): (&str, i32),
    start: Start,
    marks: Watermarks,
    embedded: bool,
) -> KafkaResult<i64> {
    match start {
        Start::Earliest => Ok(marks.low),
        Start::Latest => Ok(marks.high),
        Start::At(_) if embedded => Ok(marks.low),
        Start::At(time) => {
            let at = offset_at(consumer, topic, partition, time)?;
            Ok(at.unwrap_or(marks.high))
        }
    }
}

/// For each partition the first offset whose record has this Kafka timestamp or a later one, or
/// the partition's end. Blocks for as long as the broker takes, up to ten seconds a partition.
pub fn resolve_time(broker: &Broker, topic: &str, time: Micros) -> Result<BTreeMap<i32, i64>, SourceError> {
    let asker = broker.asker()?;
    let unusable = |why: String| SourceError::Topic {
        topic: topic.to_owned(),
        why,
    };
    let description = native::describe(asker.client(), &[topic], REQUEST_TIMEOUT)?
        .into_iter()
        .next()
        .ok_or_else(|| unusable("the broker does not describe it".to_owned()))?
        .found
        .map_err(|code| unusable(code.to_string()))?;
    let (partitions, start) = (description.partitions, Start::At(time));
    let first = first_offsets(&asker, topic, partitions, start, broker.is_embedded())?;
    Ok(first.into_iter().collect())
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
