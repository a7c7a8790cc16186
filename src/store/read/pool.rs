//! A small pool of read connections for one HTTP worker.
//!
//! Connections are opened when first needed, on the runtime that asks, and belong to it. Each has
//! the statement time-out set, so that no read outlives its welcome, and asks Postgres to notice
//! when we are gone.

use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::{BuildError, Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;

use super::error::ReadError;
use crate::store::connect::{DatabaseUrl, connect_to_read};

/// How long a request waits for a free connection before Postgres counts as away.
const ACQUIRE: Duration = Duration::from_secs(5);

pub(super) type Connections = Pool<AsyncPgConnection>;

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

/// A connection on loan. Dropped before [`Loan::give_back`], in the middle of a statement, it is
/// closed: the next borrower must not wait for an answer nobody wants.
pub(super) struct Loan(Option<Object<AsyncPgConnection>>);

impl Loan {
    pub(super) async fn from(pool: &Connections) -> Result<Self, ReadError> {
        match tokio::time::timeout(ACQUIRE, pool.get()).await {
            Ok(Ok(connection)) => Ok(Self(Some(connection))),
            Ok(Err(error)) => Err(ReadError::Unavailable(error.to_string())),
            Err(_) => Err(ReadError::Unavailable("no free connection".to_owned())),
        }
    }

    pub(super) fn connection(&mut self) -> Result<&mut AsyncPgConnection, ReadError> {
        match &mut self.0 {
            Some(connection) => Ok(connection),
            None => Err(ReadError::Unavailable("given back".to_owned())),
        }
    }

    /// Asks the server. Diesel drops the SQLSTATE by which a session that the server ended would be
    /// told from a statement that it refused.
    pub(super) async fn is_broken(&mut self) -> bool {
        match &mut self.0 {
            Some(connection) => connection.batch_execute("").await.is_err(),
            None => true,
        }
    }

    pub(super) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
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
