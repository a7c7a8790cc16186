//! API keys: the table `api_keys`. A key that was revoked stays, so that it can be looked up.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, Row};

use super::changed;
use crate::data::Micros;
use crate::data::installation::TAG;
use crate::store::error::WriteError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    pub id: String,
    pub name: String,
    pub role: String,
    /// Counts how often it was rotated.
    pub version: i32,
    pub created: Micros,
    /// The subject of whoever made it.
    pub created_by: String,
    pub expires: Option<Micros>,
    pub revoked: Option<Micros>,
    /// To the minute.
    pub last_used: Option<Micros>,
}

#[derive(Clone, Debug)]
pub struct NewKey<'k> {
    pub id: &'k str,
    pub name: &'k str,
    pub role: &'k str,
    pub hash: &'k [u8; TAG],
    pub created_by: &'k str,
    pub expires: Option<Micros>,
}

/// A key that lets somebody in, with what its secret is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsableKey {
    pub hash: [u8; TAG],
    pub key: StoredKey,
}

const COLUMNS: &str = "id, name, role, version, created, created_by, expires, revoked, last_used";

const INSERT: &str = "insert into api_keys (id, name, role, hash, created_by, expires)
    values ($1, $2, $3, $4, $5, $6) on conflict do nothing";

const USED: &str = "update api_keys k set last_used = u.at
    from unnest($1::text[], $2::timestamptz[]) as u(id, at)
    where k.id = u.id and (k.last_used is null or k.last_used < u.at)";

const END_SESSIONS: &str = "delete from sessions where key_id = $1";

/// `None` where a key that is not revoked has the name.
///
/// # Errors
/// Postgres cannot do it now.
pub async fn insert(client: &mut Client, new: &NewKey<'_>) -> Result<Option<StoredKey>, WriteError> {
    let insert = format!("{INSERT} returning {COLUMNS}");
    let hash = &new.hash[..];
    let transaction = client.transaction().await?;
    let row = transaction
        .query_opt(
            &insert,
            &[
                &new.id,
                &new.name,
                &new.role,
                &hash,
                &new.created_by,
                &new.expires,
            ],
        )
        .await?;
    changed(&transaction).await?;
    transaction.commit().await?;
    Ok(row.as_ref().map(stored))
}

/// All of them, also those that let nobody in any more.
///
/// # Errors
/// Postgres cannot do it now.
pub async fn list(client: &impl GenericClient) -> Result<Vec<StoredKey>, WriteError> {
    let list = format!("select {COLUMNS} from api_keys order by created, id");
    let rows = client.query(&list, &[]).await?;
    Ok(rows.iter().map(stored).collect())
}

/// Those that let somebody in.
///
/// # Errors
/// Postgres cannot do it now.
pub async fn usable(client: &impl GenericClient) -> Result<Vec<UsableKey>, WriteError> {
    let usable = format!(
        "select {COLUMNS}, hash from api_keys where revoked is null and (expires is null or expires > now())"
    );
    let rows = client.query(&usable, &[]).await?;
    let key = |row: &Row| {
        Some(UsableKey {
            hash: row.get::<_, &[u8]>(9).try_into().ok()?,
            key: stored(row),
        })
    };
    Ok(rows.iter().filter_map(key).collect())
}

/// `None` where no such key is in use.
///
/// # Errors
/// Postgres cannot do it now.
pub async fn revoke(client: &mut Client, id: &str) -> Result<Option<StoredKey>, WriteError> {
    let revoke =
        format!("update api_keys set revoked = now() where id = $1 and revoked is null returning {COLUMNS}");
    change(client, id, &revoke, &[&id]).await
}

/// Gives a key another secret. `None` where no such key is in use.
///
/// # Errors
/// Postgres cannot do it now.
pub async fn rotate(
    client: &mut Client,
    id: &str,
    hash: &[u8; TAG],
) -> Result<Option<StoredKey>, WriteError> {
    let rotate = format!(
        "update api_keys set hash = $2, version = version + 1 where id = $1 and revoked is null returning {COLUMNS}"
    );
    change(client, id, &rotate, &[&id, &&hash[..]]).await
}

