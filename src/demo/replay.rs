//! Sends what is missing of the last day, and then live points, through Kafka like any other producer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::moments::{Moment, before, due};
use super::senders::{GATEWAY, Sender, dead_letters};
use super::stored::Stored;
use crate::data::{Header, Micros, headers};
use crate::sources::producer::Placed;
use crate::sources::{Outgoing, ProduceError, Producer};
use crate::store::read::{ReadError, Reader};
use crate::telemetry::Status;
use crate::telemetry::status::PartitionStatus;

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How far apart stored points are at most, unless the pace is slower.
const MINUTE: Duration = Duration::from_secs(60);

pub struct Replay {
    pub producer: Arc<Producer>,
    pub reader: Reader,
    pub status: Arc<Status>,
    /// Those of the demo, by the name of the stream.
    pub topics: BTreeMap<String, String>,
    /// Each sender sends once in this time.
    pub pace: Duration,
    pub is_embedded: bool,
}

struct Begun {
    first: Moment,
    /// Before it.
    stored: Stored,
    /// Where the record of the last sender is, which is the gateway.
    last: Vec<Placed>,
}

impl Replay {
    /// Sends until it is dropped, or until an error that is not a delay.
    pub async fn run(&self) -> Result<()> {
        let senders = Sender::all()?;
        let Begun { first, stored, last } = patiently(async || self.begin(&senders).await).await?;
        let mut known = Some(stored);
        let past = patiently(async || {
            // Whatever had arrived of an attempt that failed is not sent again.
            let stored = match known.take() {
                Some(stored) => stored,
                None => self.stored(&senders).await?,
            };
            // The first live points do not wait for those of a day.
            self.producer.keep(self.topic(GATEWAY), &last).await?;
            self.past(&senders, &stored, first).await
        });
        tokio::try_join!(past, self.go_on(&senders, first))?;
        Ok(())
    }

    /// Sends the first live points, and in the same records what is missing between the last that are
    /// stored and these, so that never only the newer ones are stored.
    async fn begin(&self, senders: &[Sender]) -> Result<Begun> {
        let stored = self.stored(senders).await?;
        let first = Moment::first(Micros::now(), self.pace);
        let mut last = Vec::new();
        for sender in senders {
            let newest = stored.of(sender).map_or(first.ts, |known| known.newest);
            let due = due(Some(newest), first, self.pace);
            last = self.send([(sender, sender.record(&due))]).await?;
        }
        Ok(Begun { first, stored, last })
    }

    /// What is missing of the day before: at the first start all of it, and newer points are live already.
    async fn past(&self, senders: &[Sender], stored: &Stored, first: Moment) -> Result<()> {
        for sender in senders {
            let known = stored.of(sender);
            let earliest = known.map_or(Some(first.ts), |known| known.earliest);
            let past = earliest.map(|earliest| before(earliest, first, self.pace));
            // One after the other: an embedded broker has no room for all of them.
            if let Some(past) = past.filter(|past| !past.is_empty()) {
                self.send([(sender, sender.record(&past))]).await?;
            }
            if sender.stream() == GATEWAY {
                let letters = dead_letters(first.ts).into_iter().skip(stored.dead_letters);
                self.send(letters.map(|letter| (sender, letter))).await?;
            }
        }
        Ok(())
    }

    async fn stored(&self, senders: &[Sender]) -> Result<Stored> {
        while !self.has_read_all() {
            sleep(LOOK_AGAIN).await;
        }
        Ok(Stored::read(&self.reader, senders, self.pace.max(MINUTE)).await?)
    }

    /// What Kafka has of the demo is in Postgres. An embedded broker begins without any.
    fn has_read_all(&self) -> bool {
        let now = self.status.snapshot();
        let own = now.partitions.values();
        let own = own.filter(|partition| self.topics.contains_key(&partition.stream));
        let mut lags = own.map(PartitionStatus::lag).peekable();
        let is_known = self.is_embedded || lags.peek().is_some();
        is_known && !now.without_tables && lags.all(|lag| lag == 0)
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
                Err(error) => return Err(error),
                Ok(_) => {}
            }
            last = next;
        }
    }

    async fn send<'s>(&self, records: impl IntoIterator<Item = (&'s Sender, Value)>) -> Result<Vec<Placed>> {
        let mut sending = self.producer.begin();
        for (sender, record) in records {
            let (stream, payload) = (sender.stream(), record.to_string());
            let headers = [Header {
                name: headers::STREAM.to_owned(),
                value: stream.as_bytes().to_vec(),
            }];
            let outgoing = Outgoing {
                topic: self.topic(stream),
                key: Some(sender.series().key.as_bytes()),
                payload: Some(payload.as_bytes()),
                headers: &headers,
                timestamp: None,
            };
            sending.add(outgoing).await?;
        }
        Ok(sending.placed().await.map_err(|unsent| unsent.why)?)
    }

    fn topic<'t>(&'t self, stream: &'t str) -> &'t str {
        self.topics.get(stream).map_or(stream, String::as_str)
    }
}

/// Again and again while that helps.
async fn patiently<T>(mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    loop {
        match attempt().await {
            Err(error) if is_delay(&error) => tracing::warn!(%error, "the demo producer waits"),
            ended => return ended,
        }
        sleep(TRY_AGAIN).await;
    }
}

fn is_delay(error: &anyhow::Error) -> bool {
    let of_kafka = error.downcast_ref();
    error.is::<ReadError>() || matches!(of_kafka, Some(ProduceError::TimedOut | ProduceError::Lagging(_)))
}
