//! The Postgres side of the archive: which days are due, their points, and restoring them.
//!
//! A day is closed when the rollups have processed all its changes. From then on `days.version` names the
//! state that a copy has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::{Client, GenericClient, Row};

use crate::data::{Day, Micros, PartitionId, Series};

use super::connect::{DatabaseUrl, connect};
use super::error::{ConnectError, WriteError, describe};
use super::locks;

mod restore;
mod snapshot;

/// How long a restore waits: longer than a pass of the rollups takes, or retention.
const PATIENCE: Duration = Duration::from_secs(60);

pub use restore::Restore;
pub use snapshot::Snapshot;

#[derive(Debug, thiserror::Error)]
pub enum DayError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("postgres: {}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("rollups or retention have been running for {} s; try again later", PATIENCE.as_secs())]
    Busy,
    #[error("cannot create a time partition: {0}")]
    Partition(#[from] WriteError),
    #[error("the labels of series {0} are not texts")]
    Labels(i32),
}

/// A series as the archive keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedSeries {
    pub series: Series,
    pub stream: Box<str>,
}

/// A point as the archive keeps it: everything that Postgres knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedPoint {
    pub of: Arc<ArchivedSeries>,
    pub ts: Micros,
    pub value: f64,
    pub partition_id: PartitionId,
    pub offset: i64,
    pub recorded_at: Micros,
}

/// A verified copy of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    pub day: Day,
    /// The version of the day when it was copied.
    pub version: i64,
    pub url: String,
    pub rows: u64,
    pub bytes: u64,
    pub checksum: String,
}

/// What is to be done about a day that has points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Due,
    /// The archive holds it as it is.
    Archived,
    /// Not over, or changes are still pending.
    Open,
    /// It changed after its archived copy was made and retention had begun to drop it. A new copy
    /// would lack what was dropped, so it has to be restored first.
    Thinned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayState {
    pub day: Day,
    pub version: i64,
    pub standing: Standing,
}

// Every closed day has a row in `days`, created with its rollups. The lateral join looks into the
// day's own partition and stops at the first row.
const DAYS: &str = "select s.start, d.version, a.version,
        s.stop <= e.edge and not exists (
            select from invalidations i where i.min_ts < s.stop and i.max_ts >= s.start),
        exists (select from horizons h where h.level = 'raw' and h.floor > s.start)
            and not exists (select from restored r where r.day = d.day)
    from days d
    cross join lateral (select d.day::timestamp at time zone 'UTC' as start,
        (d.day + 1)::timestamp at time zone 'UTC' as stop) s
    cross join rollup_edge e
    left join archives a on a.day = d.day
    cross join lateral (select from points p where p.ts >= s.start and p.ts < s.stop limit 1) present
    where d.day >= ($1::timestamptz at time zone 'UTC')::date
        and d.day < ($2::timestamptz at time zone 'UTC')::date
    order by d.day";

const ARCHIVES: &str = "select day::timestamp at time zone 'UTC', version, url, rows, bytes, checksum
    from archives
    where day >= ($1::timestamptz at time zone 'UTC')::date
        and day < ($2::timestamptz at time zone 'UTC')::date
    order by day";

const RECORD: &str = "insert into archives (day, version, url, rows, bytes, checksum)
    values (($1::timestamptz at time zone 'UTC')::date, $2, $3, $4, $5, $6)
    on conflict (day) do update set version = excluded.version, url = excluded.url, rows = excluded.rows,
        bytes = excluded.bytes, checksum = excluded.checksum, archived_at = now()";

/// The days that begin in `from..to` and have points, in order.
pub async fn days(client: &impl GenericClient, from: Micros, to: Micros) -> Result<Vec<DayState>, DayError> {
    let rows = client.query(DAYS, &[&from, &to]).await?;
    Ok(rows.iter().map(state).collect())
}

/// The archived copies of the days that begin in `from..to`, in order.
pub async fn archives(client: &Client, from: Micros, to: Micros) -> Result<Vec<Archived>, DayError> {
    let rows = client.query(ARCHIVES, &[&from, &to]).await?;
    let archived = |row: &Row| Archived {
        day: Day::of(row.get(0)),
        version: row.get(1),
        url: row.get(2),
        rows: row.get::<_, i64>(3).cast_unsigned(),
        bytes: row.get::<_, i64>(4).cast_unsigned(),
        checksum: row.get(5),
    };
    Ok(rows.iter().map(archived).collect())
}

/// Says that this copy exists and was verified; it takes the place of an earlier one.
pub async fn record(client: &Client, copy: &Archived) -> Result<(), DayError> {
    let (start, rows) = (copy.day.start(), copy.rows.cast_signed());
    let bytes = copy.bytes.cast_signed();
    client
        .execute(
            RECORD,
            &[&start, &copy.version, &copy.url, &rows, &bytes, &copy.checksum],
        )
        .await?;
    Ok(())
}

/// A session that alone may write to the archive, as long as it lasts; `None` where another has it
/// for all of `patience`.
pub async fn alone(url: &DatabaseUrl, patience: Duration) -> Result<Option<Client>, DayError> {
    let client = connect(url).await?;
    let mine = locks::alone(&client, locks::ARCHIVE, patience).await?;
    Ok(mine.then_some(client))
}

fn state(row: &Row) -> DayState {
    let (version, archived): (i64, Option<i64>) = (row.get(1), row.get(2));
    let (closed, thinned): (bool, bool) = (row.get(3), row.get(4));
    let standing = match archived {
        _ if !closed => Standing::Open,
        Some(copy) if copy == version => Standing::Archived,
        Some(_) if thinned => Standing::Thinned,
        _ => Standing::Due,
    };
    DayState {
        day: Day::of(row.get(0)),
        version,
        standing,
    }
}

impl ArchivedSeries {
    /// `None` where the labels are not an object of texts.
    pub fn new(metric: &str, labels: &str, stream: &str) -> Option<Self> {
        let labels: BTreeMap<String, String> = serde_json::from_str(labels).ok()?;
        Some(Self {
            series: Series::new(metric, labels),
            stream: stream.into(),
        })
    }
}

#[cfg(test)]
mod tests;
