//! The time partitions of a table: which exist, and creating those that are missing.
//!
//! A partition is created as a separate table and then attached: `create table ... partition of`
//! would lock out every reader and writer of the table, attaching does not.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::DateTime;
use tokio_postgres::{Client, GenericClient, Row};

use crate::data::Micros;

use super::error::WriteError;
use super::locks;
use super::pace::Pace;

const DAY: i64 = 86_400_000_000;
/// Times so far from the present have the usual partitions.
const NEAR_PAST: i64 = 60 * DAY;
const NEAR_FUTURE: i64 = 7 * DAY;
/// Partitions that are made in one transaction: others wait for no more than these.
const AT_ONCE: usize = 16;
/// While this waits for a table's lock, the writers of all nodes wait.
const PATIENCE: &str = "set local lock_timeout = '5s'";

/// How long a refusal holds before the partitions are read again.
const REFUSED_FOR: Duration = Duration::from_secs(1);

// Each table has a lock of its own: writers never wait for those who see to the rollups.
pub(super) const LOCK: &str = "select pg_advisory_xact_lock($1 + case $2::text when 'points' then 0
    else (hashtext($2::text)::bigint & 65535) << 32 end)";

const NOTED: &str = "select note, count(*) from pg_inherits i
    cross join lateral obj_description(i.inhrelid, 'pg_class') note
    where i.inhparent = $1::text::regclass and note is not null group by note";

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
    /// What existed when something was refused last: under a flood of wrong times the lock, which all
    /// nodes share, is not taken for each batch.
    full: Option<(Instant, Opened)>,
}

/// Partitions of times that are far from the present. They are longer, so that points of many years
/// do not make more of them than Postgres can lock for one statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Far {
    length: i64,
    /// So many may exist; one stream may have opened half of them.
    most: usize,
}

/// A range to make and the stream that needs it.
type Opening<'a> = ((i64, i64), &'a str);

/// The far partitions that exist, in all and by what is noted of who opened them.
#[derive(Clone, Debug, Default)]
struct Opened {
    all: usize,
    noted: HashMap<String, usize>,
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
            full: None,
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

    /// Reads the partitions again; true when a known one is gone.
    pub async fn reload(&mut self, client: &Client) -> Result<bool, WriteError> {
        let before = std::mem::replace(&mut self.known, bounds(client, self.table).await?);
        Ok(before
            .iter()
            .any(|range| self.known.binary_search(range).is_err()))
    }

