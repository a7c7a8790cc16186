//! Rollups: for each minute, hour and day of a series what its points come to.
//!
//! The writer logs what it changes. A refresher, one at a time over all nodes, takes rows out of
//! that log, computes what they touch anew and moves the edge: in one transaction, so that a reader
//! sees either the old rollup with its entry in the log, or the new one without.

mod compute;
pub(in crate::store) mod log;
mod work;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Statement};

use crate::data::{Micros, SeriesId};

use super::connect::{DatabaseUrl, connect};
use super::error::WriteError;
use super::locks;
use super::partitions::Partitions;
use super::retention::Level;
use super::timestamp::Timestamp;
use work::{DAY, HOUR, MINUTE, Piece};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollupConfig {
    pub enabled: bool,
    /// How far the edge stays behind the clock: points that come within it are rolled up once.
    pub lag: Duration,
    /// From one pass to the next.
    pub every: Duration,
    /// What one transaction may take; the rest goes back into the log.
    pub budget: Duration,
}

impl Default for RollupConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            lag: Duration::from_secs(30),
            every: Duration::from_secs(10),
            budget: Duration::from_secs(2),
        }
    }
}

/// Rows of the log that one pass takes.
const LOG_ROWS: i64 = 500;
/// Pieces that one statement computes, at first; then as many as take about [`STATEMENT`].
const PIECES: usize = 16;
const PIECES_MAX: usize = 2_048;
const STATEMENT: Duration = Duration::from_millis(200);

/// Finest first.
pub(super) const LEVELS: [Level; 3] = [Level::Minute, Level::Hour, Level::Day];

const LOCK: &str = "select pg_try_advisory_lock($1)";
const UNLOCK: &str = "select pg_advisory_unlock($1)";
const EDGE: &str = "select edge from rollup_edge";
const MOVE_EDGE: &str = "update rollup_edge set edge = $1 where edge < $1";
const FLOORS: &str = "select s.id, h.floor from series s
    join horizons h on h.stream = s.stream and h.level = 'raw' where s.id = any($1)";
const RESTORED: &str = "select day - date '1970-01-01' from restored";
const TOUCH: &str = "insert into days (day) select date '1970-01-01' + n from unnest($1::integer[]) n
    on conflict (day) do update set version = days.version + 1";

/// What a pass came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Rows written to the tables of minutes, hours and days.
    pub written: [u64; 3],
    /// More is waiting that could be done now.
    pub behind: bool,
    /// Everything before is rolled up, but for what the log names.
    pub edge: Micros,
}

/// The connection of a refresher. After an error it is worthless: connect anew.
#[derive(Debug)]
pub struct Refresher {
    client: Client,
    config: RollupConfig,
    tables: Vec<Partitions>,
    insert: Statement,
    compute: [Statement; 3],
}

impl Refresher {
    pub async fn connect(url: &DatabaseUrl, config: RollupConfig) -> Result<Self, WriteError> {
        let client = connect(url).await?;
        // A pass that is lost with a crash of Postgres is lost whole, and made again. Plans are made for
        // the very times asked for, by index, whatever is known of young partitions.
        client
            .batch_execute(
                "set synchronous_commit = off; set idle_in_transaction_session_timeout = '60s';
                 set default_transaction_isolation = 'read committed'; set jit = off;
                 set timezone = 'UTC'; set plan_cache_mode = force_custom_plan; set enable_seqscan = off",
            )
            .await?;
        let partitions = LEVELS.map(|level| Partitions::of(&client, level.table(), level.partition_days()));
        Ok(Self {
            tables: try_join_all(partitions).await?,
            insert: client.prepare(log::INSERT).await?,
            compute: [
                client.prepare(&compute::minutes()).await?,
                client.prepare(&compute::hours()).await?,
                client.prepare(&compute::days()).await?,
            ],
            client,
            config,
        })
    }

    /// Takes some rows of the log and computes what they touch, at most for the budget. `None` where
    /// another node is at it.
    pub async fn pass(&mut self, now: Micros) -> Result<Option<Pass>, WriteError> {
        let mine = self.client.query_one(LOCK, &[&locks::ROLLUPS]).await?;
        if !mine.get::<_, bool>(0) {
            return Ok(None);
        }
        let pass = self.alone(now).await?;
        self.client.query_one(UNLOCK, &[&locks::ROLLUPS]).await?;
        Ok(Some(pass))
    }

