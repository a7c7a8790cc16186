//! The head of a write transaction: it begins, checks that our series ids still hold, and moves
//! each partition's next offset by compare-and-set.
//!
//! The result for each span of a part is: ours to commit, already committed by an earlier attempt, or
//! owned by another node. If a row has less than Postgres once confirmed, Postgres went back
//! (docs/adr/0031).

use std::cmp::Ordering;
use std::sync::Arc;

use futures_util::future::try_join_all;
use futures_util::try_join;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::data::{Batch, OffsetRange, PartitionId};
use crate::store::error::WriteError;
use crate::store::locks;
use crate::store::part::{Part, Span};

// A range without records says nothing of leader epochs: the last that is known stays.
const ADVANCE: &str = "update ingest_offsets set next_offset = $3,
        leader_epoch = coalesce($5, leader_epoch),
        leader_epoch_offset = coalesce($6, leader_epoch_offset)
    where partition_id = $1 and next_offset = $2 and owner_epoch = $4 and topic = $7 and partition = $8";

const LOOK: &str = "select next_offset, owner_epoch, topic, partition from ingest_offsets
    where partition_id = $1 for update";

const CHECK: &str = "select partition_id, next_offset, owner_epoch from ingest_offsets
    where partition_id = any($1)";

/// The statements, prepared once for each connection.
#[derive(Debug)]
pub(super) struct Offsets {
    lock: Statement,
    version: Statement,
    advance: Statement,
    look: Statement,
    check: Statement,
}

/// What became of the part's ranges at the compare-and-set.
#[derive(Debug)]
pub(super) struct Moved {
    /// By index into `raw.ranges`: what this transaction commits.
    pub live: Vec<Option<Span>>,
    /// An earlier attempt of ours committed them; its answer was lost.
    pub already: Vec<OffsetRange>,
    /// They have another owner.
    pub dropped: Vec<OffsetRange>,
}

impl Moved {
    /// True when this transaction commits the record.
    pub fn is_live(&self, batch: &Batch, record: u32) -> bool {
        let record = &batch.raw.records[record as usize];
        self.live[record.range as usize].is_some_and(|span| (span.from..span.to).contains(&record.offset))
    }

    pub fn ranges<'a>(&'a self, batch: &'a Batch) -> impl Iterator<Item = OffsetRange> + 'a {
        let live = batch.raw.ranges.iter().zip(&self.live);
        live.filter_map(|(range, span)| span.map(|span| between(range, span.from, span.to)))
    }
}

impl Offsets {
    pub async fn prepare(client: &Client) -> Result<Self, WriteError> {
        Ok(Self {
            lock: client.prepare("select pg_advisory_xact_lock_shared($1)").await?,
            version: client.prepare("select version from catalogue").await?,
            advance: client.prepare(ADVANCE).await?,
            look: client.prepare(LOOK).await?,
            check: client.prepare(CHECK).await?,
        })
    }

    /// Begins the transaction and moves the offsets, in one go over the wire. `None` when the
    /// catalogue has another version than ours: the ids are no longer valid. Partitions are locked in
    /// the order of their ids, so that no two writers deadlock.
    pub async fn begin(
        &self,
        client: &Client,
        batch: &Batch,
        part: &Part,
        version: i64,
    ) -> Result<Option<Moved>, WriteError> {
        let spans = part.spans.iter().enumerate();
        let mut order: Vec<(&OffsetRange, usize, Span)> = spans
            .filter_map(|(at, span)| span.map(|span| (&batch.raw.ranges[at], at, span)))
            .collect();
        order.sort_unstable_by_key(|(range, ..)| range.of.partition_id);
        let advance = order
            .iter()
            .map(|(range, _, span)| self.advance(client, range, *span));
        let (_, _, found, advanced) = try_join!(
            client.batch_execute("begin"),
            client.execute(&self.lock, &[&locks::CATALOGUE]),
            // A statement of its own: it must see what the lock's holder before us committed.
            client.query_one(&self.version, &[]),
            try_join_all(advance),
        )?;
        if found.get::<_, i64>(0) != version {
            return Ok(None);
        }
        let mut moved = Moved {
            live: vec![None; part.spans.len()],
            already: Vec::new(),
            dropped: Vec::new(),
        };
        for ((range, at, span), rows) in order.into_iter().zip(advanced) {
            if rows == 1 {
                moved.live[at] = Some(span);
            } else {
                moved.live[at] = self.not_moved(client, range, span, &mut moved).await?;
            }
        }
        Ok(Some(moved))
    }

