//! The owner and the next offset of each Kafka partition: the rows of `ingest_offsets`.
//!
//! Every claim raises the row's owner epoch, so the previous owner can no longer commit. The
//! session also holds an advisory lock that shows that a node is running; a rewind requires that
//! none is.

use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Transaction};

use crate::data::{Claim, Claimed, LeaderEpoch, PartitionId, TopicPartition};

use super::connect::{DatabaseUrl, connect};
use super::error::WriteError;
use super::locks;

// One partition at a time, until the end of the transaction: between looking at the current epoch and
// raising its owner or beginning the next, no other node does either.
const LOCK: &str = "select pg_advisory_xact_lock(hashtext($1), $2)";

const CURRENT: &str = "select partition_id, epoch, topic_id from ingest_offsets
    where topic = $1 and partition = $2 order by epoch desc limit 1";

const RAISE: &str = "update ingest_offsets set owner_epoch = owner_epoch + 1, stream = $2
    where partition_id = $1
    returning partition_id, owner_epoch, next_offset, leader_epoch, leader_epoch_offset";

const IS_KNOWN: &str = "select exists (select from ingest_offsets where topic = $1)";

// Owner epoch 0: nobody's yet.
const BEGIN_TOPIC: &str =
    "insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset)
    select $1, $2, partition, 1, $3, next_offset
    from unnest($4::integer[], $5::bigint[]) as first(partition, next_offset)";

// Commits beyond the next offset are left where somebody, or a Postgres that went back, moved it:
// what they represent is read and committed again.
const TRIM: &str = "with gone as (
        delete from commits where partition_id = $1 and from_offset >= $2)
    update commits set to_offset = $2
    where partition_id = $1 and to_offset > $2 and from_offset = (
        select max(from_offset) from commits where partition_id = $1 and from_offset < $2)";

const FENCE: &str = "update ingest_offsets set owner_epoch = owner_epoch + 1
    where topic = $1 and partition = $2 and epoch = $3";

const BEGIN_EPOCH: &str = "insert into ingest_offsets
        (stream, topic, partition, epoch, topic_id, next_offset, owner_epoch)
    values ($1, $2, $3, $4, $5, $6, 1)
    returning partition_id, owner_epoch, next_offset, leader_epoch, leader_epoch_offset";

const GAP: &str = "with moved as (
        update ingest_offsets set next_offset = $3
        where partition_id = $1 and next_offset = $2 and owner_epoch = $4
        returning partition_id)
    insert into gaps (partition_id, from_offset, to_offset)
    select partition_id, $2, $3 from moved
    on conflict (partition_id, from_offset) do update set to_offset = excluded.to_offset
    returning partition_id";

const LOST_END: &str = "insert into gaps (partition_id, from_offset, to_offset) values ($1, $2, $3)
    on conflict (partition_id, from_offset) do update set to_offset = excluded.to_offset";

/// Stands for all partitions of a topic where one is locked.
const ALL: i32 = -1;

#[derive(Debug)]
pub struct Ledger {
    client: Client,
    /// The epoch each partition had when we looked last; 0 when it had none.
    seen: HashMap<(String, i32), i32>,
}

/// The latest epoch of a partition.
struct Current {
    partition_id: PartitionId,
    epoch: i32,
    topic_id: String,
}

impl Ledger {
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, WriteError> {
        let client = connect(url).await?;
        // Within what the poll thread waits for an answer: what failed here is not done later.
        client
            .batch_execute(
                "set statement_timeout = '8s';
                 set idle_in_transaction_session_timeout = '10s';
                 set default_transaction_isolation = 'read committed'",
            )
            .await?;
        let running = "select pg_try_advisory_lock_shared($1)";
        if !locks::acquire(&client, running, locks::RUNNING, Duration::ZERO).await? {
            return Err(WriteError::Retry("a rewind is under way".to_owned()));
        }
        let seen = HashMap::new();
        Ok(Self { client, seen })
    }

    pub async fn ping(&self) -> Result<(), WriteError> {
        Ok(self.client.batch_execute("select 1").await?)
    }

    /// Takes the partition over where it is, if it is still the topic that was read before.
    pub async fn claim(&mut self, of: TopicPartition<'_>) -> Result<Claim, WriteError> {
        let transaction = self.client.transaction().await?;
        let current = current(&transaction, of).await?;
        let (claim, epoch) = match &current {
            None if is_known(&transaction, of.topic).await? => (Claim::Unread, 0),
            None => (Claim::New, 0),
            Some(current) if current.topic_id != of.topic_id => (Claim::Unread, current.epoch),
            Some(current) => {
                let claimed = raise(&transaction, of, current).await?;
                (Claim::Resumed(claimed), current.epoch)
            }
        };
        transaction.commit().await?;
        self.saw(of, epoch);
        Ok(claim)
    }

