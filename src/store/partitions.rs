//! The time partitions of a table: which exist, and creating those that are missing.
//!
//! A partition is created beside the table and then attached: `create table ... partition of`
//! would lock out every reader and writer of the table, attaching does not.

use chrono::DateTime;
use tokio_postgres::{Client, GenericClient, Row};

use crate::data::Micros;

use super::error::WriteError;
use super::locks;
use super::timestamp::Timestamp;

const DAY: i64 = 86_400_000_000;

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
    known: Vec<(i64, i64)>,
}

impl Partitions {
    /// Of a table that is partitioned by its column `ts`; new ones have so many days.
    pub async fn of(client: &Client, table: &'static str, days: u32) -> Result<Self, WriteError> {
        Ok(Self {
            table,
            length: i64::from(days.max(1)) * DAY,
            known: bounds(client, table).await?,
        })
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

    /// Sees to it that every one of these times has a partition. Not to be called inside a
    /// transaction: each new partition commits by itself. A time outside the years 1 to 9999, which
    /// nobody lets in, gets none: Postgres then refuses the row alone.
    pub async fn ensure(
        &mut self,
        client: &Client,
        times: impl Iterator<Item = Micros> + Clone,
    ) -> Result<(), WriteError> {
        while self.create_missing(client, times.clone()).await? {}
        Ok(())
    }

    /// True when one that was known turned out to be gone: a time before may have relied on it.
    async fn create_missing(
        &mut self,
        client: &Client,
        times: impl Iterator<Item = Micros>,
    ) -> Result<bool, WriteError> {
        let mut last = (0, 0);
        let mut gone = false;
        for Micros(time) in times {
            if (last.0..last.1).contains(&time) || !(Micros::FIRST..=Micros::LAST).contains(&Micros(time)) {
                continue;
            }
            last = match self.covering(time) {
                Some(range) => range,
                None => {
                    let created = self.create(client, time).await?;
                    gone |= created.1;
                    created.0
                }
            };
        }
        Ok(gone)
    }

    /// Makes that of `now` and so many after it, so that no batch has to wait for one.
    pub async fn ahead(&mut self, client: &Client, now: Micros, more: i64) -> Result<(), WriteError> {
        let length = self.length;
        let times = (0..=more).map(|n| Micros(now.0.saturating_add(n * length)));
        self.ensure(client, times).await
    }

    fn covering(&self, time: i64) -> Option<(i64, i64)> {
        let after = self.known.partition_point(|range| range.0 <= time);
        let range = *self.known.get(after.checked_sub(1)?)?;
        (time < range.1).then_some(range)
    }

    /// The range that holds `time` now, and whether one that was known is gone.
    async fn create(&mut self, client: &Client, time: i64) -> Result<((i64, i64), bool), WriteError> {
        client.batch_execute("begin").await?;
        // One statement for the lock and another for the look: the second sees what the holder
        // before us committed.
        client
            .execute("select pg_advisory_xact_lock($1)", &[&locks::PARTITIONS])
            .await?;
        let gone = self.reload(client).await?;
        let range = match self.covering(time) {
            Some(range) => range,
            None => {
                let range = self.room(time);
                client.batch_execute(&statements(self.table, range)).await?;
                range
            }
        };
        client.batch_execute("commit").await?;
        if let Err(at) = self.known.binary_search(&range) {
            self.known.insert(at, range);
            tracing::debug!(table = self.table, from = %Micros(range.0), to = %Micros(range.1), "created a partition");
        }
        Ok((range, gone))
    }

    /// The aligned range around `time`, cut where partitions of another length are in the way and
    /// where the calendar of names and bounds ends.
    fn room(&self, time: i64) -> (i64, i64) {
        let from = time.div_euclid(self.length) * self.length;
        let after = self.known.partition_point(|range| range.0 <= time);
        let left = after
            .checked_sub(1)
            .map_or(Micros::FIRST.0, |at| self.known[at].1);
        let right = self.known.get(after).map_or(Micros::LAST.0 + 1, |range| range.0);
        (from.max(left), (from + self.length).min(right))
    }
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

    fn with(known: &[(i64, i64)]) -> Partitions {
        Partitions {
            table: "points",
            length: DAY,
            known: known.to_vec(),
        }
    }

    #[test]
    fn a_new_partition_is_a_day_and_never_overlaps_another() {
        assert_eq!(with(&[]).room(DAY + 5), (DAY, 2 * DAY));
        assert_eq!(with(&[]).room(-5), (-DAY, 0));
        let odd = with(&[(DAY / 2, DAY), (2 * DAY - 10, 3 * DAY)]);
        assert_eq!(odd.room(5), (0, DAY / 2));
        assert_eq!(odd.room(DAY + 5), (DAY, 2 * DAY - 10));
        let mut weeks = with(&[]);
        weeks.length = 7 * DAY;
        assert_eq!(weeks.room(Micros::FIRST.0).0, Micros::FIRST.0);
        assert_eq!(weeks.room(Micros::LAST.0).1, Micros::LAST.0 + 1);
    }

    #[test]
    fn the_statement_names_the_first_day() {
        let sql = statements("points", (0, DAY));
        assert!(sql.contains("points_p19700101 for values from ('1970-01-01 00:00:00.000000Z')"));
    }
}
