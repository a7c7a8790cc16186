//! The writer: stores a batch in one transaction and returns what was committed.
//!
//! Points, dead letters, commits and the next offset of each partition are atomic. The connection
//! is used by this writer only and is dropped after any error, so that no later write meets a
//! half-done transaction.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join;
use futures_util::try_join;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use crate::data::{Batch, Reason, Rejected};
use crate::telemetry::Metrics;

use super::catalogue::{Catalogue, Known};
use super::connect::{DatabaseUrl, connect};
use super::error::WriteError;
use super::level::Level;
use super::pace::Pace;
use super::part::{Part, Rejects};
use super::partitions::{Far, Partitions};
use super::rows::{Row, rows};
use super::upsert::{Upsert, Won};
use super::{copy, dead_letters, locks};

mod commits;
mod invalidations;
mod offsets;
#[cfg(test)]
mod tests;
mod written;

pub use super::dead_letters::DeadLetterQuota;
pub use offsets::Held;
use offsets::Offsets;
pub use written::{DeadRecord, Written};

#[derive(Clone, Debug)]
pub struct WriterConfig {
    /// Postgres' `synchronous_commit` for this writer.
    pub synchronous_commit: bool,
    /// Days in a time partition of `points`.
    pub partition_days: u32,
    /// So many longer partitions may exist for times far from the present.
    pub far_partitions: usize,
    /// The most series each stream may bring; a stream that is not listed has no limit.
    pub max_series: HashMap<Arc<str>, u64>,
    /// How much of dead letters is kept.
    pub dead_letters: DeadLetterQuota,
    /// Shared with the watcher of the writer.
    pub pace: Arc<Pace>,
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self {
            synchronous_commit: true,
            partition_days: Level::Raw.partition_days(),
            far_partitions: 300,
            max_series: HashMap::new(),
            dead_letters: DeadLetterQuota::default(),
            pace: Arc::default(),
        }
    }
}

#[derive(Debug)]
pub struct Writer {
    client: Client,
    catalogue: Catalogue,
    partitions: Partitions,
    offsets: Offsets,
    commits: Statement,
    invalidations: Statement,
    upsert: Upsert,
    copy: Statement,
    dead_letters: DeadLetterQuota,
    far_partitions: usize,
    pace: Arc<Pace>,
    metrics: Arc<Metrics>,
}

