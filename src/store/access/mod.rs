//! The tables of access control.

use tokio_postgres::{Client, GenericClient};

use super::connect::listen::connect_to_listen;
use super::connect::{DatabaseUrl, connect_to_work};
use super::error::WriteError;

pub mod audit;
pub mod keys;
pub mod sessions;

/// The channel on which every change is told to all nodes.
const CHANGED: &str = "streamsync_auth";

/// As one row, it lets one change be made after the other: whoever reads an epoch sees everything that
/// was changed up to it.
const NEXT_EPOCH: &str = "with next as (update auth_epoch set epoch = epoch + 1 returning epoch)
    select pg_notify($1, epoch::text) from next";

/// Tells all nodes of a change. To be called in its transaction.
pub async fn changed(client: &impl GenericClient) -> Result<(), WriteError> {
    client.query_one(NEXT_EPOCH, &[&CHANGED]).await?;
    Ok(())
}

pub async fn epoch(client: &impl GenericClient) -> Result<i64, WriteError> {
    let row = client.query_one("select epoch from auth_epoch", &[]).await?;
    Ok(row.get(0))
}

/// A session that calls `heard` soon after each change, where the server lets it listen.
pub async fn connect_to_follow(
    url: &DatabaseUrl,
    heard: impl Fn() + Send + 'static,
) -> Result<Client, WriteError> {
    Ok(connect_to_listen(url, CHANGED, heard).await?)
}

/// A session for a few changes.
pub async fn connect_to_change(url: &DatabaseUrl) -> Result<Client, WriteError> {
    let client = connect_to_work(url).await?;
    client.batch_execute("set statement_timeout = '8s'").await?;
    Ok(client)
}
