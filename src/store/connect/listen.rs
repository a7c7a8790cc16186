//! A session that is told what others notify.

use futures_util::{StreamExt, stream};
use tokio_postgres::{AsyncMessage, Client};

use super::{DatabaseUrl, SESSION, set};
use crate::store::error::ConnectError;

/// As [`connect`](super::connect), and `heard` is called for each notification on the channel. A pooler
/// between us and the server may keep them back, so that nobody may rely on them.
///
/// # Errors
/// The server cannot be reached or refuses.
pub async fn connect_to_listen(
    url: &DatabaseUrl,
    channel: &str,
    heard: impl Fn() + Send + 'static,
) -> Result<Client, ConnectError> {
    let failed = |source| ConnectError::Postgres {
        url: url.to_string(),
        source,
    };
    let tls = url.tls.connector().map_err(|error| ConnectError::Tls {
        url: url.to_string(),
        why: error.to_string(),
    })?;
    let connecting = Box::pin(url.config.connect(tls));
    let (client, mut connection) = connecting.await.map_err(failed)?;
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(_)) => heard(),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "a postgres connection ended");
                    return;
                }
            }
        }
    });
    set(url, &client, &SESSION).await?;
    set(url, &client, &[&format!("listen {channel}")]).await?;
    Ok(client)
}
