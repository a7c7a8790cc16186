//! Sends what is missing of the last day, and then live points, through Kafka like any other producer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::moments::{Moment, due};
use super::senders::{GATEWAY, Sender, dead_letters};
use super::stored::Stored;
use crate::data::{Header, Micros, headers};
use crate::sources::{Outgoing, ProduceError, Producer};
use crate::store::read::{ReadError, Reader};
use crate::telemetry::Status;

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const TRY_AGAIN: Duration = Duration::from_secs(1);

pub struct Replay {
    pub producer: Arc<Producer>,
    pub reader: Reader,
    pub status: Arc<Status>,
    /// By the name of the stream.
    pub topics: BTreeMap<String, String>,
    /// Each sender sends once in this time.
    pub pace: Duration,
    /// Kafka forgets its records when the program ends, so that none waits for being read.
    pub is_embedded: bool,
}

impl Replay {
    /// Sends until it is dropped, or until an error that is not a delay.
    pub async fn run(&self) -> Result<()> {
        let senders = Sender::all()?;
        // Whatever had arrived of an attempt that failed is not sent again.
        let first = loop {
            match self.catch_up(&senders).await {
                Ok(first) => break first,
                Err(error) if is_delay(&error) => tracing::warn!(%error, "the demo producer waits"),
                Err(error) => return Err(error),
            }
            sleep(TRY_AGAIN).await;
        };
        self.go_on(&senders, first).await
    }

    /// Sends what is due at a first moment, which it returns.
    async fn catch_up(&self, senders: &[Sender]) -> Result<Moment> {
        while !self.has_read_all() {
            sleep(LOOK_AGAIN).await;
        }
        let stored = Stored::read(&self.reader, senders).await?;
        let first = Moment::first(Micros::now(), self.pace);
        for sender in senders {
            // One after the other: all together would be more than an embedded broker has room for.
            let due = due(stored.newest(sender), first, self.pace);
            self.send([(sender, sender.record(&due))]).await?;
            if sender.stream() == GATEWAY {
                let letters = dead_letters(first.ts).into_iter().skip(stored.dead_letters);
                self.send(letters.map(|letter| (sender, letter))).await?;
            }
        }
        Ok(first)
    }

    /// What Kafka has of the demo is in Postgres.
    fn has_read_all(&self) -> bool {
        let now = self.status.snapshot();
        if now.without_tables || self.is_embedded {
            return !now.without_tables;
        }
        let mut own = (now.partitions.values())
            .filter(|partition| self.topics.contains_key(&partition.stream))
            .peekable();
        own.peek().is_some() && own.all(|partition| partition.lag() == 0)
    }

    /// A round that was late has what was due before it as well; one that failed is left out.
    async fn go_on(&self, senders: &[Sender], first: Moment) -> Result<()> {
        let mut ticks = interval(self.pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one is at once.
        ticks.tick().await;
        let mut last = first;
        loop {
            ticks.tick().await;
            let next = last.next(Micros::now(), self.pace);
            let due = due(Some(last.ts), next, self.pace);
            let records = senders.iter().map(|sender| (sender, sender.record(&due)));
            match self.send(records).await {
                Err(error) if is_delay(&error) => tracing::warn!(%error, "the demo producer waits"),
                sent => sent?,
            }
            last = next;
        }
    }

    async fn send<'s>(&self, records: impl IntoIterator<Item = (&'s Sender, Value)>) -> Result<()> {
        let mut sending = self.producer.begin();
        for (sender, record) in records {
            let stream = sender.stream();
            let headers = [Header {
                name: headers::STREAM.to_owned(),
                value: stream.as_bytes().to_vec(),
            }];
            let outgoing = Outgoing {
                topic: self.topics.get(stream).map_or(stream, String::as_str),
                key: Some(sender.series().key.as_bytes()),
                payload: Some(record.to_string().as_bytes()),
                headers: &headers,
                timestamp: None,
            };
            sending.add(outgoing).await?;
        }
        sending.placed().await.map_err(|unsent| unsent.why)?;
        Ok(())
    }
}

/// Trying again helps.
fn is_delay(error: &anyhow::Error) -> bool {
    let of_kafka = error.downcast_ref();
    error.is::<ReadError>() || matches!(of_kafka, Some(ProduceError::TimedOut | ProduceError::Lagging(_)))
}
