//! Keeps the rollups up to date: processes the invalidation log and moves the edge.
//!
//! The writer logs every commit and knows nothing of the edge. A pass reads the log before the points, so
//! that the next pass finds what was not in the log yet (docs/adr/0016). One node at a time refreshes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::data::{Micros, SeriesId};
use crate::telemetry::Metrics;

use super::connect::{DatabaseUrl, connect};
use super::error::WriteError;
use super::level::{DAY, HOUR, Level, MINUTE, round_down};
use super::locks;
use super::pace::Pace;
use super::partitions::{Far, Partitions};

mod log;
mod ranges;
mod tables;
#[cfg(test)]
mod tests;

use ranges::{Floors, Range};
use tables::Table;

#[derive(Clone, Copy, Debug)]
pub struct RollupConfig {
    /// How long after its end a minute is rolled up; points that come later cost more.
    pub lag: Duration,
    /// How often the log is looked at.
    pub every: Duration,
    /// After this time a pass ends and leaves the rest to the next.
    pub budget: Duration,
}

impl Default for RollupConfig {
    fn default() -> Self {
        Self {
            lag: Duration::from_secs(30),
            every: Duration::from_secs(10),
            budget: Duration::from_secs(2),
        }
    }
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Rows of minutes, hours and days that were written.
    pub buckets: u64,
    /// Rows of the log that are left and could be processed now.
    pub pending: i64,
    /// Nothing was committed since the pass before.
    pub is_quiet: bool,
}

/// The minimum of series minutes that one statement computes; a day, so that recomputed days get
/// done however short the budget is.
const FEWEST: i64 = DAY / MINUTE;
const MOST: i64 = FEWEST * 4_096;
/// What one statement should take.
const STATEMENT: Duration = Duration::from_millis(250);

const BUMP: &str = "insert into days (day)
    select (day at time zone 'utc')::date from unnest($1::timestamptz[]) as day
    on conflict (day) do update set version = days.version + 1";

/// A connection of its own, to be thrown away after any error.
#[derive(Debug)]
pub struct Refresher {
    client: Client,
    config: RollupConfig,
    tables: [Table; 3],
    /// Minutes of series in one statement.
    at_once: i64,
    /// The newest row of the log when the last pass ended.
    newest: Option<i64>,
    metrics: Arc<Metrics>,
}

impl Refresher {
    pub async fn connect(
        url: &DatabaseUrl,
        config: RollupConfig,
        metrics: Arc<Metrics>,
    ) -> Result<Self, WriteError> {
        let client = connect(url).await?;
        // A commit that a crash of Postgres loses is made again: log, rollups and edge change together.
        // Plans are made for the times asked for, and use an index even where a new partition has no
        // statistics yet.
        client
            .batch_execute(
                "set synchronous_commit = off;
                 set idle_in_transaction_session_timeout = '30s';
                 set default_transaction_isolation = 'read committed';
                 set plan_cache_mode = force_custom_plan;
                 set enable_seqscan = off;
                 set jit = off",
            )
            .await?;
        Ok(Self {
            tables: Table::all(&client).await?,
            client,
            config,
            at_once: FEWEST,
            newest: None,
            metrics,
        })
    }

    /// Makes one pass, bounded in time. Does nothing while another node makes one.
    pub async fn pass(&mut self, now: Micros) -> Result<Refreshed, WriteError> {
        if !locks::alone(&self.client, locks::ROLLUPS, Duration::ZERO).await? {
            return Ok(Refreshed::default());
        }
        let buckets = self.locked(now).await?;
        self.client
            .execute("select pg_advisory_unlock($1)", &[&locks::ROLLUPS])
            .await?;
        self.look(now, buckets).await
    }

