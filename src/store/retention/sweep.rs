//! Drops and deletes what the floors allow, one partition at a time.
//!
//! Dropping a partition locks the whole table for a moment. While we wait for that lock, every reader and
//! the writer queue behind us. So we wait only briefly, and try again in the next run.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Transaction};

use crate::data::{Micros, SeriesId};
use crate::store::error::WriteError;
use crate::store::level::Level;
use crate::store::locks;
use crate::store::partitions::{Partition, list};

use super::{Dropped, Floors, Keep, Swept, floors};

/// How long readers and the writer may have to wait because of us.
const PATIENCE: &str = "set local lock_timeout = '300ms'";
/// Series of which rows are deleted in one transaction.
const SERIES_AT_ONCE: usize = 100;
/// Rows that are deleted in one transaction.
const ROWS_AT_ONCE: i64 = 50_000;

const RESTORED: &str = "select exists (select from restored where
    day::timestamp at time zone 'UTC' < $2::timestamptz
    and day::timestamp at time zone 'UTC' + interval '24 hours' > $1::timestamptz)";

/// Drops and deletes what need not be kept at `now`. What others are using is left for the next run.
pub(in crate::store) async fn run(
    client: &mut Client,
    keep: &Keep,
    now: Micros,
    swept: &mut Swept,
) -> Result<Dropped, WriteError> {
    (swept.now, swept.in_use) = (false, false);
    let over = client
        .execute("delete from restored where keep_until <= $1", &[&now])
        .await?;
    let floors = floors::advance(client, keep, now).await?;
    let has_moved = !floors.is_empty() && swept.floors.as_ref() != Some(&floors);
    swept.now = over > 0 || has_moved;
    if !swept.now {
        return Ok(Dropped::default());
    }
    swept.floors = None;
    let mut sweep = Sweep::new(client, &floors, keep.archive);
    for level in Level::ALL {
        sweep.level(level).await?;
    }
    let (dropped, left) = sweep.end();
    swept.in_use = left == Left::InUse;
    if left == Left::Nothing {
        swept.floors = Some(floors);
    }
    Ok(dropped)
}

#[derive(Debug)]
struct Sweep<'a> {
    client: &'a mut Client,
    floors: &'a Floors,
    archive: bool,
    dropped: Dropped,
    left: Left,
}

/// What was left for the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    Nothing,
    /// What waits for something else: the end of a restore, the archive.
    Waiting,
    /// What others were using.
    InUse,
}

enum Fate {
    Stays,
    /// Not now: a restored day, or one that is not archived yet.
    Waits,
    Dropped,
    /// Rows of these series are deleted, others stay.
    Thinned(Vec<SeriesId>),
}

impl<'a> Sweep<'a> {
    pub fn new(client: &'a mut Client, floors: &'a Floors, archive: bool) -> Self {
        Self {
            client,
            floors,
            archive,
            dropped: Dropped::default(),
            left: Left::Nothing,
        }
    }

    pub fn end(self) -> (Dropped, Left) {
        (self.dropped, self.left)
    }

    pub async fn level(&mut self, level: Level) -> Result<(), Error> {
        let floors = self.floors.iter().filter(|((_, of), _)| *of == level);
        let Some(newest) = floors.map(|(_, floor)| *floor).max() else {
            return Ok(());
        };
        let partitions = list(self.client, level.table()).await?;
        for partition in partitions.iter().take_while(|p| p.until <= newest) {
            match self.partition(level, partition).await {
                Ok(()) => {}
                Err(error) if is_busy(&error) => {
                    tracing::debug!(partition = partition.name, "partition in use; dropping it later");
                    self.left = Left::InUse;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn partition(&mut self, level: Level, partition: &Partition) -> Result<(), Error> {
        match self.drop_if_old(level, partition).await? {
            Fate::Stays => {}
            Fate::Waits => self.left = self.left.max(Left::Waiting),
            Fate::Dropped => {
                self.dropped.partitions += 1;
                tracing::info!(partition = partition.name, "dropped a partition");
            }
            Fate::Thinned(series) => self.thin(level, partition, &series).await?,
        }
        Ok(())
    }

    async fn drop_if_old(&mut self, level: Level, partition: &Partition) -> Result<Fate, Error> {
        let Some(transaction) = begin(self.client, level, partition, self.archive).await? else {
            return Ok(Fate::Waits);
        };
        let series = transaction.query(&series_in(&partition.name), &[]).await?;
        let is_old = |stream: Option<&str>| {
            // Without a stream is what somebody deleted just now.
            stream.is_none_or(|stream| {
                let floor = self.floors.get(&(stream.to_owned(), level));
                floor.is_some_and(|floor| partition.until <= *floor)
            })
        };
        let old = series.iter().filter(|row| is_old(row.get(1)));
        let old: Vec<SeriesId> = old.map(|row| row.get(0)).collect();
        if old.len() == series.len() {
            let drop = format!("drop table {}", partition.name);
            transaction.batch_execute(&drop).await?;
            transaction.commit().await?;
            return Ok(Fate::Dropped);
        }
        Ok(match old.is_empty() {
            true => Fate::Stays,
            false => Fate::Thinned(old),
        })
    }

    async fn thin(&mut self, level: Level, partition: &Partition, series: &[SeriesId]) -> Result<(), Error> {
        let name = &partition.name;
        let delete = format!(
            "with chosen as (
                select series_id, ts from only {name} where series_id = any($1)
                order by series_id, ts limit $2)
            delete from only {name} p using chosen c where p.series_id = c.series_id and p.ts = c.ts"
        );
        for series in series.chunks(SERIES_AT_ONCE) {
            loop {
                let Some(transaction) = begin(self.client, level, partition, self.archive).await? else {
                    self.left = self.left.max(Left::Waiting);
                    return Ok(());
                };
                let rows = transaction.execute(&delete, &[&series, &ROWS_AT_ONCE]).await?;
                transaction.commit().await?;
                self.dropped.rows += rows;
                if rows < ROWS_AT_ONCE.cast_unsigned() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// A transaction in which nothing is restored or refreshed, nor written into this very partition;
/// `None` where it may not go yet.
async fn begin<'c>(
    client: &'c mut Client,
    level: Level,
    partition: &Partition,
    archive: bool,
) -> Result<Option<Transaction<'c>>, Error> {
    let transaction = client.transaction().await?;
    locks::hold(&transaction, locks::ROLLUPS).await?;
    let lock = format!("{PATIENCE}; lock table only {} in share mode", partition.name);
    transaction.batch_execute(&lock).await?;
    let bounds = [partition.since, partition.until];
    let restored = transaction.query_one(RESTORED, &[&bounds[0], &bounds[1]]).await?;
    if restored.get(0) {
        return Ok(None);
    }
    if archive && level == Level::Raw {
        let open = floors::unarchived(&transaction, std::slice::from_ref(partition)).await?;
        return Ok(open.is_empty().then_some(transaction));
    }
    Ok(Some(transaction))
}

/// The series that have rows in the partition, with their streams; a step of its index for each.
fn series_in(partition: &str) -> String {
    format!(
        "with recursive here as (
            (select series_id from only {partition} order by series_id limit 1)
            union all
            select (select p.series_id from only {partition} p
                where p.series_id > here.series_id order by p.series_id limit 1)
            from here where here.series_id is not null)
        select here.series_id, s.stream from here left join series s on s.id = here.series_id
        where here.series_id is not null order by 1"
    )
}

fn is_busy(error: &Error) -> bool {
    let states = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| states.contains(code))
}
