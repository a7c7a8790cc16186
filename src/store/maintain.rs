//! Maintenance of the tables, by one node at a time: creates time partitions in advance; deletes
//! old dead letters, commits beyond the resume horizon and what retention drops.

use std::time::Duration;

use tokio_postgres::Client;

use crate::data::Micros;

use super::connect::{DatabaseUrl, connect_to_work};
use super::error::WriteError;
use super::level::Level;
use super::locks;
use super::partitions::Partitions;
use super::retention::{self, Dropped, Keep, Swept};

/// The job, with what this node remembers of its last run.
#[derive(Debug)]
pub struct Maintenance {
    url: DatabaseUrl,
    keep: Keep,
    swept: Swept,
}

/// Rows deleted in one transaction.
const AT_ONCE: i64 = 5_000;

const DEAD_LETTERS: &str = "delete from dead_letters where id in (
    select id from dead_letters where last_failed_at < $1 order by id limit $2)";

// Offsets first become unresumable, then their commits go; both in one statement, so a reader sees
// either all of it or nothing. Rows are locked in the order the writers lock them.
const COMMITS: &str = "with gone as (
        delete from commits c using (
            select partition_id, from_offset from commits
            where committed_at < $1 order by committed_at limit $2
        ) old
        where c.partition_id = old.partition_id and c.from_offset = old.from_offset
        returning c.partition_id, c.to_offset),
    ends as (select partition_id, max(to_offset) as upto from gone group by partition_id),
    locked as (
        select o.partition_id, ends.upto from ingest_offsets o join ends using (partition_id)
        order by o.partition_id for update of o),
    raised as (
        update ingest_offsets o set resume_from = greatest(o.resume_from, locked.upto)
        from locked where o.partition_id = locked.partition_id)
    select count(*) from gone";

// Gaps before which no cursor can be resumed, and those of epochs that ended, say nothing to readers.
const GAPS: &str = "delete from gaps g using ingest_offsets o
    where o.partition_id = g.partition_id and g.noticed_at < $1
        and (g.to_offset <= o.resume_from or exists (select from ingest_offsets later
            where later.topic = o.topic and later.partition = o.partition and later.epoch > o.epoch))";

impl Maintenance {
    pub fn new(url: DatabaseUrl, keep: Keep) -> Self {
        Self {
            url,
            keep,
            swept: Swept::default(),
        }
    }

    /// Whether the last run may have dropped or deleted something, or another node since the one
    /// before: then what was the latest point of a series may be gone.
    pub const fn has_swept(&self) -> bool {
        self.swept.has_swept()
    }

    /// Whether the last run left something because others were using it: soon they are not.
    pub const fn is_left_in_use(&self) -> bool {
        self.swept.is_left_in_use()
    }

    /// Does what is to be done at `now`. `None` where another node is at it.
    pub async fn run(&mut self, now: Micros) -> Result<Option<Dropped>, WriteError> {
        let mut client = connect_to_work(&self.url).await?;
        // For what it cannot have it comes again; a pass of the rollups or a restore ends sooner.
        client.batch_execute("set lock_timeout = '120s'").await?;
        if !locks::alone(&client, locks::MAINTAIN, Duration::ZERO).await? {
            return Ok(None);
        }
        fail::fail_point!("in-maintenance", |_| std::process::abort());
        for level in Level::ALL {
            let mut partitions = Partitions::of(&client, level.table(), level.partition_days()).await?;
            partitions.ahead(&client, now, level.ahead()).await?;
        }
        forget(&client, &self.keep, now).await?;
        let dropped = retention::run(&mut client, &self.keep, now, &mut self.swept).await?;
        Ok(Some(dropped))
    }
}

async fn forget(client: &Client, keep: &Keep, now: Micros) -> Result<(), WriteError> {
    let (dead_letters, commits) = (now.minus(keep.dead_letters), now.minus(keep.commits));
    while client.execute(DEAD_LETTERS, &[&dead_letters, &AT_ONCE]).await? == AT_ONCE.cast_unsigned() {}
    while client
        .query_one(COMMITS, &[&commits, &AT_ONCE])
        .await?
        .get::<_, i64>(0)
        == AT_ONCE
    {}
    client.execute(GAPS, &[&dead_letters]).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
