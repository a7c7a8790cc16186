//! The one tail reader: committed points from Postgres, from a position up to a seam, in pages.
//!
//! Resume, holes, restarts and running without Redis all read here. Points come in the order of
//! their offsets within a partition; a point that a later one replaced comes under the later
//! offset only. Nothing is read beyond what the caller's seam says, so the live stream continues
//! exactly where the last page ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::{BigInt, Integer};
use diesel::{QueryableByName, sql_query};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::sync::Semaphore;

use super::connect::{DatabaseUrl, connect_to_read};
use super::error::ConnectError;
use crate::data::stored::Range;
use crate::data::{Micros, PartitionId, Positions, SeriesId, Stored};

mod matching;
mod pages;
#[cfg(test)]
mod tests;

pub use pages::{Names, Want};

/// No statement of the tail reader may take longer.
const PATIENCE: Duration = Duration::from_secs(10);
// Only gaps of the current epochs where a cursor can still be, since this runs twice a second.
const GAPS: &str = "select g.partition_id, g.from_offset, g.to_offset
    from (select distinct on (topic, partition) partition_id, resume_from
        from ingest_offsets order by topic, partition, epoch desc) o
    join lateral (select * from gaps g
        where g.partition_id = o.partition_id and g.to_offset > o.resume_from) g on true
    order by 1, 2";

#[derive(Debug, thiserror::Error)]
pub enum TailError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("postgres did not answer: {0}")]
    Statement(String),
    #[error("postgres did not answer within {} s", PATIENCE.as_secs())]
    Timeout,
}

/// A few connections of the runtime that uses it, opened when first needed; clones share them.
#[derive(Clone)]
pub struct Tail {
    url: DatabaseUrl,
    permits: Arc<Semaphore>,
    idle: Arc<parking_lot::Mutex<Vec<AsyncPgConnection>>>,
}

/// How far a partition's current epoch is committed, and from where it can be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub next_offset: i64,
    pub resume_from: i64,
}

/// The current epochs, and the offsets among them that Kafka had lost.
#[derive(Clone, Debug, Default)]
pub struct Horizon {
    pub partitions: BTreeMap<PartitionId, Bounds>,
    /// By partition and offset.
    pub gaps: Vec<Range>,
}

/// Why a cursor cannot be continued, and the nearest positions that can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeGap {
    pub earliest: Positions,
}

impl Horizon {
    pub fn next_offsets(&self) -> Positions {
        let next = |(id, bounds): (&PartitionId, &Bounds)| (*id, bounds.next_offset);
        self.partitions.iter().map(next).collect()
    }

    /// The partitions of which less is stored than had been published: Postgres lost commits.
    pub fn went_back(&self, published: &Positions) -> Vec<PartitionId> {
        let lost = |(id, at): (&PartitionId, &i64)| {
            let bounds = self.partitions.get(id)?;
            (bounds.next_offset < *at).then_some(*id)
        };
        published.iter().filter_map(lost).collect()
    }

    /// Whether what comes next after `positions` can still be told, up to the next gaps.
    pub fn check(&self, positions: &Positions) -> Result<(), ResumeGap> {
        let mut earliest = positions.clone();
        earliest.retain(|id, _| self.partitions.contains_key(id));
        for (id, bounds) in &self.partitions {
            let at = earliest.get(id).copied().unwrap_or(0);
            if at < bounds.resume_from {
                earliest.insert(*id, bounds.resume_from);
            }
        }
        for gap in &self.gaps {
            let at = earliest.get(&gap.partition_id).copied().unwrap_or(0);
            if (gap.from..gap.to).contains(&at) {
                earliest.insert(gap.partition_id, gap.to);
            }
        }
        if earliest == *positions {
            Ok(())
        } else {
            Err(ResumeGap { earliest })
        }
    }

    /// Whether what comes next at the beginning of this range can be told. Of other partitions it
    /// says nothing: they may be newer than this horizon.
    pub fn proves(&self, range: Range) -> bool {
        let bounds = self.partitions.get(&range.partition_id);
        let lost =
            |gap: &Range| gap.partition_id == range.partition_id && (gap.from..gap.to).contains(&range.from);
        bounds.is_some_and(|bounds| bounds.resume_from <= range.from) && !self.gaps.iter().any(lost)
    }

