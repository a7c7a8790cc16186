//! `PipelineStatus.storage`: what is kept, what was given up, and who saw to it last.

use async_graphql::{Enum, SimpleObject};

use crate::data::Micros;
use crate::graphql::scalars::{DateTime, Long};
use crate::store::read::{ReadError, Reader};
use crate::telemetry::status::{Maintained, MaintenanceRun};

/// The tables of all nodes, from Postgres; `maintenance` is this node's.
#[derive(Clone, Debug, SimpleObject)]
pub struct Storage {
    /// Points and their rollups, finest first.
    pub levels: Vec<StorageLevel>,
    /// By stream, finest level first; a stream and level that is not listed has lost nothing.
    pub horizons: Vec<RetentionHorizon>,
    /// Rollups hold everything before it but for what is pending.
    pub rollup_edge: DateTime,
    /// Commits whose changes rollups have yet to take in.
    pub pending_invalidations: Long,
    /// The oldest time that rollups have yet to take in.
    pub oldest_pending: Option<DateTime>,
    pub archived_days: Long,
    /// Where the newest archived day begins.
    pub newest_archived_day: Option<DateTime>,
    /// This node's last run; null before the first.
    pub maintenance: Option<Maintenance>,
}

/// The table of points or of one of their rollups, in time partitions.
#[derive(Clone, Debug, SimpleObject)]
pub struct StorageLevel {
    /// `raw`, `1m`, `1h` or `1d`.
    pub level: &'static str,
    pub table: &'static str,
    pub partitions: Long,
    /// With indexes.
    pub bytes: Long,
    /// Where the first partition begins.
    pub oldest: Option<DateTime>,
    /// Where the last partition ends.
    pub newest: Option<DateTime>,
    /// From now to this moment no partition is missing; null when that of the present is.
    pub made_ahead_until: Option<DateTime>,
}

/// What is older than `floor` was given up by retention.
#[derive(Clone, Debug, SimpleObject)]
pub struct RetentionHorizon {
    pub stream: String,
    /// `raw`, `1m`, `1h` or `1d`.
    pub level: String,
    pub floor: DateTime,
}

/// Time partitions made ahead, and what is too old dropped: every ten minutes.
#[derive(Clone, Debug, SimpleObject)]
pub struct Maintenance {
    pub at: DateTime,
    pub outcome: MaintenanceOutcome,
    /// Why it failed; it is tried again.
    pub error: Option<String>,
    /// Time partitions that were dropped.
    pub dropped_partitions: Long,
    /// Rows that were deleted from partitions that stay.
    pub expired_rows: Long,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum MaintenanceOutcome {
    Done,
    /// Another node was at it.
    Elsewhere,
    Failed,
}

impl Storage {
    pub async fn read(reader: &Reader, last: Option<MaintenanceRun>) -> Result<Self, ReadError> {
        let levels = reader.levels(Micros::now()).await?.into_iter();
        let horizons = reader.horizons().await?.into_iter();
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
            pending_invalidations: Long(progress.pending),
            oldest_pending: progress.oldest_pending.map(DateTime),
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
