//! The tables of access control.

use tokio_postgres::{Client, GenericClient};

use super::connect::{DatabaseUrl, connect_to_listen, connect_to_work};
use super::error::WriteError;

pub mod audit;
pub mod keys;
pub mod refresh;
pub mod sessions;

/// The channel on which every change is told to all nodes.
const CHANGED: &str = "streamsync_auth";

/// As one row, it lets one change be made after the other: whoever reads an epoch sees everything that
/// was changed up to it.
const NEXT_EPOCH: &str = "with next as (
        update auth_epoch set epoch = epoch + 1, sessions = sessions + $2 returning epoch)
    select epoch, pg_notify($1, epoch::text) from next";

/// Counts changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch {
    pub all: i64,
    /// Those of sessions alone.
    pub sessions: i64,
}

impl Epoch {
    /// Changes of keys, and those made by hand.
    pub fn others(self) -> i64 {
        self.all - self.sessions
    }
}

/// Tells all nodes of a change. To be called in its transaction.
pub async fn changed(client: &impl GenericClient) -> Result<(), WriteError> {
    client.query_one(NEXT_EPOCH, &[&CHANGED, &0_i64]).await?;
    Ok(())
}

/// The same for a change of sessions alone, whose rows get the number that this returns.
async fn sessions_changed(client: &impl GenericClient) -> Result<i64, WriteError> {
    let row = client.query_one(NEXT_EPOCH, &[&CHANGED, &1_i64]).await?;
    Ok(row.get(0))
}

pub async fn epoch(client: &impl GenericClient) -> Result<Epoch, WriteError> {
    let row = client
        .query_one("select epoch, sessions from auth_epoch", &[])
        .await?;
    Ok(Epoch {
        all: row.get(0),
        sessions: row.get(1),
    })
}

/// A session that calls `heard` soon after each change, where the server lets it listen.
pub async fn connect_to_follow(
    url: &DatabaseUrl,
    heard: impl Fn() + Send + 'static,
) -> Result<Client, WriteError> {
    Ok(connect_to_listen(url, CHANGED, move |_| heard()).await?)
}

/// A session for a few changes.
pub async fn connect_to_change(url: &DatabaseUrl) -> Result<Client, WriteError> {
    let client = connect_to_work(url).await?;
    client.batch_execute("set statement_timeout = '8s'").await?;
    Ok(client)
}
