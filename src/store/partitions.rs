//! The time partitions of a table: which exist, and creating those that are missing.
//!
//! A partition is created beside the table and then attached: `create table ... partition of`
//! would lock out every reader and writer of the table, attaching does not.

use chrono::DateTime;
use tokio_postgres::{Client, GenericClient, Row};

use crate::data::Micros;

use super::error::WriteError;
use super::locks;
use super::pace::Pace;
use super::timestamp::Timestamp;

const DAY: i64 = 86_400_000_000;
/// Times so far from the present have the usual partitions.
const NEAR_PAST: i64 = 60 * DAY;
const NEAR_FUTURE: i64 = 7 * DAY;
/// Partitions that are made in one transaction: others wait for no more than these.
const AT_ONCE: usize = 16;
/// Whoever waits for a table here makes the writers of all nodes wait.
const PATIENCE: &str = "set local lock_timeout = '5s'";

// Each table has a lock of its own: writers never wait for those who see to the rollups.
const LOCK: &str = "select pg_advisory_xact_lock($1 + case $2::text when 'points' then 0
    else (hashtext($2::text)::bigint & 65535) << 32 end)";

/// The partitions of the tables that `$1` lists, each with its table, name and half-open bounds.
pub(super) const BOUNDS: &str = r"
    select p.relname::text as parent, c.oid::regclass::text as name,
        edge[1]::timestamptz as since, edge[2]::timestamptz as until, c.oid as oid
    from pg_inherits i
    join pg_class p on p.oid = i.inhparent
    join pg_class c on c.oid = i.inhrelid
    cross join lateral regexp_match(
        pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.*)''\) TO \(''(.*)''\)') edge
    where i.inhparent = any($1::text[]::regclass[]) and edge is not null
    order by since";

/// A partition that exists: `since <= ts < until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    /// As SQL has to call it.
    pub name: String,
    pub since: Micros,
    pub until: Micros,
}

/// Half-open ranges of time, ordered, without overlap.
#[derive(Debug)]
pub(super) struct Partitions {
    table: &'static str,
    /// The length of a new partition, in microseconds; whole days.
    length: i64,
    far: Option<Far>,
    known: Vec<(i64, i64)>,
}

/// Partitions of times that are far from the present. They are longer, so that points of many years
/// do not make more of them than Postgres can lock for one statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Far {
    length: i64,
    /// So many may exist.
    most: usize,
}

impl Far {
    pub fn new(days: u32, most: usize) -> Self {
        Self {
            length: i64::from(days.max(1)) * DAY,
            most,
        }
    }
}

impl Partitions {
    /// Of a table that is partitioned by its column `ts`; new ones have so many days.
    pub async fn of(client: &Client, table: &'static str, days: u32) -> Result<Self, WriteError> {
        Ok(Self {
            table,
            length: i64::from(days.max(1)) * DAY,
            far: None,
            known: bounds(client, table).await?,
        })
    }

    pub fn with_far(self, far: Far) -> Self {
        Self {
            far: Some(far),
            ..self
        }
    }

    /// Half-open ranges in microseconds, ordered.
    pub fn known(&self) -> &[(i64, i64)] {
        &self.known
    }

    /// Reads the partitions anew; true when one that was known is gone.
    pub async fn reload(&mut self, client: &Client) -> Result<bool, WriteError> {
        let before = std::mem::replace(&mut self.known, bounds(client, self.table).await?);
        Ok(before.iter().any(|range| !self.known.contains(range)))
    }

    /// Sees to it that all times of each owner, such as a record, have a partition; they come ordered
    /// by owner. Returns the owners that would need more than may exist: nothing is made for them. Not
    /// to be called inside a transaction: a few new partitions at a time commit by themselves. A time
    /// outside the years 1 to 9999, which nobody lets in, gets none: Postgres then refuses the row alone.
    pub async fn ensure<O: Copy + PartialEq>(
        &mut self,
        client: &Client,
        times: impl Iterator<Item = (O, Micros)> + Clone,
        pace: &Pace,
    ) -> Result<Vec<O>, WriteError> {
        // Most batches end here.
        if !self.is_missing(times.clone()) {
            return Ok(Vec::new());
        }
        loop {
            client.batch_execute("begin").await?;
            // One statement for the lock and another for the look: the second sees what the holder
            // before us committed.
            client.execute(LOCK, &[&locks::PARTITIONS, &self.table]).await?;
            self.reload(client).await?;
            let (mut missing, refused) = self.missing(times.clone(), Micros::now());
            missing.truncate(AT_ONCE);
            client.batch_execute(PATIENCE).await?;
            for range in &missing {
                client.batch_execute(&statements(self.table, *range)).await?;
                pace.step();
            }
            client.batch_execute("commit").await?;
            if missing.is_empty() {
                return Ok(refused);
            }
            for range in missing {
                if let Err(at) = self.known.binary_search(&range) {
                    self.known.insert(at, range);
                }
                tracing::debug!(table = self.table, from = %Micros(range.0), to = %Micros(range.1), "created a partition");
            }
        }
    }

