//! What an operator wants to know of a Postgres. Everything is asked in read-only transactions with a
//! time-out of their own and without prepared statements, so that it works through any pooler and leaves
//! nothing behind.

use std::time::{Duration, Instant};

use futures_util::join;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::archive::{DayState, days};
use super::connect::{DatabaseUrl, connect};
use super::error::{ConnectError, describe};
use super::level::Level;
use super::migrate;
use super::partitions::BOUNDS;
use crate::data::{Day, Micros};

mod indexes;

pub use indexes::Indexes;

/// A statement that takes longer is given up, and so is one that waits for a lock.
const BEGIN: &str = "begin read only; set local statement_timeout = 1500; set local lock_timeout = 500";
const TRIES: usize = 3;
/// Dead letters are counted up to this number.
pub const COUNTED_MAX: i64 = 100_000;

const SERVER: &str = "select current_setting('server_version'), current_setting('server_version_num')::int,
    pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool";

const CONNECTIONS: &str = "select
    (select count(*) from pg_stat_activity where backend_type = 'client backend'),
    current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
        - coalesce(current_setting('reserved_connections', true)::bigint, 0)";

const DEFAULT_PARTITIONS: &str = "select c.oid::regclass::text from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = any($1::text[]::regclass[]) and pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'
        and pg_relation_size(c.oid) > 0";

const DEAD_LETTERS: &str = "select stream, reason, count(*) from (
        select stream, reason from dead_letters where resolved_at is null limit $1) d
    group by stream, reason order by 3 desc, 1, 2";

const PAUSES: &str = "select stream, why from paused_streams where until > now() order by stream";

const POSITIONS: &str = "select distinct on (topic, partition) topic, partition, next_offset
    from ingest_offsets order by topic, partition, epoch desc";

/// A session that only asks.
#[derive(Debug)]
pub struct Checkup {
    client: Client,
    url: DatabaseUrl,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub version: String,
    pub is_too_old: bool,
    /// A standby, or a database in which transactions may only read.
    pub is_read_only: bool,
    pub round_trip: Duration,
    /// How far its clock is ahead of this machine's, in microseconds.
    pub ahead: i64,
}

/// What is to be done with the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tables {
    UpToDate,
    /// So many migrations have been applied, and these have not.
    Behind(usize, Vec<String>),
    /// This program cannot use them, for this reason.
    TooNew(String),
}

/// Sessions of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    pub used: i64,
    /// What users without special rights may have.
    pub most: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    pub level: Level,
    pub partitions: usize,
    /// Partitions exist without a gap from now to this time.
    pub until: Option<Micros>,
}

/// Open dead letters of one stream and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub stream: String,
    pub reason: String,
    pub count: i64,
}

/// Of a partition of Kafka: everything below `next_offset` is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub topic: String,
    pub partition: i32,
    pub next_offset: i64,
}

type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

impl Checkup {
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn begin(url: &DatabaseUrl) -> Result<Self, ConnectError> {
        let (client, url) = (connect(url).await?, url.clone());
        Ok(Self { client, url })
    }

    pub async fn server(&self) -> Result<Server, Unanswered> {
        let (mut round_trip, mut ahead) = (Duration::MAX, 0);
        for _ in 0..TRIES {
            // In this order, so that a pause between the two makes no difference of clocks.
            let (begun, sent) = (Instant::now(), Micros::now());
            let row = self.client.query_typed_one("select clock_timestamp()", &[]);
            let server: Micros = row.await?.get(0);
            let took = begun.elapsed();
            if took < round_trip {
                (round_trip, ahead) = (took, server.0 - sent.plus(took / 2).0);
            }
        }
        let row = self.one(SERVER, &[]).await?;
        Ok(Server {
            version: row.get(0),
            is_too_old: row.get::<_, i32>(1) < migrate::OLDEST,
            is_read_only: row.get(2),
            round_trip,
            ahead,
        })
    }

    /// Whether a transaction may come to another session of the server than the one before: a pooler in
    /// transaction mode is in between. Two sessions of ours then meet in one of the server, or one of ours
    /// moves on while the other has a transaction.
    pub async fn is_pooled(&self) -> Result<bool, Unanswered> {
        let first = pid(&self.client).await?;
        let other = connect(&self.url)
            .await
            .map_err(|error| Unanswered(error.to_string()))?;
        other.batch_execute("begin read only").await?;
        // With a single session behind the pooler, ours would wait for the other's transaction.
        let is_pooled = pid(&other).await? == first || pid(&self.client).await? != first;
        other.batch_execute("rollback").await?;
        Ok(is_pooled)
    }

    pub async fn tables(&self) -> Result<Tables, Unanswered> {
        let there = "select to_regclass('__diesel_schema_migrations') is not null,
            to_regclass('installation') is not null";
        let there = self.one(there, &[]).await?;
        let mut applied: Vec<String> = Vec::new();
        if there.get(0) {
            let rows = self.ask("select version::text from __diesel_schema_migrations", &[]);
            applied.extend(rows.await?.iter().map(|row| row.get(0)));
        }
        let mut needs = None;
        if there.get(1) {
            let rows = self.ask("select needs_schema from installation", &[]).await?;
            needs = rows.first().map(|row| row.get(0));
        }
        Ok(match migrate::missing(&applied, needs) {
            Ok(missing) if missing.is_empty() => Tables::UpToDate,
            Ok(missing) => Tables::Behind(applied.len(), missing),
            Err(error) => Tables::TooNew(error.to_string()),
        })
    }