/// With the key its sessions end, also those that begin at this moment.
async fn change(
    client: &mut Client,
    id: &str,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Option<StoredKey>, WriteError> {
    let transaction = client.transaction().await?;
    // First: who signs in waits here for the change, or the change for who signs in.
    changed(&transaction).await?;
    let row = transaction.query_opt(statement, parameters).await?;
    transaction.execute(END_SESSIONS, &[&id]).await?;
    transaction.commit().await?;
    Ok(row.as_ref().map(stored))
}

/// When keys were used last. No change that nodes have to hear of.
///
/// # Errors
/// Postgres cannot do it now.
pub async fn used(client: &impl GenericClient, ids: &[&str], times: &[Micros]) -> Result<(), WriteError> {
    client.execute(USED, &[&ids, &times]).await?;
    Ok(())
}

fn stored(row: &Row) -> StoredKey {
    StoredKey {
        id: row.get(0),
        name: row.get(1),
        role: row.get(2),
        version: row.get(3),
        created: row.get(4),
        created_by: row.get(5),
        expires: row.get(6),
        revoked: row.get(7),
        last_used: row.get(8),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{connect_to_change, epoch};
    use super::*;
    use crate::store::testing::Database;

    fn new<'k>(id: &'k str, name: &'k str) -> NewKey<'k> {
        NewKey {
            id,
            name,
            role: "reader",
            hash: &[7; TAG],
            created_by: "operator",
            expires: None,
        }
    }

    #[tokio::test]
    async fn a_key_is_usable_until_it_is_revoked_or_expires_and_each_change_is_an_epoch() {
        let db = Database::create().await;
        let mut client = connect_to_change(&db.url).await.unwrap();
        let made = insert(&mut client, &new("a", "one")).await.unwrap().unwrap();
        assert_eq!((&*made.role, made.version, made.revoked), ("reader", 1, None));
        assert_eq!(insert(&mut client, &new("b", "one")).await.unwrap(), None);
        let past = NewKey {
            expires: Some(Micros(0)),
            ..new("b", "past")
        };
        insert(&mut client, &past).await.unwrap().unwrap();
        let ids = |keys: Vec<UsableKey>| Vec::from_iter(keys.into_iter().map(|usable| usable.key.id));
        assert_eq!(ids(usable(&client).await.unwrap()), ["a"]);

        let before = epoch(&client).await.unwrap().others();
        let rotated = rotate(&mut client, "a", &[8; TAG]).await.unwrap().unwrap();
        assert_eq!(rotated.version, 2);
        assert_eq!(usable(&client).await.unwrap()[0].hash, [8; TAG]);
        assert!(revoke(&mut client, "a").await.unwrap().unwrap().revoked.is_some());
        assert_eq!(epoch(&client).await.unwrap().others(), before + 2);
        assert_eq!(revoke(&mut client, "a").await.unwrap(), None);
        assert_eq!(rotate(&mut client, "a", &[9; TAG]).await.unwrap(), None);
        assert_eq!(ids(usable(&client).await.unwrap()), Vec::<String>::new());
        assert_eq!(list(&client).await.unwrap().len(), 2);
        // Its name is free again.
        assert!(insert(&mut client, &new("c", "one")).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn the_sessions_of_a_key_are_gone_with_its_secret() {
        let db = Database::create().await;
        let mut client = connect_to_change(&db.url).await.unwrap();
        for id in ["a", "b"] {
            insert(&mut client, &new(id, id)).await.unwrap().unwrap();
        }
        let begin = "insert into sessions (hash, subject, key_id, key_version, expires)
            select sha256(id::bytea), 'key:' || id, id, 1, now() + interval '1 h' from unnest('{a,b}'::text[]) id
            on conflict do nothing";
        db.run(begin).await;
        rotate(&mut client, "a", &[8; TAG]).await.unwrap().unwrap();
        assert_eq!(db.rows("select key_id from sessions").await, ["b"]);
        db.run(begin).await;
        revoke(&mut client, "a").await.unwrap().unwrap();
        assert_eq!(db.rows("select key_id from sessions").await, ["b"]);
    }

    #[tokio::test]
    async fn the_last_use_only_moves_on() {
        let db = Database::create().await;
        let mut client = connect_to_change(&db.url).await.unwrap();
        insert(&mut client, &new("a", "one")).await.unwrap().unwrap();
        for (at, last) in [(5, 5), (3, 5), (9, 9)] {
            used(&client, &["a", "gone"], &[Micros(at), Micros(at)])
                .await
                .unwrap();
            assert_eq!(list(&client).await.unwrap()[0].last_used, Some(Micros(last)));
        }
    }
}