    /// Makes that of `now` and so many after it, so that no batch has to wait for one.
    pub async fn ahead(&mut self, client: &Client, now: Micros, more: i64) -> Result<(), WriteError> {
        let length = self.length;
        let times = (0..=more).map(|n| ((), Micros(now.0.saturating_add(n * length))));
        self.ensure(client, times, &Pace::default()).await?;
        Ok(())
    }

    fn is_missing<O>(&self, times: impl Iterator<Item = (O, Micros)>) -> bool {
        let mut last = (0, 0);
        for (_, Micros(time)) in times {
            if (last.0..last.1).contains(&time) || !is_storable(time) {
                continue;
            }
            match self.covering(time) {
                Some(range) => last = range,
                None => return true,
            }
        }
        false
    }

    /// The ranges to make, and the owners that are refused. An owner is all or nothing.
    fn missing<O: Copy + PartialEq>(
        &self,
        times: impl Iterator<Item = (O, Micros)>,
        now: Micros,
    ) -> (Vec<(i64, i64)>, Vec<O>) {
        let far = |range: &&(i64, i64)| range.1 - range.0 > self.length;
        let mut far = self.known.iter().filter(far).count();
        let most = self.far.map_or(usize::MAX, |bound| bound.most);
        // What was known, with what will be made.
        let mut plan = Self {
            known: self.known.clone(),
            ..*self
        };
        let (mut missing, mut refused) = (Vec::new(), Vec::new());
        let mut times = times.peekable();
        while let Some(&(owner, _)) = times.peek() {
            let (mut mine, mut more) = (Vec::new(), 0);
            while let Some((_, Micros(time))) = times.next_if(|(of, _)| *of == owner) {
                let covers = |range: &(i64, i64)| (range.0..range.1).contains(&time);
                if far + more > most
                    || !is_storable(time)
                    || plan.covering(time).is_some()
                    || mine.iter().any(covers)
                {
                    continue;
                }
                // New ranges lie on one grid, so those of one owner never overlap.
                let range = plan.room(time, now);
                more += usize::from(range.1 - range.0 > self.length);
                mine.push(range);
            }
            if more > 0 && far + more > most {
                refused.push(owner);
                continue;
            }
            far += more;
            for range in mine {
                if let Err(at) = plan.known.binary_search(&range) {
                    plan.known.insert(at, range);
                    missing.push(range);
                }
            }
        }
        (missing, refused)
    }

    fn covering(&self, time: i64) -> Option<(i64, i64)> {
        let after = self.known.partition_point(|range| range.0 <= time);
        let range = *self.known.get(after.checked_sub(1)?)?;
        (time < range.1).then_some(range)
    }

    /// The aligned range around `time`, cut where partitions of another length are in the way and
    /// where the calendar of names and bounds ends.
    fn room(&self, time: i64, now: Micros) -> (i64, i64) {
        let aligned = |time: i64, length: i64| {
            let from = time.div_euclid(length) * length;
            (from, from + length)
        };
        let (mut from, mut to) = aligned(time, self.length);
        if let Some(far) = self.far {
            // Those around the present can always be made: time passes, whatever a producer's clock says.
            let first = aligned(now.0 - NEAR_PAST, self.length).0;
            let end = aligned(now.0 + NEAR_FUTURE, self.length).1;
            (from, to) = match aligned(time, far.length) {
                (from, to) if time < first => (from, to.min(first)),
                (from, to) if time >= end => (from.max(end), to),
                _ => (from, to),
            };
        }
        let after = self.known.partition_point(|range| range.0 <= time);
        let left = after
            .checked_sub(1)
            .map_or(Micros::FIRST.0, |at| self.known[at].1);
        let right = self.known.get(after).map_or(Micros::LAST.0 + 1, |range| range.0);
        (from.max(left), to.min(right))
    }
}

fn is_storable(time: i64) -> bool {
    (Micros::FIRST..=Micros::LAST).contains(&Micros(time))
}

