//! The writer: a batch in, one transaction, what is history now out.
//!
//! Points, dead letters, commits and the next offset of each partition stand or fall together. The
//! connection is this writer's alone and is thrown away after any error, so that no later write
//! meets a half-done transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::{join_all, try_join_all};
use futures_util::try_join;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use crate::data::stored::Range;
use crate::data::{Batch, Reason, Rejected, SeriesId, Share, Stored, StoredPoint, StoredSeries};
use crate::telemetry::Metrics;

use super::catalogue::{Catalogue, Known};
use super::connect::{DatabaseUrl, connect};
use super::error::WriteError;
use super::part::{Part, Rejects, Span};
use super::partitions::Partitions;
use super::rows::{Row, rows};
use super::timestamp::Timestamp;
use super::upsert::{Upsert, Won};
use super::{copy, letters, locks};

#[derive(Clone, Debug)]
pub struct WriterConfig {
    /// Postgres' `synchronous_commit` for this writer.
    pub synchronous_commit: bool,
    /// Days in a time partition of `points`.
    pub partition_days: u32,
    /// The most series each stream may bring; a stream that is not listed has no limit.
    pub max_series: HashMap<Arc<str>, u64>,
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self {
            synchronous_commit: true,
            partition_days: 1,
            max_series: HashMap::new(),
        }
    }
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Written {
    /// For the hub and the cache: the points that won.
    pub stored: Stored,
    /// Ranges whose offsets moved now.
    pub committed: Vec<Share>,
    /// Ranges that an earlier attempt of ours had committed, its answer lost; not in `stored`.
    pub already: Vec<Share>,
    /// Ranges that belong to another owner by now; somebody else reads them again.
    pub dropped: Vec<Share>,
    /// One for each record that became a dead letter.
    pub dead_letters: Vec<(Arc<str>, Reason)>,
}

#[derive(Debug)]
pub struct Writer {
    client: Client,
    catalogue: Catalogue,
    partitions: Partitions,
    upsert: Upsert,
    copy: Statement,
    advance: Statement,
    commit_row: Statement,
    metrics: Arc<Metrics>,
}

const ADVANCE: &str = "update ingest_offsets set next_offset = $3
    where partition_id = $1 and next_offset = $2 and owner_epoch = $4";

const COMMIT_ROW: &str = "insert into commits
    (partition_id, from_offset, to_offset, min_ts, max_ts, points, series_ids)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// What a transaction has to say beside its error: the ids are worthless, begin again.
enum Outcome {
    Done,
    CatalogueChanged,
}

impl Writer {
    pub async fn connect(
        url: &DatabaseUrl,
        config: WriterConfig,
        metrics: Arc<Metrics>,
    ) -> Result<Self, WriteError> {
        let client = connect(url).await?;
        let commit = if config.synchronous_commit { "on" } else { "off" };
        client
            .batch_execute(&format!("set synchronous_commit = {commit}"))
            .await?;
        // As the ledger: a rewind sees that a node runs, also while this one waits for partitions.
        client
            .execute("select pg_advisory_lock_shared($1)", &[&locks::RUNNING])
            .await?;
        Ok(Self {
            catalogue: Catalogue::load(&client, config.max_series).await?,
            partitions: Partitions::load(&client, config.partition_days).await?,
            upsert: Upsert::prepare(&client).await?,
            copy: client.prepare(copy::POINTS).await?,
            advance: client.prepare(ADVANCE).await?,
            commit_row: client.prepare(COMMIT_ROW).await?,
            client,
            metrics,
        })
    }

    /// Stores the batch. After an error it comes back untouched: connect anew and write it again;
    /// what was committed before the error is found out then.
    pub async fn write(&mut self, batch: Batch) -> Result<Written, (Batch, WriteError)> {
        match self.parts(&batch).await {
            Ok(written) => Ok(written),
            Err(error) => Err((batch, error)),
        }
    }

