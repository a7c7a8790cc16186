//! `PipelineStatus.storage`: what is kept, what was dropped, and the last maintenance run.

use async_graphql::{Enum, SimpleObject};

use crate::data::{Micros, Streams};
use crate::graphql::scalars::{DateTime, Long};
use crate::store::read::{ReadError, Reader};
use crate::telemetry::status::{Maintained, MaintenanceRun};

/// The tables, shared by all nodes, as Postgres reports them; `maintenance` is of this node.
#[derive(Clone, Debug, SimpleObject)]
pub struct Storage {
    /// Points and their rollups, finest first.
    pub levels: Vec<StorageLevel>,
    /// By stream, finest level first. A stream and level that is not listed has lost nothing.
    pub horizons: Vec<RetentionHorizon>,
    /// Rollups are complete before this time, except for what is pending.
    pub rollup_edge: DateTime,
    /// Commits whose changes the rollups have not processed yet.
    pub pending_invalidations: Long,
    /// The oldest time whose changes the rollups have not processed yet.
    pub oldest_pending: Option<DateTime>,
    pub archived_days: Long,
    /// The start of the newest archived day.
    pub newest_archived_day: Option<DateTime>,
    /// This node's last run; null before the first.
    pub maintenance: Option<Maintenance>,
}

/// The time-partitioned table of points or of one rollup.
#[derive(Clone, Debug, SimpleObject)]
pub struct StorageLevel {
    /// `raw`, `1m`, `1h` or `1d`.
    pub level: &'static str,
    pub table: &'static str,
    pub partitions: Long,
    /// Including indexes.
    pub bytes: Long,
    /// The start of the first partition.
    pub oldest: Option<DateTime>,
    /// The end of the last partition.
    pub newest: Option<DateTime>,
    /// Partitions exist from now to this time; null if the current one is missing.
    pub made_ahead_until: Option<DateTime>,
}

/// Retention has dropped everything older than `floor`.
#[derive(Clone, Debug, SimpleObject)]
pub struct RetentionHorizon {
    pub stream: String,
    /// `raw`, `1m`, `1h` or `1d`.
    pub level: String,
    pub floor: DateTime,
}

/// A maintenance run: creates time partitions in advance and drops expired data, every ten minutes.
#[derive(Clone, Debug, SimpleObject)]
pub struct Maintenance {
    pub at: DateTime,
    pub outcome: MaintenanceOutcome,
    /// Why it failed; it is retried.
    pub error: Option<String>,
    /// Time partitions that were dropped.
    pub dropped_partitions: Long,
    /// Rows that were deleted from partitions that stay.
    pub expired_rows: Long,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum MaintenanceOutcome {
    Done,
    /// Another node was running it.
    Elsewhere,
    Failed,
}

impl Storage {
    pub async fn read(
        reader: &Reader,
        of: &Streams,
        last: Option<MaintenanceRun>,
    ) -> Result<Self, ReadError> {
        let levels = match of.are_all() {
            true => reader.levels(Micros::now()).await?,
            false => Vec::new(),
        };
        let levels = levels.into_iter();
        let horizons = reader.horizons(of).await?.into_iter();
        let progress = reader.progress().await?;
        Ok(Self {
            levels: levels
                .map(|one| StorageLevel {
                    level: one.level.name(),
                    table: one.level.table(),
                    partitions: Long(one.partitions.cast_signed()),
                    bytes: Long(one.bytes),
                    oldest: one.since.map(DateTime),
                    newest: one.until.map(DateTime),
                    made_ahead_until: one.ahead_until.map(DateTime),
                })
                .collect(),
            horizons: horizons
                .map(|one| RetentionHorizon {
                    stream: one.stream,
                    level: one.level,
                    floor: DateTime(one.floor),
                })
                .collect(),
            rollup_edge: DateTime(progress.edge),
            pending_invalidations: Long(if of.are_all() { progress.pending } else { 0 }),
            oldest_pending: progress.oldest_pending.filter(|_| of.are_all()).map(DateTime),
            archived_days: Long(progress.archived_days),
            newest_archived_day: progress.newest_archived.map(DateTime),
            maintenance: last.map(Maintenance::from),
        })
    }
}

impl From<MaintenanceRun> for Maintenance {
    fn from(run: MaintenanceRun) -> Self {
        let (outcome, error, (partitions, rows)) = match run.outcome {
            Maintained::Done { partitions, rows } => (MaintenanceOutcome::Done, None, (partitions, rows)),
            Maintained::Elsewhere => (MaintenanceOutcome::Elsewhere, None, (0, 0)),
            Maintained::Failed(why) => (MaintenanceOutcome::Failed, Some(why), (0, 0)),
        };
        Self {
            at: DateTime(run.at),
            outcome,
            error,
            dropped_partitions: Long(partitions.cast_signed()),
            expired_rows: Long(rows.cast_signed()),
        }
    }
}
