//! What is stored: the time partitions of each level, the horizons of retention, and the progress of
//! rollups and archive.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};

use super::{ReadError, Reader};
use crate::data::{Class, Micros, Streams};
use crate::store::level::Level;
use crate::store::partitions::BOUNDS;

const HORIZONS: &str = "select stream, level, floor from horizons
    where $1 is null or stream = any($1)
    order by stream, array_position(array['raw', '1m', '1h', '1d'], level)";

const PROGRESS: &str = "select r.edge, i.pending, i.oldest_pending, a.archived_days, a.newest_archived
    from rollup_edge r
    cross join (select count(*) as pending, min(min_ts) as oldest_pending from invalidations) i
    cross join (select count(*) as archived_days, max(day)::timestamp at time zone 'UTC' as newest_archived
        from archives) a";

/// The time partitions of points or of one of their rollups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelStorage {
    pub level: Level,
    pub partitions: u64,
    /// Including indexes.
    pub bytes: i64,
    /// The start of the first partition and the end of the last; `None` without partitions.
    pub since: Option<Micros>,
    pub until: Option<Micros>,
    /// Partitions exist without a gap from now to this time; `None` where that of now is missing.
    pub ahead_until: Option<Micros>,
}

/// Retention has dropped what is older than `floor`.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct StreamHorizon {
    #[diesel(sql_type = Text)]
    pub stream: String,
    #[diesel(sql_type = Text)]
    pub level: String,
    #[diesel(sql_type = Timestamptz)]
    pub floor: Micros,
}

/// The progress of rollups and archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct Progress {
    /// Rollups are complete before this time, except for the pending changes.
    #[diesel(sql_type = Timestamptz)]
    pub edge: Micros,
    #[diesel(sql_type = BigInt)]
    pub pending: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest_pending: Option<Micros>,
    #[diesel(sql_type = BigInt)]
    pub archived_days: i64,
    /// The start of the newest archived day.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub newest_archived: Option<Micros>,
}

#[derive(QueryableByName)]
struct PartitionRow {
    #[diesel(sql_type = Text)]
    parent: String,
    #[diesel(sql_type = Timestamptz)]
    since: Micros,
    #[diesel(sql_type = Timestamptz)]
    until: Micros,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
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

    /// By stream, finest level first. `of`: the streams that the viewer may know of.
    pub async fn horizons(&self, of: &Streams) -> Result<Vec<StreamHorizon>, ReadError> {
        let query = diesel::sql_query(HORIZONS).bind::<Nullable<Array<Text>>, _>(of.names());
        self.load(query).await
    }

    pub async fn progress(&self) -> Result<Progress, ReadError> {
        let rows: Vec<Progress> = self.load(diesel::sql_query(PROGRESS)).await?;
        let missing = || ReadError::Other("the rollups have no edge".to_owned());
        rows.into_iter().next().ok_or_else(missing)
    }
}

/// The partitions come in order of time.
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
        let (since, until) = (row.since, row.until);
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