    /// The whole batch in one transaction; where Postgres refuses its data, halves of it, until the
    /// bad record stands alone and becomes a dead letter.
    async fn parts(&mut self, batch: &Batch) -> Result<Written, WriteError> {
        let mut rejects: Rejects = batch
            .rejected
            .iter()
            .map(|one| (one.record, one.clone()))
            .collect();
        let mut written = Written::default();
        let mut todo = vec![Part::whole(batch)];
        while let Some(part) = todo.pop() {
            let why = match self.part(batch, &part, &mut rejects, &mut written).await {
                Ok(Outcome::Done) => continue,
                Ok(Outcome::CatalogueChanged) => {
                    self.client.batch_execute("rollback").await?;
                    self.catalogue.forget(&self.client).await?;
                    todo.push(part);
                    continue;
                }
                Err(WriteError::Poisoned(why)) => why,
                Err(error) => return Err(error),
            };
            self.client.batch_execute("rollback").await?;
            // A time partition that was dropped meanwhile looks like refused data.
            if self.partitions.reload(&self.client).await? {
                todo.push(part);
                continue;
            }
            match part.halves(batch) {
                Some((first, second)) => todo.extend([second, first]),
                None => {
                    let record = part.records.start as u32;
                    if rejects.insert(record, refused(record, why.clone())).is_some() {
                        return Err(WriteError::Fatal(why));
                    }
                    todo.push(part);
                }
            }
        }
        Ok(written)
    }

    async fn part(
        &mut self,
        batch: &Batch,
        part: &Part,
        rejects: &mut Rejects,
        written: &mut Written,
    ) -> Result<Outcome, WriteError> {
        let known = self.catalogue.resolve(&self.client, batch, rejects).await?;
        let times = part
            .points(batch)
            .iter()
            .filter(|point| !rejects.contains_key(&point.record));
        self.partitions
            .ensure(&self.client, times.map(|point| point.ts))
            .await?;

        let Some(moved) = self.begin(batch, part).await? else {
            return Ok(Outcome::CatalogueChanged);
        };
        let id = |series: u32| known[series as usize].map_or(0, |known| known.id);
        let (rows, seen) = rows(batch, part, rejects, &moved.live, id);
        let won = self.store(&rows, &known).await?;

        let in_part = |record: &u32| part.records.contains(&(*record as usize));
        let is_live = |record: u32| {
            let record = &batch.raw.records[record as usize];
            moved.live[record.share as usize]
                .is_some_and(|span| (span.from..span.to).contains(&record.offset))
        };
        let rejected: Vec<&Rejected> = rejects
            .values()
            .filter(|one| in_part(&one.record) && is_live(one.record))
            .collect();
        letters::write(&self.client, batch, &rejected).await?;
        let redriven = (part.records.start as u32..part.records.end as u32)
            .filter(|record| is_live(*record) && !rejects.contains_key(record))
            .map(|record| &batch.raw.records[record as usize])
            .filter(|record| batch.raw.share(record).of.redrive);
        letters::resolve(&self.client, redriven).await?;
        self.commit_rows(batch, &moved.live, &rows, &won).await?;

        fail::fail_point!("before-commit", |_| std::process::abort());
        self.client.batch_execute("commit").await?;
        fail::fail_point!("after-commit", |_| std::process::abort());

        self.count(batch, &seen, &rows, &won);
        for row in &rows {
            self.catalogue
                .stored(&batch.series[row.series as usize].key, row.ts);
        }
        let letter = |one: &&Rejected| {
            let record = &batch.raw.records[one.record as usize];
            (Arc::clone(&batch.raw.share(record).of.stream), one.reason)
        };
        written.dead_letters.extend(rejected.iter().map(letter));
        publish(batch, &moved.live, &rows, &won, &mut written.stored);
        written.committed.extend(shares(batch, &moved.live));
        written.already.extend(moved.already);
        written.dropped.extend(moved.dropped);
        Ok(Outcome::Done)
    }

