//! A small pool of read connections for one HTTP worker.
//!
//! Connections are opened when first needed, on the runtime that asks, and belong to it. Each has
//! the statement time-out set, so that no read outlives its welcome, and asks Postgres to notice
//! when we are gone.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::methods::LoadQuery;
use diesel_async::pooled_connection::deadpool::{BuildError, Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::error::ReadError;
use crate::data::Shares;
use crate::data::shares::{Limits, Turn};
use crate::store::connect::{DatabaseUrl, connect_to_read};

/// How long a new connection may take before Postgres counts as away.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a query waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many queries may wait, of all clients and of each.
const WAITING: usize = 1_024;
const WAITING_EACH: usize = 256;

pub(super) type Connections = Pool<AsyncPgConnection>;

/// No client may use all connections. Three quarters of them may be busy with expensive queries, and no
/// client may use all of those.
pub(super) fn shares(connections: usize) -> Arc<Shares> {
    let heavy = (connections * 3 / 4).max(1);
    Shares::new(Limits {
        all: connections.max(1),
        each: connections.saturating_sub(1).max(1),
        heavy,
        heavy_each: (heavy - 1).max(1),
        waiting: WAITING,
        waiting_each: WAITING_EACH,
        patience: PATIENCE,
    })
}

pub(super) fn build(
    url: DatabaseUrl,
    size: usize,
    statement_timeout: Duration,
) -> Result<Connections, BuildError> {
    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(move |_| {
        let url = url.clone();
        async move { open(&url, statement_timeout).await }.boxed()
    });
    // The manager's own URL stays empty: it would end up in its debug output.
    let manager = AsyncDieselConnectionManager::new_with_config("", config);
    Pool::builder(manager).max_size(size).build()
}

/// A connection on loan. If it is dropped within a statement or a transaction, it is closed: the next
/// borrower must not wait for an answer that nobody wants.
pub(super) struct Loan {
    connection: Option<Object<AsyncPgConnection>>,
    /// Given back after the connection: that of all clients, and perhaps that of its role.
    _turns: (Turn, Option<Turn>),
    statement_timeout: Duration,
    in_statement: bool,
    in_transaction: bool,
    #[cfg(test)]
    statements: Arc<std::sync::atomic::AtomicUsize>,
}

impl Loan {
    #[cfg(test)]
    pub(super) fn counting(mut self, statements: &Arc<std::sync::atomic::AtomicUsize>) -> Self {
        self.statements = statements.clone();
        self
    }

    /// The caller has turns, so a connection is free or can be opened.
    pub(super) async fn from(
        pool: &Connections,
        turns: (Turn, Option<Turn>),
        statement_timeout: Duration,
    ) -> Result<Self, ReadError> {
        match tokio::time::timeout(ACQUIRE, pool.get()).await {
            Ok(Ok(connection)) => Ok(Self {
                connection: Some(connection),
                _turns: turns,
                statement_timeout,
                in_statement: false,
                in_transaction: false,
                #[cfg(test)]
                statements: Arc::default(),
            }),
            // The pool's own words say no more than that there is no connection.
            Ok(Err(error)) => Err(ReadError::Unavailable(
                error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string),
            )),
            Err(_) => Err(ReadError::Unavailable("it does not answer".to_owned())),
        }
    }

    // Boxed, over queries that own what they bind: the compiler cannot show that an `async fn` is
    // Send whose callers hold diesel's query types across an await.
    pub(super) fn load<Q, U>(&mut self, query: Q) -> BoxFuture<'_, Result<Vec<U>, ReadError>>
    where
        Q: LoadQuery<'static, AsyncPgConnection, U> + Send + 'static,
        U: Send + 'static,
    {
        async move {
            let (started, patience) = (Instant::now(), self.patience());
            self.in_statement = true;
            let answer = tokio::time::timeout(patience, query.load(self.connection()?)).await;
            self.judge(answer.ok(), started).await
        }
        .boxed()
    }

    /// Until [`end`](Self::end) all statements see one snapshot, and no partition is dropped.
    pub(super) async fn begin(&mut self) -> Result<(), ReadError> {
        self.in_transaction = true;
        // The lock comes before the snapshot, which the first query takes: data dropped before the
        // lock lies below a horizon that the snapshot shows.
        self.run(
            "begin isolation level repeatable read read only;
             lock table only points, only rollup_1m, only rollup_1h, only rollup_1d in access share mode",
        )
        .await
    }

    /// Ends the transaction and hands `answer` on.
    pub(super) async fn end<T>(mut self, answer: Result<T, ReadError>) -> Result<T, ReadError> {
        if !self.in_statement {
            self.run("rollback").await?;
            self.in_transaction = false;
        }
        answer
    }

    async fn run(&mut self, statements: &str) -> Result<(), ReadError> {
        let (started, patience) = (Instant::now(), self.patience());
        self.in_statement = true;
        let connection = self.connection()?;
        let answer = tokio::time::timeout(patience, connection.batch_execute(statements)).await;
        self.judge(answer.ok(), started).await
    }

    async fn judge<T>(
        &mut self,
        answer: Option<diesel::QueryResult<T>>,
        started: Instant,
    ) -> Result<T, ReadError> {
        #[cfg(test)]
        self.statements.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let answer = answer.ok_or(ReadError::Timeout)?;
        let timed_out = started.elapsed() >= self.statement_timeout;
        if answer.is_err() && !timed_out && self.is_broken().await {
            return Err(ReadError::Unavailable("the connection broke".to_owned()));
        }
        self.in_statement = false;
        answer.map_err(|error| ReadError::from_statement(error, timed_out))
    }

    /// Longer than Postgres' own time-out: for a server or a network that no longer answers.
    fn patience(&self) -> Duration {
        self.statement_timeout + Duration::from_secs(2)
    }

    fn connection(&mut self) -> Result<&mut AsyncPgConnection, ReadError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            None => Err(ReadError::Unavailable("given back".to_owned())),
        }
    }

    /// Asks the server. Diesel drops the SQLSTATE, which would tell a session that the server ended from
    /// a statement that it refused.
    async fn is_broken(&mut self) -> bool {
        match &mut self.connection {
            Some(connection) => connection.batch_execute("").await.is_err(),
            None => true,
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && (self.in_statement || self.in_transaction)
        {
            drop(Object::take(connection));
        }
    }
}

async fn open(url: &DatabaseUrl, timeout: Duration) -> ConnectionResult<AsyncPgConnection> {
    let refuse = |error: String| ConnectionError::BadConnection(error);
    let client = connect_to_read(url, timeout)
        .await
        .map_err(|e| refuse(e.to_string()))?;
    AsyncPgConnection::try_from(client).await
}
