//! Browsers that are signed in: the table `sessions`.

use serde_json::{Map, Value};
use tokio_postgres::{Client, GenericClient, Row};

use crate::data::Micros;
use crate::store::error::WriteError;

/// Of one subject, and of all.
const OF_SUBJECT: i64 = 20;
const OF_ALL: i64 = 10_000;

/// How somebody signed in.
#[derive(Clone, Debug, PartialEq)]
pub enum SignedIn {
    /// With this API key, which has been rotated so often.
    Key { id: String, version: i32 },
    /// With a token that said this.
    Token(Map<String, Value>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct StoredSession {
    pub hash: [u8; 32],
    pub subject: String,
    pub by: SignedIn,
    pub expires: Micros,
    /// There is a refresh token.
    pub refreshes: bool,
}

/// Every node has read by then which sessions have ended.
const FORGET: &str = "delete from sessions where expires <= now() - interval '5 minutes'";

/// A subject that signs in again and again ends its oldest sessions.
const END_OLDEST: &str = "update sessions set expires = now(), epoch = $3 where hash in (
    select hash from sessions where subject = $1 and expires > now() order by created desc offset $2::bigint - 1)";

const BEGIN: &str =
    "insert into sessions (hash, subject, key_id, key_version, claims, expires, epoch, refresh)
    select $1, $2, $3, $4, $5::text::jsonb, $6, $8, $9
    where (select count(*) from sessions where expires > now()) < $7";

const END: &str = "update sessions set expires = now(), epoch = $2 where hash = $1 and expires > now()";

const COLUMNS: &str = "hash, subject, key_id, key_version, claims::text, expires, refresh is not null";

/// What has changed since an epoch.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    pub begun: Vec<StoredSession>,
    /// Their hashes.
    pub ended: Vec<[u8; 32]>,
}