    /// The compare-and-set: 1 when it was ours to move.
    async fn advance(
        &self,
        client: &Client,
        range: &OffsetRange,
        span: Span,
    ) -> Result<u64, tokio_postgres::Error> {
        let of = &range.of;
        // A part may end before the range's last record.
        let leader_epoch = range.leader_epoch.map(|at| (at.epoch, at.offset.min(span.to)));
        let (epoch, offset) = leader_epoch.unzip();
        // Ids may be reused in a restored backup, so the place is compared as well.
        let values: [&(dyn ToSql + Sync); 8] = [
            &of.partition_id,
            &span.from,
            &span.to,
            &of.owner_epoch,
            &epoch,
            &offset,
            &&*of.topic,
            &of.partition,
        ];
        client.execute(&self.advance, &values).await
    }

    /// The compare failed: an earlier attempt of ours committed the range, or the first part of it
    /// (it was split around bad records), or the partition has another owner. Returns what is left
    /// for this transaction.
    async fn not_moved(
        &self,
        client: &Client,
        range: &OffsetRange,
        span: Span,
        moved: &mut Moved,
    ) -> Result<Option<Span>, WriteError> {
        let of = &range.of;
        let Some(row) = client.query_opt(&self.look, &[&of.partition_id]).await? else {
            return Err(went_back(range, "its row is gone".to_owned()));
        };
        let (next, owner): (i64, i64) = (row.get(0), row.get(1));
        if row.get::<_, &str>(2) != &*of.topic || row.get::<_, i32>(3) != of.partition {
            return Err(went_back(range, "its row is of another partition".to_owned()));
        }
        match owner.cmp(&of.owner_epoch) {
            Ordering::Greater => {
                moved.dropped.push(between(range, span.from, span.to));
                Ok(None)
            }
            Ordering::Less => {
                let why = format!("it was claimed {} times and {owner} are known", of.owner_epoch);
                Err(went_back(range, why))
            }
            Ordering::Equal if next >= span.to => {
                moved.already.push(between(range, span.from, span.to));
                Ok(None)
            }
            Ordering::Equal if next > span.from => {
                self.advance(client, range, Span { from: next, ..span }).await?;
                moved.already.push(between(range, span.from, next));
                Ok(Some(Span { from: next, ..span }))
            }
            Ordering::Equal => {
                let why = format!("offsets up to {} were stored and {next} is the next", span.from);
                Err(went_back(range, why))
            }
        }
    }

    /// Whether the partitions are as this node knows them. Returns those that have another owner.
    pub async fn check(&self, client: &Client, held: &[Held]) -> Result<Vec<Held>, WriteError> {
        let ids: Vec<PartitionId> = held.iter().map(|held| held.partition_id).collect();
        let rows = client.query(&self.check, &[&ids]).await?;
        let mut lost = Vec::new();
        for one in held {
            let row = rows.iter().find(|row| row.get::<_, i32>(0) == one.partition_id);
            let found = row.map(|row| (row.get::<_, i64>(2), row.get::<_, i64>(1)));
            match found {
                Some((owner, _)) if owner > one.owner_epoch => lost.push(*one),
                Some(found) if found >= (one.owner_epoch, one.next_offset) => {}
                _ => {
                    return Err(WriteError::WentBack(format!(
                        "offsets of partition id {} were stored up to {}, and now it has {found:?}",
                        one.partition_id, one.next_offset
                    )));
                }
            }
        }
        Ok(lost)
    }
}

/// A partition as this node holds it: everything before `next_offset` was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub partition_id: PartitionId,
    pub owner_epoch: i64,
    pub next_offset: i64,
}

fn went_back(range: &OffsetRange, why: String) -> WriteError {
    WriteError::WentBack(format!("{}/{}: {why}", range.of.topic, range.of.partition))
}

fn between(range: &OffsetRange, from: i64, to: i64) -> OffsetRange {
    OffsetRange {
        of: Arc::clone(&range.of),
        from,
        to,
        leader_epoch: range.leader_epoch,
    }
}