    /// Begins the transaction and moves the offsets, pipelined; `None` if the ids are worthless.
    async fn begin(&self, batch: &Batch, part: &Part) -> Result<Option<Moved>, WriteError> {
        let client = &self.client;
        let mut order: Vec<usize> = (0..part.spans.len())
            .filter(|at| part.spans[*at].is_some())
            .collect();
        order.sort_unstable_by_key(|at| batch.raw.shares[*at].of.partition_id);
        let advance = order.iter().filter_map(|at| {
            let of = &batch.raw.shares[*at].of;
            part.spans[*at].map(|span| async move {
                let Span { from, to } = span;
                client
                    .execute(&self.advance, &[&of.partition_id, &from, &to, &of.owner_epoch])
                    .await
            })
        });
        let (_, _, version, advanced) = try_join!(
            client.batch_execute("begin"),
            client.execute("select pg_advisory_xact_lock_shared($1)", &[&locks::CATALOGUE]),
            // A statement of its own: it must see what the lock's holder before us committed.
            client.query_one("select version from catalogue", &[]),
            try_join_all(advance),
        )?;
        if version.get::<_, i64>(0) != self.catalogue.version {
            return Ok(None);
        }
        let mut moved = Moved {
            live: vec![None; part.spans.len()],
            already: Vec::new(),
            dropped: Vec::new(),
        };
        for (at, rows) in order.into_iter().zip(advanced) {
            match part.spans[at] {
                Some(span) if rows == 1 => moved.live[at] = Some(span),
                Some(span) => {
                    self.not_moved(&batch.raw.shares[at], at, span, &mut moved)
                        .await?
                }
                None => {}
            }
        }
        Ok(Some(moved))
    }

    /// The compare failed: an earlier attempt of ours committed the range, or part of it, or the
    /// partition has another owner.
    async fn not_moved(
        &self,
        share: &Share,
        at: usize,
        span: Span,
        moved: &mut Moved,
    ) -> Result<(), WriteError> {
        let of = &share.of;
        let look =
            "select next_offset from ingest_offsets where partition_id = $1 and owner_epoch = $2 for update";
        let row = self
            .client
            .query_opt(look, &[&of.partition_id, &of.owner_epoch])
            .await?;
        let range = |from, to| Share {
            of: Arc::clone(of),
            from,
            to,
        };
        match row.map(|row| row.get::<_, i64>(0)) {
            Some(next) if next >= span.to => moved.already.push(range(span.from, span.to)),
            Some(next) if next > span.from => {
                self.client
                    .execute(
                        &self.advance,
                        &[&of.partition_id, &next, &span.to, &of.owner_epoch],
                    )
                    .await?;
                moved.already.push(range(span.from, next));
                moved.live[at] = Some(Span {
                    from: next,
                    to: span.to,
                });
            }
            _ => {
                self.metrics.dropped_shares.inc();
                moved.dropped.push(range(span.from, span.to));
            }
        }
        Ok(())
    }