    async fn locked(&mut self, now: Micros) -> Result<u64, WriteError> {
        let begun = Instant::now();
        let old = self.edge().await?;
        let edge = old.max(round_down(now.minus(self.config.lag).0, MINUTE));
        let taken = log::take(&self.client, edge).await?;
        if taken.ids.is_empty() && edge == old {
            return Ok(0);
        }
        let (dirty, later) = ranges::split(&ranges::merged(taken.ranges.clone()), edge);
        let dirty = self.answerable(dirty).await?;
        let crossed = [HOUR, DAY].map(|step| crossed(old, edge, step));
        self.make_room(&dirty, crossed).await?;

        self.client.batch_execute("begin").await?;
        log::forget(&self.client, &taken).await?;
        let (done, left, minutes) = self.minutes(dirty, begun).await?;
        fail::fail_point!("in-refresh", |_| std::process::abort());
        let hours = self.coarser(1, &done, edge, crossed[0]).await?;
        let days = self.coarser(2, &done, edge, crossed[1]).await?;
        log::put_back(&self.client, &left).await?;
        log::put_back(&self.client, &later).await?;
        let touched: Vec<Micros> = ranges::days(&done).into_iter().map(Micros).collect();
        self.client.execute(BUMP, &[&touched]).await?;
        self.client
            .execute("update rollup_edge set edge = $1", &[&Micros(edge)])
            .await?;
        fail::fail_point!("before-refresh-commit", |_| std::process::abort());
        self.client.batch_execute("commit").await?;
        fail::fail_point!("after-refresh-commit", |_| std::process::abort());

        self.metrics
            .refresh_seconds
            .observe(begun.elapsed().as_secs_f64());
        for (table, buckets) in self.tables.iter().zip([minutes, hours, days]) {
            self.metrics.add(
                &self.metrics.rollup_buckets,
                &[("level", table.level.name())],
                buckets,
            );
        }
        Ok(minutes + hours + days)
    }

    async fn edge(&self) -> Result<i64, WriteError> {
        let row = self.client.query_one("select edge from rollup_edge", &[]).await?;
        Ok(row.get::<_, Micros>(0).0)
    }

    /// The parts of the ranges that raw points can answer.
    async fn answerable(&self, dirty: Vec<Range>) -> Result<Vec<Range>, WriteError> {
        // Read after the log: what the log names has its partition by now, or has lost it.
        let points = Partitions::of(&self.client, "points", 1).await?;
        let dirty = ranges::within(&dirty, points.known());
        let mut floors: HashMap<String, Floors> = HashMap::new();
        let horizons = "select stream, level, floor from horizons where level <> '1d'";
        for row in self.client.query(horizons, &[]).await? {
            let floors = floors.entry(row.get(0)).or_default();
            let floor = Some(row.get::<_, Micros>(2).0);
            match row.get(1) {
                "raw" => floors.raw = floor,
                _ => floors.rollups = floors.rollups.max(floor),
            }
        }
        if floors.is_empty() {
            return Ok(dirty);
        }
        let mut ids: Vec<SeriesId> = dirty.iter().map(|range| range.series).collect();
        ids.dedup();
        let streams = "select id, stream from series where id = any($1)";
        let streams = self.client.query(streams, &[&ids]).await?;
        let floors = streams.iter().filter_map(|row| {
            let floors = floors.get(row.get::<_, &str>(1))?;
            Some((row.get(0), *floors))
        });
        let restored = "select day::timestamp at time zone 'utc' from restored";
        let restored = self.client.query(restored, &[]).await?;
        let restored: BTreeSet<i64> = restored.iter().map(|row| row.get::<_, Micros>(0).0).collect();
        Ok(ranges::answerable(dirty, &floors.collect(), &restored))
    }

    /// Creates the time partitions of what will be written.
    async fn make_room(&self, dirty: &[Range], crossed: [Option<Range>; 2]) -> Result<(), WriteError> {
        let all: Vec<Range> = dirty
            .iter()
            .copied()
            .chain(crossed.into_iter().flatten())
            .collect();
        let days = ranges::days(&all);
        if days.is_empty() {
            return Ok(());
        }
        for level in Level::ROLLUPS {
            let far = Far::new(level.far_days(), usize::MAX);
            let partitions = Partitions::of(&self.client, level.table(), level.partition_days()).await?;
            let days = days.iter().map(|day| (*day, Micros(*day)));
            let pace = Pace::default();
            partitions
                .with_far(far)
                .ensure(&self.client, days, |_| "", &pace)
                .await?;
        }
        Ok(())
    }