    /// Sets where each partition of a topic begins of which nothing was ever claimed. Where another node
    /// was first, what it set holds.
    pub async fn begin_topic(
        &mut self,
        of: TopicPartition<'_>,
        first: &[(i32, i64)],
    ) -> Result<(), WriteError> {
        let (partitions, offsets): (Vec<i32>, Vec<i64>) = first.iter().copied().unzip();
        let transaction = self.client.transaction().await?;
        transaction.execute(LOCK, &[&of.topic, &ALL]).await?;
        if !is_known(&transaction, of.topic).await? {
            let TopicPartition {
                stream,
                topic,
                topic_id,
                ..
            } = of;
            transaction
                .execute(BEGIN_TOPIC, &[&stream, &topic, &topic_id, &partitions, &offsets])
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Begins a new epoch at `next_offset`, and fences writers of the previous one. Where another
    /// node was first since we looked (by [`claim`](Self::claim)), its epoch is the new one and is
    /// taken over as it is.
    pub async fn begin_epoch(
        &mut self,
        of: TopicPartition<'_>,
        next_offset: i64,
    ) -> Result<Claimed, WriteError> {
        let TopicPartition {
            stream,
            topic,
            partition,
            topic_id,
        } = of;
        let seen = self.seen.get(&(topic.to_owned(), partition)).copied();
        let transaction = self.client.transaction().await?;
        let current = current(&transaction, of).await?;
        let last = current.as_ref().map_or(0, |current| current.epoch);
        let (claimed, epoch) = match &current {
            Some(current) if seen != Some(last) && current.topic_id == topic_id => {
                (raise(&transaction, of, current).await?, last)
            }
            Some(_) if seen != Some(last) => {
                return Err(WriteError::Retry(format!(
                    "{topic}/{partition} changed while it was claimed"
                )));
            }
            _ => {
                transaction.execute(FENCE, &[&topic, &partition, &last]).await?;
                let next = last + 1;
                let row = transaction
                    .query_one(
                        BEGIN_EPOCH,
                        &[&stream, &topic, &partition, &next, &topic_id, &next_offset],
                    )
                    .await?;
                (claimed(&row), next)
            }
        };
        transaction.commit().await?;
        self.saw(of, epoch);
        Ok(claimed)
    }

    /// Writes down that `claimed.next_offset..to` is gone and goes on at `to`, never backwards.
    pub async fn record_gap(&mut self, claimed: Claimed, to: i64) -> Result<(), WriteError> {
        let Claimed {
            partition_id,
            owner_epoch,
            next_offset,
            ..
        } = claimed;
        if to < next_offset {
            return Err(WriteError::Retry(format!(
                "kafka has offsets from {to} on again, and {next_offset} is the next to read"
            )));
        }
        if to == next_offset {
            return Ok(());
        }
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

    /// Writes down that Kafka has lost `from..claimed.next_offset` after it was read.
    pub async fn record_lost_end(&mut self, claimed: Claimed, from: i64) -> Result<(), WriteError> {
        let values: [&(dyn ToSql + Sync); 3] = [&claimed.partition_id, &from, &claimed.next_offset];
        self.client.execute(LOST_END, &values).await?;
        Ok(())
    }

    fn saw(&mut self, of: TopicPartition<'_>, epoch: i32) {
        self.seen.insert((of.topic.to_owned(), of.partition), epoch);
    }
}

/// Locks the partition and looks.
async fn current(
    transaction: &Transaction<'_>,
    of: TopicPartition<'_>,
) -> Result<Option<Current>, WriteError> {
    transaction.execute(LOCK, &[&of.topic, &of.partition]).await?;
    let row = transaction
        .query_opt(CURRENT, &[&of.topic, &of.partition])
        .await?;
    Ok(row.map(|row| Current {
        partition_id: row.get(0),
        epoch: row.get(1),
        topic_id: row.get(2),
    }))
}

async fn is_known(transaction: &Transaction<'_>, topic: &str) -> Result<bool, WriteError> {
    Ok(transaction.query_one(IS_KNOWN, &[&topic]).await?.get(0))
}

async fn raise(
    transaction: &Transaction<'_>,
    of: TopicPartition<'_>,
    current: &Current,
) -> Result<Claimed, WriteError> {
    let row = transaction
        .query_one(RAISE, &[&current.partition_id, &of.stream])
        .await?;
    let claimed = claimed(&row);
    transaction
        .execute(TRIM, &[&claimed.partition_id, &claimed.next_offset])
        .await?;
    Ok(claimed)
}

fn claimed(row: &Row) -> Claimed {
    let (next_offset, epoch): (i64, Option<i32>) = (row.get(2), row.get(3));
    let leader_epoch = epoch
        .zip(row.get(4))
        .map(|(epoch, offset)| LeaderEpoch { epoch, offset });
    Claimed {
        partition_id: row.get(0),
        owner_epoch: row.get(1),
        next_offset,
        // Where somebody set the offset back, what is known is of a record that is read again.
        leader_epoch: leader_epoch.filter(|at| at.offset <= next_offset),
    }
}

#[cfg(test)]
mod tests;