    pub async fn indexes(&self) -> Result<Indexes, Unanswered> {
        let names: Vec<&str> = indexes::wanted().map(|(name, _)| name).collect();
        let rows = self.ask(indexes::FIND, &[(&names, Type::TEXT_ARRAY)]).await?;
        Ok(Indexes::judge(
            rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))),
        ))
    }

    pub async fn connections(&self) -> Result<Connections, Unanswered> {
        let row = self.one(CONNECTIONS, &[]).await?;
        Ok(Connections {
            used: row.get(0),
            most: row.get(1),
        })
    }

    /// For each level, finest first.
    pub async fn ahead(&self, now: Micros) -> Result<Vec<Ahead>, Unanswered> {
        let tables = Level::ALL.map(Level::table).to_vec();
        let rows = self.ask(BOUNDS, &[(&tables, Type::TEXT_ARRAY)]).await?;
        let of_level = |level: Level| {
            let of = |row: &&Row| row.get::<_, &str>("parent") == level.table();
            let bounds = rows
                .iter()
                .filter(of)
                .map(|row| (row.get("since"), row.get("until")));
            Ahead {
                level,
                partitions: bounds.clone().count(),
                until: without_gap(now, bounds),
            }
        };
        Ok(Level::ALL.map(of_level).to_vec())
    }

    /// Default partitions that hold rows. This program makes none, and in their way it cannot make others.
    pub async fn default_partitions(&self) -> Result<Vec<String>, Unanswered> {
        let tables = Level::ALL.map(Level::table).to_vec();
        let rows = self
            .ask(DEFAULT_PARTITIONS, &[(&tables, Type::TEXT_ARRAY)])
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Bytes of the database.
    pub async fn size(&self) -> Result<i64, Unanswered> {
        let row = self.one("select pg_database_size(current_database())", &[]);
        Ok(row.await?.get(0))
    }

    /// The most first; at most [`COUNTED_MAX`] are counted.
    pub async fn dead_letters(&self) -> Result<Vec<Waiting>, Unanswered> {
        let rows = self.ask(DEAD_LETTERS, &[(&COUNTED_MAX, Type::INT8)]).await?;
        let waiting = |row: &Row| Waiting {
            stream: row.get(0),
            reason: row.get(1),
            count: row.get(2),
        };
        Ok(rows.iter().map(waiting).collect())
    }

    /// Each paused stream with the reason.
    pub async fn pauses(&self) -> Result<Vec<(String, String)>, Unanswered> {
        let rows = self.ask(PAUSES, &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    pub async fn positions(&self) -> Result<Vec<Position>, Unanswered> {
        let rows = self.ask(POSITIONS, &[]).await?;
        let position = |row: &Row| Position {
            topic: row.get(0),
            partition: row.get(1),
            next_offset: row.get(2),
        };
        Ok(rows.iter().map(position).collect())
    }

    /// The days with points that end before `end`.
    pub async fn days(&self, end: Micros) -> Result<Vec<DayState>, Unanswered> {
        self.client.batch_execute(BEGIN).await?;
        let days = days(&self.client, Micros::FIRST, Day::of(end).start()).await;
        self.client.batch_execute("rollback").await?;
        days.map_err(|error| Unanswered(error.to_string()))
    }

    async fn ask(&self, question: &str, with: Parameters<'_>) -> Result<Vec<Row>, Unanswered> {
        // Sent in one go and in this order.
        let (begun, rows, ended) = join!(
            self.client.batch_execute(BEGIN),
            self.client.query_typed(question, with),
            self.client.batch_execute("rollback"),
        );
        begun?;
        let rows = rows?;
        ended?;
        Ok(rows)
    }

    async fn one(&self, question: &str, with: Parameters<'_>) -> Result<Row, Unanswered> {
        let row = self.ask(question, with).await?.into_iter().next();
        row.ok_or_else(|| Unanswered("no row".to_owned()))
    }
}

/// Of the server's process behind a session.
async fn pid(client: &Client) -> Result<i32, Unanswered> {
    let row = client.query_typed_one("select pg_backend_pid()", &[]);
    Ok(row.await?.get(0))
}

/// Up to when ranges in order of time cover everything from `now` on.
fn without_gap(now: Micros, ranges: impl Iterator<Item = (Micros, Micros)>) -> Option<Micros> {
    ranges.fold(None, |until, range| {
        let covers = (range.0..range.1).contains(&until.unwrap_or(now));
        if covers { Some(range.1) } else { until }
    })
}

impl From<tokio_postgres::Error> for Unanswered {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(describe(&error))
    }
}

#[cfg(test)]
mod tests;