    /// Computes minutes until the budget is spent. Returns the ranges that are done, those that are
    /// not, and how many rows were written.
    async fn minutes(
        &mut self,
        dirty: Vec<Range>,
        begun: Instant,
    ) -> Result<(Vec<Range>, Vec<Range>, u64), WriteError> {
        let (mut done, mut left, mut buckets) = (Vec::with_capacity(dirty.len()), dirty, 0);
        left.reverse();
        while !left.is_empty() && (done.is_empty() || begun.elapsed() < self.config.budget) {
            let some = some(&mut left, self.at_once * MINUTE);
            let at = Instant::now();
            buckets += self.tables[0].compute(&self.client, &some).await?;
            done.extend(some);
            self.at_once = at_once(self.at_once, at.elapsed());
            if at.elapsed() > STATEMENT * 4 {
                // Postgres is slow: what writers need comes first.
                break;
            }
        }
        left.reverse();
        Ok((done, left, buckets))
    }

    /// Computes the buckets of `step` that are complete: those of the ranges, and for every series the
    /// one that the edge has passed now. Until then the bucket has no row, so that each minute that
    /// is rolled up does not cost a row of every level.
    async fn coarser(
        &mut self,
        table: usize,
        done: &[Range],
        edge: i64,
        crossed: Option<Range>,
    ) -> Result<u64, WriteError> {
        let table = &self.tables[table];
        let step = table.level.width();
        let (mut left, mut buckets) = (ranges::widened(done, step, edge), 0);
        left.reverse();
        while !left.is_empty() {
            // Whole days, so no bucket is cut.
            let some = some(&mut left, self.at_once * MINUTE);
            let at = Instant::now();
            buckets += table.compute(&self.client, &some).await?;
            self.at_once = at_once(self.at_once, at.elapsed());
        }
        let Some(range) = crossed else {
            return Ok(buckets);
        };
        let last = self
            .client
            .query_one("select coalesce(max(id), 0) from series", &[]);
        let (mut first, last): (SeriesId, SeriesId) = (0, last.await?.get(0));
        while first <= last {
            let series = SeriesId::try_from(self.at_once * MINUTE / step).unwrap_or(SeriesId::MAX);
            let end = first.saturating_add(series);
            let at = Instant::now();
            buckets += table.compute_all(&self.client, range, first..end).await?;
            self.at_once = at_once(self.at_once, at.elapsed());
            first = end;
        }
        Ok(buckets)
    }

    /// The remaining work, for planning the next pass and for the gauges.
    async fn look(&mut self, now: Micros, buckets: u64) -> Result<Refreshed, WriteError> {
        let edge = self.edge().await?;
        let pending = "select count(*) filter (where min_ts < $1), max(id) from invalidations";
        let row = self.client.query_one(pending, &[&Micros(edge)]).await?;
        let (pending, newest): (i64, Option<i64>) = (row.get(0), row.get(1));
        self.metrics.invalidations.set(pending);
        self.metrics.rollup_edge_lag.set((now.0 - edge) / 1_000_000);
        let is_quiet = newest == self.newest;
        self.newest = newest;
        Ok(Refreshed {
            buckets,
            pending,
            is_quiet,
        })
    }
}

/// Minutes of series that the next statement should compute, after one of `now` that took so long.
fn at_once(now: i64, took: Duration) -> i64 {
    let fits = STATEMENT.as_secs_f64() / took.as_secs_f64().max(1e-6);
    // Only a measure, so it loses nothing as a float.
    let next = (now as f64 * fits.clamp(0.0, 2.0)) as i64;
    next.clamp(FEWEST, MOST) / FEWEST * FEWEST
}

/// The bucket that was incomplete at the old edge and is complete at the new one.
fn crossed(old: i64, new: i64, step: i64) -> Option<Range> {
    let from = round_down(old, step);
    (from < old && from + step <= new).then_some(Range {
        series: 0,
        from,
        to: from + step,
    })
}

/// Takes ranges of `length` in all from the end of the list, the last of them perhaps in part.
fn some(left: &mut Vec<Range>, length: i64) -> Vec<Range> {
    let (mut some, mut room) = (Vec::new(), length);
    while room > 0
        && let Some(range) = left.pop()
    {
        let to = range.to.min(range.from + room);
        room -= to - range.from;
        some.push(Range { to, ..range });
        if to < range.to {
            left.push(Range { from: to, ..range });
        }
    }
    some
}