/// False where there are too many sessions. `refresh`: the encrypted token.
pub async fn begin(
    client: &mut Client,
    session: &StoredSession,
    refresh: Option<&[u8]>,
) -> Result<bool, WriteError> {
    let (key, version, claims) = match &session.by {
        SignedIn::Key { id, version } => (Some(id), Some(version), None),
        SignedIn::Token(claims) => (None, None, Some(Value::from(claims.clone()).to_string())),
    };
    let transaction = client.transaction().await?;
    // First, so that sessions change one after the other, each with a number of its own.
    let epoch = super::sessions_changed(&transaction).await?;
    transaction.execute(FORGET, &[]).await?;
    transaction
        .execute(END_OLDEST, &[&session.subject, &OF_SUBJECT, &epoch])
        .await?;
    let inserted = transaction
        .execute(
            BEGIN,
            &[
                &&session.hash[..],
                &session.subject,
                &key,
                &version,
                &claims,
                &session.expires,
                &OF_ALL,
                &epoch,
                &refresh,
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(inserted == 1)
}

pub async fn end(client: &mut Client, hash: &[u8; 32]) -> Result<(), WriteError> {
    let transaction = client.transaction().await?;
    let epoch = super::sessions_changed(&transaction).await?;
    transaction.execute(END, &[&&hash[..], &epoch]).await?;
    Ok(transaction.commit().await?)
}

/// Those that have not expired.
pub async fn all(client: &impl GenericClient) -> Result<Vec<StoredSession>, WriteError> {
    let all = format!("select {COLUMNS} from sessions where expires > now()");
    let rows = client.query(&all, &[]).await?;
    Ok(rows.iter().filter_map(session).collect())
}

/// What has changed since this epoch, if that was a few minutes ago at most. What has expired is not told.
pub async fn since(client: &impl GenericClient, epoch: i64) -> Result<Changes, WriteError> {
    let since = format!("select {COLUMNS}, expires > now() from sessions where epoch > $1");
    let rows = client.query(&since, &[&epoch]).await?;
    let mut changes = Changes::default();
    for session in &rows {
        match session.get(7) {
            true => changes.begun.extend(self::session(session)),
            false => changes.ended.extend(hash(session)),
        }
    }
    Ok(changes)
}

fn hash(row: &Row) -> Option<[u8; 32]> {
    row.get::<_, &[u8]>(0).try_into().ok()
}

/// `None` for a row that we did not write.
fn session(row: &Row) -> Option<StoredSession> {
    let (key, version) = (row.get::<_, Option<String>>(2), row.get::<_, Option<i32>>(3));
    let by = match (key.zip(version), row.get::<_, Option<&str>>(4)) {
        (Some((id, version)), None) => SignedIn::Key { id, version },
        (None, Some(claims)) => SignedIn::Token(serde_json::from_str(claims).ok()?),
        _ => return None,
    };
    Some(StoredSession {
        hash: hash(row)?,
        subject: row.get(1),
        by,
        expires: row.get(5),
        refreshes: row.get(6),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::store::access::{connect_to_change, epoch};
    use crate::store::testing::Database;

    fn session(n: u8, subject: &str, by: SignedIn) -> StoredSession {
        StoredSession {
            hash: [n; 32],
            subject: subject.to_owned(),
            by,
            expires: Micros(Micros::now().plus(Duration::from_secs(60)).0),
            refreshes: false,
        }
    }

    #[tokio::test]
    async fn a_session_is_there_until_it_ends_and_each_change_is_an_epoch() {
        let db = Database::create().await;
        let mut client = connect_to_change(&db.url).await.unwrap();
        let before = epoch(&client).await.unwrap();
        let key = SignedIn::Key {
            id: "a".to_owned(),
            version: 3,
        };
        let claims = json!({ "sub": "ada", "n": 18446744073709551615_u64, "list": ["x"] });
        let token = SignedIn::Token(claims.as_object().unwrap().clone());
        let (one, two) = (
            session(1, "key:a", key.clone()),
            session(2, "https://i|ada", token),
        );
        assert!(
            begin(&mut client, &one, None).await.unwrap() && begin(&mut client, &two, None).await.unwrap()
        );
        let mut found = all(&client).await.unwrap();
        found.sort_by_key(|session| session.hash);
        assert_eq!(found, [one, two.clone()]);
        let begun = epoch(&client).await.unwrap().all;
        end(&mut client, &[1; 32]).await.unwrap();
        let first = Changes {
            begun: vec![two.clone()],
            ended: vec![[1; 32]],
        };
        assert_eq!(since(&client, before.all).await.unwrap(), first);
        let last = Changes {
            begun: vec![],
            ended: vec![[1; 32]],
        };
        assert_eq!(since(&client, begun).await.unwrap(), last);
        assert_eq!(all(&client).await.unwrap(), [two]);
        let after = epoch(&client).await.unwrap();
        assert_eq!(after.sessions, before.sessions + 3);
        assert_eq!(after.others(), before.others());

        db.run("update sessions set expires = now() - interval '6 min'")
            .await;
        assert_eq!(all(&client).await.unwrap(), []);
        for n in 0..30 {
            assert!(
                begin(&mut client, &session(n, "key:a", key.clone()), None)
                    .await
                    .unwrap()
            );
        }
        let left = all(&client).await.unwrap();
        assert_eq!(left.len(), 20);
        assert!(
            left.iter().all(|session| session.hash[0] >= 10),
            "the oldest have ended"
        );
        assert_eq!(
            db.rows("select count(*) from sessions").await,
            ["30"],
            "what has expired is gone"
        );
        let changes = since(&client, after.all).await.unwrap();
        assert_eq!((changes.begun.len(), changes.ended.len()), (20, 10));
        db.run("insert into sessions (hash, subject, key_id, key_version, expires)
            select sha256(n::text::bytea), 'x', 'x', 1, now() + interval '1 h' from generate_series(1, 10000) n").await;
        assert!(
            !begin(&mut client, &session(99, "key:b", key), None)
                .await
                .unwrap()
        );
    }
}
