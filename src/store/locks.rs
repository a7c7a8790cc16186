//! All advisory locks that nodes use.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, Error, GenericClient};

/// Taken while migrations run: many nodes may start at once.
pub(super) const MIGRATE: i64 = 0x5753_0001;
/// Shared by every session of a running node; a rewind needs it alone.
pub(super) const RUNNING: i64 = 0x5753_0002;
/// Shared by every write transaction; `delete-series` needs it alone.
pub(super) const CATALOGUE: i64 = 0x5753_0003;
/// Taken while a time partition is created.
pub(super) const PARTITIONS: i64 = 0x5753_0004;
/// Taken by the one node that forgets old rows.
pub(super) const MAINTAIN: i64 = 0x5753_0005;
/// Taken while rollups are made, and while retention deletes what they are made from.
pub(super) const ROLLUPS: i64 = 0x5753_0006;
/// Taken by the one node that writes to the archive.
pub(super) const ARCHIVE: i64 = 0x5753_0007;

/// How long a command waits for a lock: the server learns of the end of a session a moment after it.
pub const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// Waits for a lock that is held until the transaction ends.
pub(super) async fn hold(transaction: &impl GenericClient, lock: i64) -> Result<(), Error> {
    let wait = "select pg_advisory_xact_lock($1)";
    transaction.execute(wait, &[&lock]).await.map(drop)
}

/// Tries to take a lock for as long as the session lasts; otherwise as [`acquire`].
pub(super) async fn alone(client: &Client, lock: i64, patience: Duration) -> Result<bool, Error> {
    acquire(client, "select pg_try_advisory_lock($1)", lock, patience).await
}

/// Tries `statement` (a `pg_try_…` function of one lock) until it succeeds, at most for `patience`.
/// Says so once when it has to wait. False where another session holds the lock all the time.
pub(super) async fn acquire(
    client: &impl GenericClient,
    statement: &str,
    lock: i64,
    patience: Duration,
) -> Result<bool, Error> {
    let begun = Instant::now();
    let mut told = patience.is_zero();
    while !client.query_one(statement, &[&lock]).await?.get::<_, bool>(0) {
        if begun.elapsed() >= patience {
            return Ok(false);
        }
        if !told {
            tracing::info!(at_most = ?patience, "waiting for another streamsync session on this database");
            told = true;
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(true)
}