    /// Copies rows newer than anything stored of their series straight in, and sends the others
    /// through the upsert. A row that was there after all sends everything that way.
    async fn store(&self, rows: &[Row], known: &[Option<Known>]) -> Result<Vec<Won>, WriteError> {
        let newest = |row: &Row| known[row.series as usize].and_then(|known| known.newest);
        let is_fresh = |row: &Row| !row.redrive && newest(row).is_none_or(|newest| row.ts > newest);
        let (fresh, late): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|at| is_fresh(&rows[*at]));
        if fresh.is_empty() {
            return self.upsert.run(&self.client, rows).await;
        }
        let buffer = copy::points(fresh.iter().map(|at| &rows[*at]));
        self.client.batch_execute("savepoint fresh").await?;
        match copy::send(&self.client, &self.copy, buffer).await {
            Ok(_) => {}
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                self.client.batch_execute("rollback to savepoint fresh").await?;
                self.metrics.copy_fallbacks.inc();
                return self.upsert.run(&self.client, rows).await;
            }
            Err(error) => return Err(error.into()),
        }
        let late_rows: Vec<Row> = late.iter().map(|at| rows[*at]).collect();
        let won_late = self.upsert.run(&self.client, &late_rows).await?;
        let late = won_late.into_iter().map(|won| Won {
            row: late[won.row],
            ..won
        });
        Ok(fresh
            .into_iter()
            .map(|row| Won { row, replaced: false })
            .chain(late)
            .collect())
    }

    async fn commit_rows(
        &self,
        batch: &Batch,
        live: &[Option<Span>],
        rows: &[Row],
        won: &[Won],
    ) -> Result<(), WriteError> {
        let mut inserts = Vec::new();
        for (at, span) in live.iter().enumerate() {
            let Some(Span { from, to }) = *span else {
                continue;
            };
            let mine: Vec<&Row> = won
                .iter()
                .map(|won| &rows[won.row])
                .filter(|row| row.share as usize == at)
                .collect();
            let oldest = mine.iter().map(|row| Timestamp(row.ts)).min();
            let newest = mine.iter().map(|row| Timestamp(row.ts)).max();
            let points = i32::try_from(mine.len()).unwrap_or(i32::MAX);
            let mut series: Vec<SeriesId> = mine.iter().map(|row| row.series_id).collect();
            series.sort_unstable();
            series.dedup();
            let id = batch.raw.shares[at].of.partition_id;
            inserts.push(async move {
                let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
                    [&id, &from, &to, &oldest, &newest, &points, &series];
                self.client.execute(&self.commit_row, &values).await
            });
        }
        join_all(inserts)
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }

    fn count(&self, batch: &Batch, seen: &[u64], rows: &[Row], won: &[Won]) {
        let mut counts = vec![[0_u64; 2]; seen.len()];
        for won in won {
            counts[rows[won.row].share as usize][usize::from(won.replaced)] += 1;
        }
        for (share, (seen, [stored, replaced])) in batch.raw.shares.iter().zip(seen.iter().zip(counts)) {
            let lost = seen - stored - replaced;
            for (outcome, n) in [("stored", stored), ("replaced", replaced), ("lost", lost)] {
                let labels = [("stream", &*share.of.stream), ("outcome", outcome)];
                self.metrics.add(&self.metrics.points, &labels, n);
            }
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_millis());
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        self.metrics
            .last_commit_millis
            .store(now, std::sync::atomic::Ordering::Relaxed);
    }
}

/// What became of the part's ranges at the compare-and-set.
struct Moved {
    /// By index into `raw.shares`: what this transaction commits.
    live: Vec<Option<Span>>,
    already: Vec<Share>,
    dropped: Vec<Share>,
}

fn shares<'a>(batch: &'a Batch, live: &'a [Option<Span>]) -> impl Iterator<Item = Share> + 'a {
    batch.raw.shares.iter().zip(live).filter_map(|(share, span)| {
        span.map(|span| Share {
            of: Arc::clone(&share.of),
            from: span.from,
            to: span.to,
        })
    })
}

fn publish(batch: &Batch, live: &[Option<Span>], rows: &[Row], won: &[Won], stored: &mut Stored) {
    stored.ranges.extend(shares(batch, live).map(|share| Range {
        partition_id: share.of.partition_id,
        from: share.from,
        to: share.to,
    }));
    let mut won: Vec<usize> = won.iter().map(|won| won.row).collect();
    won.sort_unstable();
    for row in won.into_iter().map(|at| &rows[at]) {
        // Rows are ordered by series.
        if stored.series.last().is_none_or(|last| last.id != row.series_id) {
            stored.series.push(StoredSeries {
                id: row.series_id,
                series: Arc::clone(&batch.series[row.series as usize]),
            });
        }
        stored.points.push(StoredPoint {
            series: (stored.series.len() - 1) as u32,
            ts: row.ts,
            value: row.value,
            partition_id: row.partition_id,
            offset: row.offset,
        });
    }
}

fn refused(record: u32, why: String) -> Rejected {
    Rejected {
        record,
        reason: Reason::RejectedByStore,
        detail: why.chars().take(300).collect(),
        element: None,
    }
}