/// The partitions of the table, in order.
pub(super) async fn list(
    client: &impl GenericClient,
    table: &str,
) -> Result<Vec<Partition>, tokio_postgres::Error> {
    let rows = client.query(BOUNDS, &[&[table].as_slice()]).await?;
    let micros = |time: Timestamp| time.0;
    let partition = |row: &Row| Partition {
        name: row.get(1),
        since: micros(row.get(2)),
        until: micros(row.get(3)),
    };
    Ok(rows.iter().map(partition).collect())
}

async fn bounds(client: &Client, table: &str) -> Result<Vec<(i64, i64)>, WriteError> {
    let partitions = list(client, table).await?;
    Ok(partitions.iter().map(|p| (p.since.0, p.until.0)).collect())
}

fn statements(table: &str, (from, to): (i64, i64)) -> String {
    let text = |micros, format| {
        DateTime::from_timestamp_micros(micros)
            .unwrap_or_default()
            .format(format)
            .to_string()
            // What chrono puts before the year 10000, and Postgres does not read.
            .replace('+', "")
    };
    let name = format!("{table}_p{}", text(from, "%Y%m%d"));
    let edge = "%Y-%m-%d %H:%M:%S%.6fZ";
    format!(
        "create table {name} (like {table} including defaults including constraints);
         alter table {table} attach partition {name} for values from ('{}') to ('{}')",
        text(from, edge),
        text(to, edge),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_000 * DAY + 5);

    fn with(known: &[(i64, i64)]) -> Partitions {
        Partitions {
            table: "points",
            length: DAY,
            far: None,
            known: known.to_vec(),
        }
    }

    #[test]
    fn a_new_partition_is_a_day_and_never_overlaps_another() {
        let room = |of: &Partitions, time| of.room(time, NOW);
        assert_eq!(room(&with(&[]), DAY + 5), (DAY, 2 * DAY));
        assert_eq!(room(&with(&[]), -5), (-DAY, 0));
        let odd = with(&[(DAY / 2, DAY), (2 * DAY - 10, 3 * DAY)]);
        assert_eq!(room(&odd, 5), (0, DAY / 2));
        assert_eq!(room(&odd, DAY + 5), (DAY, 2 * DAY - 10));
        let mut weeks = with(&[]);
        weeks.length = 7 * DAY;
        assert_eq!(room(&weeks, Micros::FIRST.0).0, Micros::FIRST.0);
        assert_eq!(room(&weeks, Micros::LAST.0).1, Micros::LAST.0 + 1);
    }

    #[test]
    fn far_from_the_present_partitions_are_longer_and_leave_the_near_days_their_own() {
        let far = with(&[]).with_far(Far::new(30, 10));
        assert_eq!(far.room(999 * DAY, NOW), (999 * DAY, 1_000 * DAY));
        assert_eq!(far.room(940 * DAY, NOW), (940 * DAY, 941 * DAY));
        // 930 is on the grid of 30 days; the days from 940 on are near.
        assert_eq!(far.room(940 * DAY - 1, NOW), (930 * DAY, 940 * DAY));
        assert_eq!(far.room(5, NOW), (0, 30 * DAY));
        assert_eq!(far.room(1_007 * DAY, NOW), (1_007 * DAY, 1_008 * DAY));
        assert_eq!(far.room(1_008 * DAY, NOW), (1_008 * DAY, 1_020 * DAY));
        let cut = with(&[(12 * DAY, 14 * DAY)]).with_far(Far::new(30, 10));
        assert_eq!(cut.room(5, NOW), (0, 12 * DAY));
    }

    #[test]
    fn an_owner_that_would_need_too_many_is_refused_as_a_whole_and_others_are_not() {
        let far = with(&[(0, 30 * DAY)]).with_far(Far::new(30, 3));
        let time = |owner: u32, day: i64| (owner, Micros(day * DAY));
        let times = [
            time(1, 31),
            time(1, 32),
            // Two more would be four.
            time(2, 61),
            time(2, 91),
            time(3, 95),
            time(4, 200),
            time(5, 31),
            time(6, 998),
            time(6, 999),
        ];
        let (missing, refused) = far.missing(times.into_iter(), NOW);
        let days = |from: i64, to: i64| (from * DAY, to * DAY);
        assert_eq!(
            missing,
            [days(30, 60), days(90, 120), days(998, 999), days(999, 1_000)]
        );
        assert_eq!(refused, [2, 4]);
    }

    #[test]
    fn the_statement_names_the_first_day() {
        let sql = statements("points", (0, DAY));
        assert!(sql.contains("points_p19700101 for values from ('1970-01-01 00:00:00.000000Z')"));
    }
}
