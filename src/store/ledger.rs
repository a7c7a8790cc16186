//! Who owns which Kafka partition, and where it goes on: the rows of `ingest_offsets`.
//!
//! Every claim raises the row's owner epoch, so whoever held the partition before can no longer
//! commit. The session also says, by an advisory lock, that a node runs: a rewind needs none to.

use tokio_postgres::{Client, Row};

use crate::data::PartitionId;

use super::connect::{DatabaseUrl, connect};
use super::error::WriteError;
use super::locks;

/// A partition as Kafka names it, under the topic id of the moment.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub stream: &'a str,
    pub topic: &'a str,
    pub partition: i32,
    pub topic_id: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub partition_id: PartitionId,
    pub owner_epoch: i64,
    pub next_offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Resumed(Claimed),
    /// Never seen.
    New,
    /// Seen under another topic id.
    Recreated,
}

const CURRENT: &str = "select partition_id, topic_id from ingest_offsets
    where topic = $1 and partition = $2 order by epoch desc limit 1";

const RAISE: &str = "update ingest_offsets set owner_epoch = owner_epoch + 1, stream = $2
    where partition_id = $1 returning partition_id, owner_epoch, next_offset";

const BEGIN_EPOCH: &str = "insert into ingest_offsets
        (stream, topic, partition, epoch, topic_id, next_offset, owner_epoch)
    select $1, $2, $3, coalesce(max(epoch), 0) + 1, $4, $5, 1
    from ingest_offsets where topic = $2 and partition = $3
    on conflict (topic, partition, epoch) do nothing
    returning partition_id, owner_epoch, next_offset";

const GAP: &str = "with moved as (
        update ingest_offsets set next_offset = $3
        where partition_id = $1 and next_offset = $2 and owner_epoch = $4
        returning partition_id)
    insert into gaps (partition_id, from_offset, to_offset)
    select partition_id, $2, $3 from moved
    on conflict (partition_id, from_offset) do update set to_offset = excluded.to_offset
    returning partition_id";

#[derive(Debug)]
pub struct Ledger {
    client: Client,
}

impl Ledger {
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, WriteError> {
        let client = connect(url).await?;
        let running = "select pg_try_advisory_lock_shared($1)";
        let row = client.query_one(running, &[&locks::RUNNING]).await?;
        if !row.get::<_, bool>(0) {
            return Err(WriteError::Retry("a rewind is under way".to_owned()));
        }
        Ok(Self { client })
    }

    pub async fn claim(&mut self, place: Place<'_>) -> Result<Claim, WriteError> {
        let current = self
            .client
            .query_opt(CURRENT, &[&place.topic, &place.partition])
            .await?;
        let Some(current) = current else {
            return Ok(Claim::New);
        };
        let (id, topic_id): (PartitionId, String) = (current.get(0), current.get(1));
        if topic_id != place.topic_id {
            return Ok(Claim::Recreated);
        }
        let row = self.client.query_one(RAISE, &[&id, &place.stream]).await?;
        Ok(Claim::Resumed(claimed(&row)))
    }

    /// Begins a new epoch at `next_offset`. Where another node did so at the same moment, its row
    /// is the epoch and is taken over.
    pub async fn begin_epoch(&mut self, place: Place<'_>, next_offset: i64) -> Result<Claimed, WriteError> {
        let Place {
            stream,
            topic,
            partition,
            topic_id,
        } = place;
        let row = self
            .client
            .query_opt(
                BEGIN_EPOCH,
                &[&stream, &topic, &partition, &topic_id, &next_offset],
            )
            .await?;
        if let Some(row) = row {
            return Ok(claimed(&row));
        }
        match self.claim(place).await? {
            Claim::Resumed(claimed) => Ok(claimed),
            Claim::New | Claim::Recreated => Err(WriteError::Retry(format!(
                "{topic}/{partition} changed while it was claimed"
            ))),
        }
    }

    /// Writes down that `claimed.next_offset..to` is gone and goes on at `to`.
    pub async fn record_gap(&mut self, claimed: Claimed, to: i64) -> Result<(), WriteError> {
        let Claimed {
            partition_id,
            owner_epoch,
            next_offset,
        } = claimed;
        let moved = self
            .client
            .query_opt(GAP, &[&partition_id, &next_offset, &to, &owner_epoch])
            .await?;
        match moved {
            Some(_) => Ok(()),
            None => Err(WriteError::Retry(
                "another node took the partition over".to_owned(),
            )),
        }
    }
}

fn claimed(row: &Row) -> Claimed {
    Claimed {
        partition_id: row.get(0),
        owner_epoch: row.get(1),
        next_offset: row.get(2),
    }
}