    async fn alone(&mut self, now: Micros) -> Result<Pass, WriteError> {
        let stored: Timestamp = self.client.query_one(EDGE, &[]).await?.get(0);
        let edge = Micros(work::floor(now.minus(self.config.lag).0, MINUTE)).max(stored.0);
        let rows = log::Rows::read(&self.client, edge, LOG_ROWS).await?;
        if rows.len() == 0 && edge == stored.0 {
            return Ok(Pass {
                edge,
                ..Pass::default()
            });
        }
        let (pieces, later) = work::split(&rows.entries, edge);
        let pieces = self.present(pieces).await?;
        for partitions in &mut self.tables {
            let times = pieces.iter().map(|piece| Micros(piece.from));
            partitions.ensure(&self.client, times).await?;
        }
        self.client.batch_execute("begin").await?;
        rows.delete(&self.client).await?;
        let (written, done) = self.compute(&pieces).await?;
        fail::fail_point!("in-refresh", |_| std::process::abort());
        let mut back = later;
        back.extend(pieces[done..].iter().map(Piece::entry));
        log::add(&self.client, &self.insert, &back).await?;
        let touched: BTreeSet<i32> = pieces[..done].iter().map(|piece| piece.day as i32).collect();
        let touched: Vec<i32> = touched.into_iter().collect();
        self.client.execute(TOUCH, &[&touched]).await?;
        self.client.execute(MOVE_EDGE, &[&Timestamp(edge)]).await?;
        fail::fail_point!("before-refresh-commit", |_| std::process::abort());
        self.client.batch_execute("commit").await?;
        fail::fail_point!("after-refresh-commit", |_| std::process::abort());
        Ok(Pass {
            written,
            behind: done < pieces.len() || rows.len() as i64 == LOG_ROWS,
            edge,
        })
    }

    /// How many rows were written to each table, and how many pieces are done when the budget is.
    async fn compute(&self, pieces: &[Piece]) -> Result<([u64; 3], usize), WriteError> {
        let (mut written, mut done, mut at_once) = ([0; 3], 0, PIECES);
        let begun = Instant::now();
        while done < pieces.len() && (done == 0 || begun.elapsed() < self.config.budget) {
            let some = &pieces[done..pieces.len().min(done + at_once)];
            let began = Instant::now();
            for (level, unit) in [MINUTE, HOUR, DAY].into_iter().enumerate() {
                written[level] += self.run(level, &work::widened(some, unit)).await?;
            }
            done += some.len();
            at_once = match began.elapsed() {
                took if took < STATEMENT / 2 => (at_once * 2).min(PIECES_MAX),
                took if took > STATEMENT * 2 => (at_once / 2).max(1),
                _ => at_once,
            };
        }
        Ok((written, done))
    }

    async fn run(&self, level: usize, pieces: &[Piece]) -> Result<u64, WriteError> {
        let ids: Vec<SeriesId> = pieces.iter().map(|piece| piece.series_id).collect();
        let times = |of: fn(&Piece) -> i64| pieces.iter().map(move |piece| Timestamp(Micros(of(piece))));
        let from: Vec<Timestamp> = times(|piece| piece.from).collect();
        let to: Vec<Timestamp> = times(|piece| piece.to).collect();
        Ok(self
            .client
            .execute(&self.compute[level], &[&ids, &from, &to])
            .await?)
    }

    /// Without the days whose points retention has dropped: their rollups stay as they are.
    async fn present(&self, pieces: Vec<Piece>) -> Result<Vec<Piece>, WriteError> {
        let ids: BTreeSet<SeriesId> = pieces.iter().map(|piece| piece.series_id).collect();
        let ids: Vec<SeriesId> = ids.into_iter().collect();
        let floors = self.client.query(FLOORS, &[&ids]).await?;
        let floors: HashMap<SeriesId, Timestamp> =
            floors.iter().map(|row| (row.get(0), row.get(1))).collect();
        let restored = self.client.query(RESTORED, &[]).await?;
        let restored: BTreeSet<i64> = restored
            .iter()
            .map(|row| i64::from(row.get::<_, i32>(0)))
            .collect();
        // Floors are whole days, and a piece is within one.
        let is_present = |piece: &Piece| {
            let floor = floors.get(&piece.series_id).map_or(i64::MIN, |floor| floor.0.0);
            piece.from >= floor || restored.contains(&piece.day)
        };
        Ok(pieces.into_iter().filter(is_present).collect())
    }
}