    /// The part of a range that lies before the first gap in it.
    pub fn before_gap(&self, range: Range) -> Range {
        let mut upto = Positions::from([(range.partition_id, range.to)]);
        self.stop_at_gaps(&Positions::from([(range.partition_id, range.from)]), &mut upto);
        let to = upto.into_values().next().unwrap_or(range.to);
        Range { to, ..range }
    }

    /// Lowers `upto` to where the next gap after `from` begins.
    pub fn stop_at_gaps(&self, from: &Positions, upto: &mut Positions) {
        for gap in &self.gaps {
            let at = from.get(&gap.partition_id).copied().unwrap_or(0);
            if let Some(to) = upto.get_mut(&gap.partition_id).filter(|_| gap.from >= at) {
                *to = (*to).min(gap.from);
            }
        }
    }
}

impl Tail {
    /// Connects when first used; at most `connections` at once.
    pub fn new(url: DatabaseUrl, connections: usize) -> Self {
        Self {
            url,
            permits: Arc::new(Semaphore::new(connections.max(1))),
            idle: Arc::default(),
        }
    }

    /// The current epochs with their gaps.
    pub async fn horizon(&self) -> Result<Horizon, TailError> {
        self.with(async |conn| {
            let rows: Vec<EpochRow> = sql_query(
                "select distinct on (topic, partition) partition_id, next_offset, resume_from \
                 from ingest_offsets order by topic, partition, epoch desc",
            )
            .load(conn)
            .await?;
            let gaps: Vec<GapRow> = sql_query(GAPS).load(conn).await?;
            let bounds = |row: EpochRow| {
                let bounds = Bounds {
                    next_offset: row.next_offset,
                    resume_from: row.resume_from,
                };
                (row.partition_id, bounds)
            };
            let partitions: BTreeMap<_, _> = rows.into_iter().map(bounds).collect();
            let range = |row: GapRow| Range {
                partition_id: row.partition_id,
                from: row.from_offset,
                to: row.to_offset,
            };
            let gaps = gaps.into_iter().map(range).collect();
            Ok(Horizon { partitions, gaps })
        })
        .await
    }

    /// The next page of the first partition that is behind: what was committed after `from` and
    /// before `upto`. Its one range says what the page covers; `None` when nothing is behind.
    pub async fn page(
        &self,
        from: &Positions,
        upto: &Positions,
        want: Want<'_>,
        names: &mut Names,
    ) -> Result<Option<Stored>, TailError> {
        self.with(async |conn| pages::next(conn, from, upto, want, names).await)
            .await
    }

    /// Points with `ts >= since` whose position lies below the seam, in the order (series, ts),
    /// after `done`. Returns them with how far it came; `None` when there is nothing more.
    pub async fn backfill(
        &self,
        since: Micros,
        done: Option<(SeriesId, Micros)>,
        seam: &Positions,
        rows: usize,
        names: &Names,
    ) -> Result<Option<(Stored, (SeriesId, Micros))>, TailError> {
        self.with(async |conn| pages::backfill(conn, since, done, seam, rows, names).await)
            .await
    }

    /// Lends a connection; one that failed or was given up on is not used again.
    async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, TailError> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(TailError::Timeout);
        };
        let mut conn = match self.idle() {
            Some(conn) => conn,
            None => AsyncPgConnection::try_from(connect_to_read(&self.url, PATIENCE).await?)
                .await
                .map_err(|error| TailError::Statement(error.to_string()))?,
        };
        match tokio::time::timeout(PATIENCE, work(&mut conn)).await {
            Ok(Ok(answer)) => {
                self.idle.lock().push(conn);
                Ok(answer)
            }
            Ok(Err(error)) => Err(TailError::Statement(error.to_string())),
            Err(_) => Err(TailError::Timeout),
        }
    }

    /// One that Postgres has not closed meanwhile.
    fn idle(&self) -> Option<AsyncPgConnection> {
        let mut idle = self.idle.lock();
        idle.retain_mut(|conn| !conn.is_broken());
        idle.pop()
    }
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").field("url", &self.url).finish()
    }
}

#[derive(QueryableByName)]
struct EpochRow {
    #[diesel(sql_type = Integer)]
    partition_id: PartitionId,
    #[diesel(sql_type = BigInt)]
    next_offset: i64,
    #[diesel(sql_type = BigInt)]
    resume_from: i64,
}

#[derive(QueryableByName)]
struct GapRow {
    #[diesel(sql_type = Integer)]
    partition_id: PartitionId,
    #[diesel(sql_type = BigInt)]
    from_offset: i64,
    #[diesel(sql_type = BigInt)]
    to_offset: i64,
}
