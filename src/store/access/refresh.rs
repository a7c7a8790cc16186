//! Sessions that an issuer lets go on: the column `refresh` of the table `sessions`.

use serde_json::{Map, Value};
use tokio_postgres::{Client, GenericClient};

use crate::data::Micros;
use crate::store::error::WriteError;

/// One node at a time: most issuers take a refresh token once. What a node that has died began is begun
/// again.
const TAKE: &str = "update sessions set refreshing = now()
    where hash = $1 and expires > now() and refresh is not null
        and (refreshing is null or refreshing < now() - interval '30 seconds')
    returning refresh, created";

const GO_ON: &str = "update sessions
    set claims = $2::text::jsonb, expires = $3, refresh = $4, refreshing = null, epoch = $5
    where hash = $1 and expires > now()";

const FORGET: &str = "update sessions set refresh = null, epoch = $2 where hash = $1 and expires > now()";

/// An encrypted token, and when the session began.
#[derive(Debug)]
pub struct Taken {
    pub refresh: Vec<u8>,
    pub begun: Micros,
}

/// `None` where there is no token, or it is used at the moment.
pub async fn take(client: &impl GenericClient, hash: &[u8; 32]) -> Result<Option<Taken>, WriteError> {
    let row = client.query_opt(TAKE, &[&&hash[..]]).await?;
    Ok(row.map(|row| Taken {
        refresh: row.get(0),
        begun: row.get(1),
    }))
}

/// Nothing where the session has ended meanwhile.
pub async fn go_on(
    client: &mut Client,
    hash: &[u8; 32],
    claims: &Map<String, Value>,
    expires: Micros,
    refresh: &[u8],
) -> Result<(), WriteError> {
    let claims = Value::from(claims.clone()).to_string();
    let transaction = client.transaction().await?;
    let epoch = super::sessions_changed(&transaction).await?;
    transaction
        .execute(GO_ON, &[&&hash[..], &claims, &expires, &refresh, &epoch])
        .await?;
    Ok(transaction.commit().await?)
}

/// The session lasts as long as it does now.
pub async fn forget(client: &mut Client, hash: &[u8; 32]) -> Result<(), WriteError> {
    let transaction = client.transaction().await?;
    let epoch = super::sessions_changed(&transaction).await?;
    transaction.execute(FORGET, &[&&hash[..], &epoch]).await?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::store::access::connect_to_change;
    use crate::store::access::sessions::{SignedIn, StoredSession, all, begin, end};
    use crate::store::testing::Database;

    #[tokio::test]
    async fn a_refresh_token_is_used_by_one_and_a_session_that_has_ended_does_not_go_on() {
        let db = Database::create().await;
        let mut client = connect_to_change(&db.url).await.unwrap();
        let now = Micros::now();
        let claims = json!({ "sub": "ada", "iss": "i" }).as_object().unwrap().clone();
        let session = StoredSession {
            hash: [1; 32],
            subject: "i|ada".to_owned(),
            by: SignedIn::Token(claims.clone()),
            expires: now.plus(Duration::from_secs(60)),
            refreshes: true,
        };
        begin(&mut client, &session, Some(b"one")).await.unwrap();
        let taken = take(&client, &session.hash).await.unwrap().unwrap();
        assert_eq!(taken.refresh, b"one");
        assert!(take(&client, &session.hash).await.unwrap().is_none());
        db.run("update sessions set refreshing = now() - interval '31 s'")
            .await;
        assert!(take(&client, &session.hash).await.unwrap().is_some());

        let later = now.plus(Duration::from_secs(120));
        go_on(&mut client, &session.hash, &claims, later, b"two")
            .await
            .unwrap();
        assert_eq!(all(&client).await.unwrap()[0].expires, later);
        assert_eq!(
            take(&client, &session.hash).await.unwrap().unwrap().refresh,
            b"two"
        );
        forget(&mut client, &session.hash).await.unwrap();
        assert!(!all(&client).await.unwrap()[0].refreshes);

        end(&mut client, &session.hash).await.unwrap();
        go_on(&mut client, &session.hash, &claims, later, b"three")
            .await
            .unwrap();
        assert_eq!(all(&client).await.unwrap(), []);
    }
}
