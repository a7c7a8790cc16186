//! Records of a topic to be looked at: by a consumer that joins no group and commits nothing.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::Start;
use super::broker::{Broker, Quiet, SourceError, refused};
use super::offsets::{Watermarks, first_offsets, partitions, watermarks};
use crate::data::{Header, LoneRecord, Micros};

/// Of records that are fetched and not looked at yet, in KiB.
const PREFETCH_KIB: &str = "4096";
const POLL: Duration = Duration::from_millis(100);

/// Which records of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeekFrom {
    /// So many before the end of each partition.
    Last(i64),
    Start(Start),
    /// Of each partition.
    Offset(i64),
}

pub struct Peek {
    consumer: BaseConsumer<Quiet>,
    /// Partitions whose end has not been reached yet.
    unread: HashSet<i32>,
}

impl Peek {
    /// Blocks for as long as the broker takes to answer. `group`: a name that the brokers let us use; no
    /// member of it is made.
    pub fn open(broker: &Broker, group: &str, topic: &str, from: PeekFrom) -> Result<Self, SourceError> {
        let fixed = [
            ("group.id", group.to_owned()),
            ("enable.auto.commit", "false".into()),
            ("enable.auto.offset.store", "false".into()),
            ("enable.partition.eof", "true".into()),
            ("auto.offset.reset", "earliest".into()),
            ("isolation.level", "read_committed".into()),
            ("allow.auto.create.topics", "false".into()),
            ("queued.max.messages.kbytes", PREFETCH_KIB.into()),
        ];
        let mut config = broker.client(&[], &fixed);
        config.remove("group.instance.id");
        let consumer: BaseConsumer<Quiet> = config.create_with_context(Quiet).map_err(refused)?;

        let partitions = partitions(&consumer, topic)?;
        let mut assigned = TopicPartitionList::new();
        let first = match from {
            PeekFrom::Start(start) => {
                first_offsets(&consumer, topic, partitions, start, broker.is_embedded())?
            }
            PeekFrom::Last(_) | PeekFrom::Offset(_) => (0..partitions)
                .map(|partition| {
                    let Watermarks { low, high } = watermarks(&consumer, topic, partition)?;
                    let first = match from {
                        PeekFrom::Last(records) => high.saturating_sub(records),
                        PeekFrom::Offset(offset) => offset.min(high),
                        PeekFrom::Start(_) => low,
                    };
                    Ok((partition, first.max(low)))
                })
                .collect::<Result<_, KafkaError>>()?,
        };
        for (partition, offset) in first {
            assigned.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        }
        consumer.assign(&assigned)?;
        Ok(Self {
            consumer,
            unread: (0..partitions).collect(),
        })
    }

    /// The next record of any partition. `None`: none came within `patience`, or the end of all partitions
    /// has been reached.
    pub fn next(&mut self, patience: Duration) -> Result<Option<LoneRecord>, SourceError> {
        let until = Instant::now() + patience;
        loop {
            match self.consumer.poll(POLL.min(patience)) {
                Some(Ok(message)) => return Ok(Some(record(&message))),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.unread.remove(&partition);
                    if self.is_at_end() {
                        return Ok(None);
                    }
                }
                // Clients try again by themselves; what cannot be mended ends with the patience.
                Some(Err(error)) => tracing::debug!(%error, "a record could not be read"),
                None => {}
            }
            if Instant::now() >= until {
                return Ok(None);
            }
        }
    }

    /// Whether all that was there has been read.
    pub fn is_at_end(&self) -> bool {
        self.unread.is_empty()
    }
}

impl std::fmt::Debug for Peek {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peek")
            .field("unread", &self.unread)
            .finish_non_exhaustive()
    }
}

fn record(message: &BorrowedMessage<'_>) -> LoneRecord {
    let headers = message.headers().map(|headers| {
        let header = |header: rdkafka::message::Header<'_, &[u8]>| Header {
            name: header.key.to_owned(),
            value: header.value.unwrap_or_default().to_vec(),
        };
        headers.iter().map(header).collect()
    });
    LoneRecord {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: Micros(message.timestamp().to_millis().unwrap_or_default() * 1_000),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}