    /// Sees to it that all times of each owner, such as a record, have a partition; they come ordered
    /// by owner. Returns the owners that would need more than may exist, or than their stream may open:
    /// nothing is made for them. Not to be called inside a transaction: a few new partitions at a time commit by themselves. A time
    /// outside the years 1 to 9999, which nobody lets in, gets none: Postgres then refuses the row alone.
    pub async fn ensure<'a, O: Copy + PartialEq>(
        &mut self,
        client: &Client,
        times: impl Iterator<Item = (O, Micros)> + Clone,
        stream: impl Fn(O) -> &'a str,
        pace: &Pace,
    ) -> Result<Vec<O>, WriteError> {
        // Most batches end here.
        if !self.is_missing(times.clone()) {
            return Ok(Vec::new());
        }
        if let Some(refused) = self.refused_again(times.clone(), &stream, Instant::now()) {
            return Ok(refused);
        }
        loop {
            client.batch_execute("begin").await?;
            // One statement for the lock and another for the look: the second sees what the holder
            // before us committed.
            client.execute(LOCK, &[&locks::PARTITIONS, &self.table]).await?;
            self.reload(client).await?;
            let opened = self.opened(client).await?;
            let (mut missing, refused) = self.missing(times.clone(), &stream, &opened, Micros::now());
            missing.truncate(AT_ONCE);
            client.batch_execute(PATIENCE).await?;
            for (range, stream) in &missing {
                let is_opened = self.is_far(*range) && !stream.is_empty();
                let note = is_opened.then(|| note(stream));
                let create = statements(self.table, *range, note.as_deref());
                client.batch_execute(&create).await?;
                pace.step();
            }
            client.batch_execute("commit").await?;
            if missing.is_empty() {
                self.full = (!refused.is_empty()).then(|| (Instant::now(), opened));
                return Ok(refused);
            }
            for (range, _) in missing {
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
        self.ensure(client, times, |()| "", &Pace::default()).await?;
        Ok(())
    }

    fn is_far(&self, range: (i64, i64)) -> bool {
        range.1 - range.0 > self.length
    }

    async fn opened(&self, client: &Client) -> Result<Opened, WriteError> {
        if self.far.is_none() {
            return Ok(Opened::default());
        }
        let rows = client.query(NOTED, &[&self.table]).await?;
        let noted = |row: &Row| (row.get(0), row.get::<_, i64>(1).unsigned_abs() as usize);
        Ok(Opened {
            all: self.known.iter().filter(|range| self.is_far(**range)).count(),
            noted: rows.iter().map(noted).collect(),
        })
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

    /// The owners that are refused, where nothing but what was refused just now is missing.
    fn refused_again<'a, O: Copy + PartialEq>(
        &self,
        times: impl Iterator<Item = (O, Micros)>,
        stream: impl Fn(O) -> &'a str,
        at: Instant,
    ) -> Option<Vec<O>> {
        let (since, opened) = self.full.as_ref()?;
        if at.duration_since(*since) > REFUSED_FOR {
            return None;
        }
        let (missing, refused) = self.missing(times, stream, opened, Micros::now());
        missing.is_empty().then_some(refused)
    }

    /// The ranges to make, each with its stream, and the owners that are refused. An owner is all or
    /// nothing.
    fn missing<'a, O: Copy + PartialEq>(
        &self,
        times: impl Iterator<Item = (O, Micros)>,
        stream: impl Fn(O) -> &'a str,
        opened: &Opened,
        now: Micros,
    ) -> (Vec<Opening<'a>>, Vec<O>) {
        let most = self.far.map_or(usize::MAX, |far| far.most);
        let mut opened = opened.clone();
        // What was known, with what will be made.
        let mut plan = Self {
            known: self.known.clone(),
            full: None,
            ..*self
        };
        let (mut missing, mut refused) = (Vec::new(), Vec::new());
        let mut times = times.peekable();
        while let Some(&(owner, _)) = times.peek() {
            let (stream, mut mine, mut more) = (stream(owner), Vec::new(), 0);
            let of_stream = opened.noted.entry(note(stream)).or_default();
            let room = most
                .saturating_sub(opened.all)
                .min(most.div_ceil(2).saturating_sub(*of_stream));
            while let Some((_, Micros(time))) = times.next_if(|(of, _)| *of == owner) {
                let covers = |range: &(i64, i64)| (range.0..range.1).contains(&time);
                if more > room
                    || !is_storable(time)
                    || plan.covering(time).is_some()
                    || mine.iter().any(covers)
                {
                    continue;
                }
                // New ranges lie on one grid, so those of one owner never overlap.
                let range = plan.room(time, now);
                more += usize::from(self.is_far(range));
                mine.push(range);
            }
            if more > room {
                refused.push(owner);
                continue;
            }
            opened.all += more;
            *of_stream += more;
            for range in mine {
                if let Err(at) = plan.known.binary_search(&range) {
                    plan.known.insert(at, range);
                    missing.push((range, stream));
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
    let partition = |row: &Row| Partition {
        name: row.get(1),
        since: row.get(2),
        until: row.get(3),
    };
    Ok(rows.iter().map(partition).collect())
}

async fn bounds(client: &Client, table: &str) -> Result<Vec<(i64, i64)>, WriteError> {
    let partitions = list(client, table).await?;
    Ok(partitions.iter().map(|p| (p.since.0, p.until.0)).collect())
}

fn note(stream: &str) -> String {
    format!("opened by stream {stream}")
}

fn statements(table: &str, (from, to): (i64, i64), note: Option<&str>) -> String {
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
    let note = note.map_or_else(String::new, |note| {
        format!("comment on table {name} is '{}';", note.replace('\'', "''"))
    });
    format!(
        "create table {name} (like {table} including defaults including constraints); {note}
         alter table {table} attach partition {name} for values from ('{}') to ('{}')",
        text(from, edge),
        text(to, edge),
    )
}

#[cfg(test)]
mod tests;
