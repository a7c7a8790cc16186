//! What is kept and what was given up: the time partitions of each level, the horizons of the
//! streams, how far rollups and the archive have come.

use diesel::QueryableByName;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};

use super::rows::from_pg;
use super::{ReadError, Reader};
use crate::data::{Class, Micros};
use crate::store::level::Level;
use crate::store::partitions::BOUNDS;

const HORIZONS: &str = "select stream, level, floor from horizons
    order by stream, array_position(array['raw', '1m', '1h', '1d'], level)";

const PROGRESS: &str = "select r.edge, i.pending, i.oldest, a.days, a.newest
    from rollup_edge r
    cross join (select count(*) as pending, min(min_ts) as oldest from invalidations) i
    cross join (select count(*) as days, max(day)::timestamp at time zone 'UTC' as newest from archives) a";

/// The time partitions of points or of one of their rollups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelStorage {
    pub level: Level,
    pub partitions: u64,
    /// Including indexes.
    pub bytes: i64,
    /// What the first and the last partition reach from and to; `None` without partitions.
    pub since: Option<Micros>,
    pub until: Option<Micros>,
    /// No partition is missing from the present to this moment; `None` where that of the present is.
    pub ahead_until: Option<Micros>,
}

/// What is older than `floor` was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHorizon {
    pub stream: String,
    pub level: String,
    pub floor: Micros,
}

/// How far rollups and the archive have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rollups are complete before this time, except for what is pending.
    pub edge: Micros,
    pub pending: i64,
    pub oldest_pending: Option<Micros>,
    pub archived_days: i64,
    /// The start of the newest archived day.
    pub newest_archived: Option<Micros>,
}

#[derive(QueryableByName)]
struct PartitionRow {
    #[diesel(sql_type = Text)]
    parent: String,
    #[diesel(sql_type = Timestamptz)]
    since: PgTimestamp,
    #[diesel(sql_type = Timestamptz)]
    until: PgTimestamp,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

#[derive(QueryableByName)]
struct HorizonRow {
    #[diesel(sql_type = Text)]
    stream: String,
    #[diesel(sql_type = Text)]
    level: String,
    #[diesel(sql_type = Timestamptz)]
    floor: PgTimestamp,
}

#[derive(QueryableByName)]
struct ProgressRow {
    #[diesel(sql_type = Timestamptz)]
    edge: PgTimestamp,
    #[diesel(sql_type = BigInt)]
    pending: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    oldest: Option<PgTimestamp>,
    #[diesel(sql_type = BigInt)]
    days: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    newest: Option<PgTimestamp>,
}

impl Reader {
    /// One for each level, finest first.
    pub async fn levels(&self, now: Micros) -> Result<Vec<LevelStorage>, ReadError> {
        // A partition that is dropped meanwhile has no size any more.
        let query = diesel::sql_query(format!(
            "select parent, since, until, coalesce(pg_total_relation_size(oid), 0) as bytes from ({BOUNDS}) b"
        ))
        .bind::<Array<Text>, _>(Level::ALL.map(Level::table).to_vec());
        let rows: Vec<PartitionRow> = self.load_as(Class::Heavy, query).await?;
        Ok(Level::ALL
            .into_iter()
            .map(|level| {
                let of = rows.iter().filter(|row| row.parent == level.table());
                level_storage(level, of, now)
            })
            .collect())
    }

    /// By stream, finest level first.
    pub async fn horizons(&self) -> Result<Vec<StreamHorizon>, ReadError> {
        let rows: Vec<HorizonRow> = self.load(diesel::sql_query(HORIZONS)).await?;
        let horizon = |row: HorizonRow| StreamHorizon {
            stream: row.stream,
            level: row.level,
            floor: from_pg(row.floor),
        };
        Ok(rows.into_iter().map(horizon).collect())
    }

    pub async fn progress(&self) -> Result<Progress, ReadError> {
        let rows: Vec<ProgressRow> = self.load(diesel::sql_query(PROGRESS)).await?;
        let progress = |row: ProgressRow| Progress {
            edge: from_pg(row.edge),
            pending: row.pending,
            oldest_pending: row.oldest.map(from_pg),
            archived_days: row.days,
            newest_archived: row.newest.map(from_pg),
        };
        let missing = || ReadError::Other("the rollups have no edge".to_owned());
        rows.into_iter().next().map(progress).ok_or_else(missing)
    }
}

/// Of partitions in their order.
fn level_storage<'a>(
    level: Level,
    partitions: impl Iterator<Item = &'a PartitionRow>,
    now: Micros,
) -> LevelStorage {
    let mut storage = LevelStorage {
        level,
        partitions: 0,
        bytes: 0,
        since: None,
        until: None,
        ahead_until: None,
    };
    for row in partitions {
        let (since, until) = (from_pg(row.since), from_pg(row.until));
        storage.partitions += 1;
        storage.bytes = storage.bytes.saturating_add(row.bytes);
        storage.since = storage.since.or(Some(since));
        storage.until = Some(until);
        let covers = (since..until).contains(&storage.ahead_until.unwrap_or(now));
        if covers {
            storage.ahead_until = Some(until);
        }
    }
    storage
}
