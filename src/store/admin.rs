//! Operations on the store: rewinding a topic, deleting series.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::data::{Scoped, SeriesId};

use super::connect::{DatabaseUrl, connect_to_work};
use super::error::{ConnectError, describe};
use super::level::Level;
use super::locks;
use super::tail::{Tail, TailError};

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("streamsync is running on this database: stop it first")]
    Running,
    #[error("another session has held the lock for {} s; try again later", LOCK_PATIENCE.as_secs())]
    Busy,
    #[error("no record of the topic '{0}' has been read yet")]
    NeverRead(String),
    #[error(transparent)]
    Read(#[from] TailError),
    #[error("postgres: {}", describe(.0))]
    Postgres(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for AdminError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE) => Self::Busy,
            _ => Self::Postgres(error),
        }
    }
}

/// How much was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    pub series: u64,
    pub points: u64,
}

/// How long `delete-series` waits for one lock: longer than a pass of the rollups, and than the
/// server needs to find out that a node has lost its power.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);
/// Series that are deleted in one transaction.
const SERIES_AT_ONCE: usize = 100;
/// Points that are deleted in one transaction while nodes go on writing.
const POINTS_AT_ONCE: i64 = 50_000;

// Locked in the order in which writers lock them.
const SOME_POINTS: &str = "with chosen as (
        select series_id, ts from points where series_id = any($1)
        order by series_id, ts limit $2 for update)
    delete from points p using chosen c where p.series_id = c.series_id and p.ts = c.ts";

const CURRENT: &str =
    "select distinct on (partition) partition_id, partition, epoch, topic_id, stream, next_offset
    from ingest_offsets where topic = $1 order by partition, epoch desc";

/// Begins a new epoch of each partition for which `to` names an offset, to be read from there. The
/// dead letters of its range are deleted, as its records are processed again. Refused while a
/// node runs, after `patience` for one that has just ended; one that comes back with a batch of
/// before can no longer commit it. Returns what was set as (partition, offset); partitions never
/// read stay as they are.
pub async fn rewind(
    url: &DatabaseUrl,
    topic: &str,
    to: impl Fn(i32) -> Option<i64>,
    patience: Duration,
) -> Result<Vec<(i32, i64)>, AdminError> {
    let mut client = connect_to_work(url).await?;
    let transaction = client.transaction().await?;
    // A lock of the transaction: after a rewind nobody has to wait for the end of its session.
    let try_alone = "select pg_try_advisory_xact_lock($1)";
    if !locks::acquire(&transaction, try_alone, locks::RUNNING, patience).await? {
        return Err(AdminError::Running);
    }
    let mut rewound = Vec::new();
    for row in transaction.query(CURRENT, &[&topic]).await? {
        let (partition, epoch): (i32, i32) = (row.get(1), row.get(2));
        let (topic_id, stream): (String, String) = (row.get(3), row.get(4));
        let Some(offset) = to(partition) else {
            continue;
        };
        let fence = "update ingest_offsets set owner_epoch = owner_epoch + 1 where partition_id = $1";
        transaction.execute(fence, &[&row.get::<_, i32>(0)]).await?;
        let insert = "insert into ingest_offsets
                (stream, topic, partition, epoch, topic_id, next_offset, resume_from)
            values ($1, $2, $3, $4, $5, $6, 0)";
        let next = epoch + 1;
        transaction
            .execute(insert, &[&stream, &topic, &partition, &next, &topic_id, &offset])
            .await?;
        let forget = r#"delete from dead_letters
            where topic = $1 and topic_id = $2 and partition = $3 and "offset" >= $4"#;
        transaction
            .execute(forget, &[&topic, &topic_id, &partition, &offset])
            .await?;
        rewound.push((partition, offset));
    }
    // Also when nothing was found: a session that is dropped holds its locks for another moment.
    transaction.commit().await?;
    match rewound.is_empty() {
        true => Err(AdminError::NeverRead(topic.to_owned())),
        false => Ok(rewound),
    }
}

/// Deletes the selected series and their points, some at a time; nodes may go on writing and wait
/// only for the last few points. A series that still arrives is created again, with another id.
pub async fn delete_series(url: &DatabaseUrl, scoped: &Scoped) -> Result<Deleted, AdminError> {
    let mut client = connect_to_work(url).await?;
    client
        .batch_execute(&format!("set lock_timeout = {}", LOCK_PATIENCE.as_millis()))
        .await?;
    let found = Tail::new(url.clone(), 1).matching(scoped, usize::MAX).await?;
    let mut ids: Vec<SeriesId> = found.unwrap_or_default().into_keys().collect();
    ids.sort_unstable();
    let mut deleted = Deleted::default();
    for ids in ids.chunks(SERIES_AT_ONCE) {
        loop {
            let points = client.execute(SOME_POINTS, &[&ids, &POINTS_AT_ONCE]).await?;
            deleted.points += points;
            if points < POINTS_AT_ONCE.cast_unsigned() {
                break;
            }
        }
        let transaction = client.transaction().await?;
        // Not in the middle of a refresh, which would bring back what is deleted here. Before the
        // other lock, so that writers do not wait for it.
        locks::hold(&transaction, locks::ROLLUPS).await?;
        // Waits for the writes under way; those after it see the new version and look ids up again.
        locks::hold(&transaction, locks::CATALOGUE).await?;
        transaction
            .execute("update catalogue set version = version + 1", &[])
            .await?;
        deleted.points += transaction
            .execute("delete from points where series_id = any($1)", &[&ids])
            .await?;
        for rollup in Level::ROLLUPS.map(Level::table) {
            let delete = format!("delete from {rollup} where series_id = any($1)");
            transaction.execute(&delete, &[&ids]).await?;
        }
        deleted.series += transaction
            .execute("delete from series where id = any($1)", &[&ids])
            .await?;
        transaction.commit().await?;
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests;
