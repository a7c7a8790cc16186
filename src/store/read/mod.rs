//! All reads that answer queries: one small diesel-async pool and one file for each kind of query.
//!
//! Every answer is complete or an error; a limit never cuts one silently. Times are half-open,
//! `from <= ts < to`. Pages are found by key, so rows that arrive in between do not shift them.

mod error;
mod pool;
mod series;
mod labels;
mod known;
mod metrics;
mod search;
mod latest;
mod instants;
mod history;
mod windows;
mod points;
mod dead_letters;
mod overview;
mod version;
mod storage;
mod audit;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use diesel_async::methods::LoadQuery;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub use audit::{AuditFilter, AuditRow};
pub use dead_letters::{DeadLetter, DeadLetterCount, DeadLetterFilter};
pub use error::ReadError;
pub use latest::LatestPoint;
pub use metrics::MetricFilter;
pub use overview::{Gap, IngestOffset};
pub use points::{PointKey, PointRow};
pub use search::{Counted, Search};
pub use storage::{LevelStorage, Progress, StreamHorizon};

use self::pool::Loan;
use super::connect::DatabaseUrl;
use crate::data::meter::{Limit, OnRefusal};
use crate::data::{Class, ClientKey, Matched, Meter, Overloaded, SeriesId, Shares};

/// The limits of one read.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Connections of one pool.
    pub connections: usize,
    pub statement_timeout: Duration,
    /// Rows of one answer that is not paged.
    pub rows: usize,
    /// Series that one `history` or `latest` may cover.
    pub series: usize,
    /// Series times instants of one evaluation.
    pub instants: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            connections: 4,
            statement_timeout: Duration::from_secs(10),
            rows: 100_000,
            series: 10_000,
            instants: 1_000_000,
        }
    }
}

/// One page of an ordered list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// True when at least one more row follows.
    pub more: bool,
}

impl<T> Page<T> {
    /// Takes rows that were read with a limit of `first + 1`.
    fn cut(mut rows: Vec<T>, first: usize) -> Self {
        let more = rows.len() > first;
        rows.truncate(first);
        Self { rows, more }
    }
}

/// The read side of the store, for one HTTP worker; clones share the pool.
#[derive(Clone)]
pub struct Reader {
    pool: pool::Connections,
    shares: Arc<Shares>,
    limits: ReadLimits,
    /// The client whose share its reads use.
    client: ClientKey,
    /// What its expensive reads count for as well.
    meter: Option<Arc<Meter>>,
    on_refusal: OnRefusal,
    /// How many statements were sent, so that tests can see that no query sends one for each series.
    #[cfg(test)]
    statements: Arc<std::sync::atomic::AtomicUsize>,
}

impl Reader {
    /// Opens nothing yet: the first read connects.
    ///
    /// # Errors
    /// `Other` when the pool cannot be built from `limits`.
    pub fn new(url: DatabaseUrl, limits: ReadLimits) -> Result<Self, ReadError> {
        let pool = pool::build(url, limits.connections, limits.statement_timeout)
            .map_err(|error| ReadError::Other(error.to_string()))?;
        Ok(Self {
            pool,
            shares: pool::shares(limits.connections),
            limits,
            client: ClientKey::UNKNOWN,
            meter: None,
            on_refusal: Arc::new(|_| {}),
            #[cfg(test)]
            statements: Arc::default(),
        })
    }

    /// The same connections, for the reads of one client.
    pub fn for_client(&self, client: ClientKey) -> Self {
        let mut own = self.clone();
        own.client = client;
        own
    }

    /// The same, for a client whose role has limits.
    pub fn metered(&self, meter: Option<&Arc<Meter>>) -> Self {
        let mut own = self.clone();
        own.meter = meter.cloned();
        own
    }

    /// Tells of each read for which there was no turn.
    #[must_use]
    pub fn on_refusal(self, on_refusal: OnRefusal) -> Self {
        Self { on_refusal, ..self }
    }

    /// There is no turn for a read.
    pub fn refused(&self, why: Overloaded) -> ReadError {
        (self.on_refusal)(Limit::Reads);
        why.into()
    }

    pub fn client(&self) -> ClientKey {
        self.client
    }

    pub fn limits(&self) -> ReadLimits {
        self.limits
    }

    // Boxed for the reason given at `Loan::load`.
    fn load<Q, U>(&self, query: Q) -> BoxFuture<'_, Result<Vec<U>, ReadError>>
    where
        Q: LoadQuery<'static, AsyncPgConnection, U> + Send + 'static,
        U: Send + 'static,
    {
        self.load_as(Class::Cheap, query)
    }

    fn load_as<Q, U>(&self, class: Class, query: Q) -> BoxFuture<'_, Result<Vec<U>, ReadError>>
    where
        Q: LoadQuery<'static, AsyncPgConnection, U> + Send + 'static,
        U: Send + 'static,
    {
        async move { self.loan(class).await?.load(query).await }.boxed()
    }

    async fn loan(&self, class: Class) -> Result<Loan, ReadError> {
        let own = match &self.meter {
            Some(meter) if class == Class::Heavy => meter.heavy_read().await?,
            _ => None,
        };
        let turn = self.shares.turn(self.client, class).await;
        let turn = turn.map_err(|why| self.refused(why))?;
        let loan = Loan::from(&self.pool, (turn, own), self.limits.statement_timeout).await?;
        #[cfg(test)]
        let loan = loan.counting(&self.statements);
        Ok(loan)
    }

    /// What `work` reads in one snapshot, in which no partition is dropped.
    async fn in_snapshot<T>(
        &self,
        class: Class,
        work: impl AsyncFnOnce(&mut Loan) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let mut loan = self.loan(class).await?;
        loan.begin().await?;
        let answer = work(&mut loan).await;
        loan.end(answer).await
    }

    /// Refuses an answer that has the one row more than allowed that the statement asked for.
    fn whole<T>(&self, rows: Vec<T>) -> Result<Vec<T>, ReadError> {
        if rows.len() > self.limits.rows {
            return Err(ReadError::TooManyRows {
                limit: self.limits.rows,
            });
        }
        Ok(rows)
    }

    /// `first` rows, or all: one more than the limit, which [`whole`](Self::whole) refuses.
    fn rows(&self, first: Option<usize>) -> i64 {
        first.map_or(self.one_too_many(), |first| {
            i64::try_from(first).unwrap_or(i64::MAX)
        })
    }

    /// One row more than the limit, as `limit` of a statement.
    fn one_too_many(&self) -> i64 {
        one_more(self.limits.rows)
    }
}

fn ids(of: &[Matched]) -> Vec<SeriesId> {
    of.iter().map(|series| series.id).collect()
}

fn one_more(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX).saturating_add(1)
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("limits", &self.limits)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