/// The result of a transaction besides its error: the ids are invalid, start again.
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
        // A suspended writer must not keep its partitions' rows locked for the next owner, and one
        // whose statement hangs tries again before the watchdog ends the generation. Each statement
        // must see what was committed before it, whatever the server's default is.
        client
            .batch_execute(&format!(
                "set synchronous_commit = {commit};
                 set idle_in_transaction_session_timeout = '30s';
                 set statement_timeout = '90s';
                 set lock_timeout = '30s';
                 set default_transaction_isolation = 'read committed'"
            ))
            .await?;
        // As the ledger: a rewind sees that a node runs, also while this one waits for partitions.
        client
            .execute("select pg_advisory_lock_shared($1)", &[&locks::RUNNING])
            .await?;
        let far = Far::new(Level::Raw.far_days(), config.far_partitions);
        let partitions = Partitions::of(&client, Level::Raw.table(), config.partition_days).await?;
        Ok(Self {
            catalogue: Catalogue::load(&client, config.max_series).await?,
            partitions: partitions.with_far(far),
            offsets: Offsets::prepare(&client).await?,
            commits: client.prepare(commits::INSERT).await?,
            invalidations: client.prepare(invalidations::INSERT).await?,
            upsert: Upsert::prepare(&client).await?,
            copy: client.prepare(copy::POINTS).await?,
            dead_letters: config.dead_letters,
            far_partitions: config.far_partitions,
            pace: config.pace,
            client,
            metrics,
        })
    }

    /// Whether Postgres still has what it confirmed. Returns the partitions that have another owner.
    pub async fn check(&self, held: &[Held]) -> Result<Vec<Held>, WriteError> {
        self.offsets.check(&self.client, held).await
    }

    /// Stores the batch. After an error it is returned unchanged: reconnect and write it again. The
    /// next attempt finds out what was committed before the error.
    ///
    /// A future that is dropped before its end leaves the connection inside a transaction: drop
    /// the writer with it.
    pub async fn write(&mut self, batch: Batch) -> Result<Written, (Batch, WriteError)> {
        match self.parts(&batch).await {
            Ok(written) => {
                self.pace.faster();
                Ok(written)
            }
            Err(error) => {
                if matches!(error, WriteError::TooSlow(_)) {
                    self.pace.slower();
                }
                Err((batch, error))
            }
        }
    }

    /// Writes the whole batch in one transaction, or in several where one was too much before. Where
    /// Postgres refuses data, it writes halves, until the bad record is alone and becomes a dead letter.
    async fn parts(&mut self, batch: &Batch) -> Result<Written, WriteError> {
        let mut rejects: Rejects = batch
            .rejected
            .iter()
            .map(|one| (one.record, one.clone()))
            .collect();
        let mut written = Written::default();
        let mut todo = vec![Part::whole(batch)];
        while let Some(part) = todo.pop() {
            self.pace.step();
            if part.records.len() > self.pace.most()
                && let Some((first, second)) = part.halves(batch)
            {
                todo.extend([second, first]);
                continue;
            }
            let why = match self.part(batch, &part, &mut rejects, &mut written).await {
                Ok(Outcome::Done) => continue,
                Ok(Outcome::CatalogueChanged) => {
                    self.client.batch_execute("rollback").await?;
                    self.catalogue.reload(&self.client).await?;
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
                    if part.records.is_empty() || rejects.insert(record, refused(record, &why)).is_some() {
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
        let points = part.points(batch);
        let accepted = points.iter().filter(|point| !rejects.contains_key(&point.record));
        let times = accepted.map(|point| (point.record, point.ts));
        let stream = |record: u32| &*batch.raw.range(&batch.raw.records[record as usize]).of.stream;
        let refused = self
            .partitions
            .ensure(&self.client, times, stream, &self.pace)
            .await?;
        // Before the series: a record that is refused here creates none.
        rejects.extend(refused.into_iter().map(|record| {
            let why = too_many_partitions(record, self.far_partitions);
            (record, why)
        }));
        let known = self
            .catalogue
            .resolve(&self.client, batch, points, rejects, &self.pace)
            .await?;

        let version = self.catalogue.version;
        let Some(moved) = self.offsets.begin(&self.client, batch, part, version).await? else {
            return Ok(Outcome::CatalogueChanged);
        };
        self.pace.step();
        // Only a series that was deleted just now has no id, and then the version has changed.
        let id = |series: u32| known[series as usize].map_or(0, |known| known.id);
        let (rows, seen) = rows(batch, part, rejects, &moved.live, id);
        let won = self.store(batch, &rows, &known).await?;
        self.pace.step();

        let records = part.records.start as u32..part.records.end as u32;
        let rejected: Vec<&Rejected> = rejects
            .range(records.clone())
            .map(|(_, one)| one)
            .filter(|one| moved.is_live(batch, one.record))
            .collect();
        let left_out = dead_letters::write(&self.client, batch, &rejected, &self.dead_letters).await?;
        self.pace.step();
        let redriven = records
            .filter(|record| moved.is_live(batch, *record) && !rejects.contains_key(record))
            .map(|record| &batch.raw.records[record as usize])
            .filter(|record| batch.raw.range(record).of.redrive);
        dead_letters::resolve(&self.client, batch, redriven).await?;
        try_join!(
            commits::write(&self.client, &self.commits, batch, &moved.live, &rows, &won),
            invalidations::write(&self.client, &self.invalidations, &rows, &won),
        )?;

        fail::fail_point!("before-commit", |_| std::process::abort());
        self.client.batch_execute("commit").await?;
        fail::fail_point!("after-commit", |_| std::process::abort());

        self.catalogue.stored(batch, &rows);
        self.metrics.dead_letters_cut.inc_by(left_out);
        written::count(&self.metrics, batch, &seen, &rows, &won);
        written::time(&self.metrics, batch, part, &moved);
        self.metrics.dropped_shares.inc_by(moved.dropped.len() as u64);
        written.add(batch, moved, &rows, &won, &rejected);
        Ok(Outcome::Done)
    }

    /// Copies rows that are newer than all that is stored of their series, and upserts the others. If
    /// one of the new rows is there already, all are upserted.
    async fn store(
        &mut self,
        batch: &Batch,
        rows: &[Row],
        known: &[Option<Known>],
    ) -> Result<Vec<Won>, WriteError> {
        let newest = |row: &Row| known[row.series as usize].and_then(|known| known.newest);
        let is_fresh = |row: &Row| !row.redrive && newest(row).is_none_or(|newest| row.ts > newest);
        let (fresh, late): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|at| is_fresh(&rows[*at]));
        if fresh.is_empty() {
            return self.upsert.run(&self.client, rows).await;
        }
        let buffer = copy::points(fresh.iter().map(|at| &rows[*at]));
        let (savepoint, copied) = join(
            self.client.batch_execute("savepoint fresh"),
            copy::send(&self.client, &self.copy, buffer),
        )
        .await;
        savepoint?;
        match copied {
            Ok(_) => {}
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                self.client.batch_execute("rollback to savepoint fresh").await?;
                self.metrics.copy_fallbacks.inc();
                let won = self.upsert.run(&self.client, rows).await?;
                // Another writer was first. Without this look each later batch would fail to copy, too.
                self.catalogue.look_again(&self.client, batch, rows).await?;
                return Ok(won);
            }
            Err(error) => return Err(error.into()),
        }
        self.pace.step();
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
}

fn too_many_partitions(record: u32, most: usize) -> Rejected {
    Rejected {
        record,
        reason: Reason::TooManyPartitions,
        detail: format!(
            "a point far from the present would need one more time partition than the {most} that may exist, or \
             than the half of them that its stream may open; raise pipeline.max_far_partitions to allow it"
        ),
        element: None,
    }
}

fn refused(record: u32, why: &str) -> Rejected {
    Rejected {
        record,
        reason: Reason::RejectedByStore,
        detail: why.chars().take(300).collect(),
        element: None,
    }
}
