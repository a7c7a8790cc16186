//! One node tells the others to read their configuration again.

use tokio_postgres::Client;

use super::connect::{DatabaseUrl, connect, connect_to_listen};
use super::error::WriteError;

const CHANNEL: &str = "streamsync_reload";

/// A session that calls `heard` soon after each call of [`tell`] by another node than `own`, where the
/// server lets it listen.
pub async fn connect_to_hear(
    url: &DatabaseUrl,
    own: String,
    heard: impl Fn() + Send + 'static,
) -> Result<Client, WriteError> {
    let by_others = move |who: &str| {
        if who != own {
            heard();
        }
    };
    Ok(connect_to_listen(url, CHANNEL, by_others).await?)
}

pub async fn tell(url: &DatabaseUrl, own: &str) -> Result<(), WriteError> {
    let client = connect(url).await?;
    client
        .execute("select pg_notify($1, $2)", &[&CHANNEL, &own])
        .await?;
    Ok(())
}
