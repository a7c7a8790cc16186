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

const LETS_IN: &str = "select exists (select from api_keys
    where id = $1 and version = $2 and revoked is null and (expires is null or expires > now()))";

const END: &str = "update sessions set expires = now(), epoch = $2 where hash = $1 and expires > now()";

const COLUMNS: &str = "hash, subject, key_id, key_version, claims::text, expires, refresh is not null";

/// What has changed since an epoch.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    pub begun: Vec<StoredSession>,
    /// Their hashes.
    pub ended: Vec<[u8; 32]>,
}

/// What came of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    Session,
    /// The key was revoked or rotated meanwhile, or has expired.
    KeyEnded,
    TooMany,
}

/// `refresh`: the encrypted token.
pub async fn begin(
    client: &mut Client,
    session: &StoredSession,
    refresh: Option<&[u8]>,
) -> Result<Begun, WriteError> {
    let (key, version, claims) = match &session.by {
        SignedIn::Key { id, version } => (Some(id), Some(version), None),
        SignedIn::Token(claims) => (None, None, Some(Value::from(claims.clone()).to_string())),
    };
    let transaction = client.transaction().await?;
    // First, so that sessions and keys change one after the other, each with a number of its own.
    let epoch = super::sessions_changed(&transaction).await?;
    if let SignedIn::Key { id, version } = &session.by
        && !transaction
            .query_one(LETS_IN, &[id, version])
            .await?
            .get::<_, bool>(0)
    {
        return Ok(Begun::KeyEnded);
    }
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
    Ok(match inserted {
        1 => Begun::Session,
        _ => Begun::TooMany,
    })
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

    use futures_util::future::try_join_all;
    use serde_json::json;
    use tokio::time::sleep;

    use super::*;
    use crate::store::access::{connect_to_change, epoch, keys};
    use crate::store::testing::Database;

    const KEYS: &str = "insert into api_keys (id, name, role, hash, version, created_by)
        select id, id, 'x', sha256(''), 3, 'x' from unnest('{a,b}'::text[]) id";

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
        db.run(KEYS).await;
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
        for begun in [&one, &two] {
            assert_eq!(begin(&mut client, begun, None).await.unwrap(), Begun::Session);
        }
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
            let begun = begin(&mut client, &session(n, "key:a", key.clone()), None).await;
            assert_eq!(begun.unwrap(), Begun::Session);
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
        let begun = begin(&mut client, &session(99, "key:b", key), None).await;
        assert_eq!(begun.unwrap(), Begun::TooMany);
    }

    /// Until so many sessions wait for a lock.
    async fn wait(db: &Database, count: &str) {
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        while db.rows(waiting).await != [count] {
            sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_key_that_ends_while_somebody_signs_in_with_it_leaves_no_session() {
        let db = Database::create().await;
        let by = SignedIn::Key {
            id: "a".to_owned(),
            version: 3,
        };
        let session = &session(1, "key:a", by);
        let others = [(); 3].map(|()| connect_to_change(&db.url));
        let [mut holds, mut signs_in, mut ends] =
            try_join_all(others).await.unwrap().try_into().expect("three");
        for (rotates, signs_in_first) in [(false, false), (false, true), (true, false), (true, true)] {
            db.run("delete from api_keys").await;
            db.run(KEYS).await;
            let held = holds.transaction().await.unwrap();
            held.execute("select from auth_epoch for update", &[])
                .await
                .unwrap();
            let signing_in = async {
                wait(&db, if signs_in_first { "0" } else { "1" }).await;
                begin(&mut signs_in, session, None).await.unwrap()
            };
            let ending = async {
                wait(&db, if signs_in_first { "1" } else { "0" }).await;
                let ended = match rotates {
                    true => keys::rotate(&mut ends, "a", &[9; 32]).await,
                    false => keys::revoke(&mut ends, "a").await,
                };
                assert!(ended.unwrap().is_some());
            };
            let both = async {
                wait(&db, "2").await;
                held.rollback().await.unwrap();
            };
            let (begun, ..) = tokio::join!(signing_in, ending, both);
            let expected = match signs_in_first {
                true => Begun::Session,
                false => Begun::KeyEnded,
            };
            assert_eq!(begun, expected);
            assert_eq!(all(&db.client).await.unwrap(), []);
            assert_eq!(
                begin(&mut signs_in, session, None).await.unwrap(),
                Begun::KeyEnded
            );
        }
    }
}
