//! Brings the tables of a database to what this program expects.
//!
//! Many nodes may call it at once: an advisory lock lets one work while the others wait. A database
//! that a newer program has migrated is accepted as long as its migrations say that this program is
//! compatible (`installation.needs_schema`): nodes are upgraded one after the other.

use std::thread;
use std::time::Duration;

use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio_postgres::Client;

use super::connect::{DatabaseUrl, connect};
use super::error::{ConnectError, describe};
use super::locks;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
/// `server_version_num` of Postgres 15.
pub(super) const OLDEST: i32 = 150_000;
/// How long another node's migrations are waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who waits for a table's lock keeps everybody else from the table: rather tried again.
const LOCKS: &str = "set lock_timeout = '5s'";
const ATTEMPTS: u32 = 5;
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("this is postgres {found}; streamsync needs 15 or newer")]
    TooOld { found: String },
    #[error(
        "the database has migrations this binary does not know ({}) and cannot do without {needs}: run a newer streamsync",
        .unknown.join(", ")
    )]
    Newer { unknown: Vec<String>, needs: String },
    #[error("another node has been migrating the database for {} s", PATIENCE.as_secs())]
    Busy,
    #[error("a migration failed: {0}")]
    Failed(String),
}

impl MigrateError {
    /// Trying again cannot help.
    pub fn is_final(&self) -> bool {
        match self {
            Self::TooOld { .. } | Self::Newer { .. } => true,
            Self::Connect(_) | Self::Busy | Self::Failed(_) => false,
        }
    }
}

/// Applies what is missing and returns the names of the migrations applied now.
pub async fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, MigrateError> {
    let url = url.clone();
    let (done, answer) = tokio::sync::oneshot::channel();
    // The harness blocks inside a multi-thread runtime, so it gets one of its own.
    thread::Builder::new()
        .name("migrate".to_owned())
        .spawn(move || {
            let result = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .map_err(failed)
                .and_then(|runtime| runtime.block_on(run(&url)));
            // Nobody waits any more when the caller was cancelled.
            let _ = done.send(result);
        })
        .map_err(failed)?;
    answer.await.map_err(failed)?
}

async fn run(url: &DatabaseUrl) -> Result<Vec<String>, MigrateError> {
    let client = connect(url).await?;
    let version = client
        .query_one(
            "select current_setting('server_version_num')::int, current_setting('server_version')",
            &[],
        )
        .await?;
    if version.get::<_, i32>(0) < OLDEST {
        return Err(MigrateError::TooOld {
            found: version.get(1),
        });
    }
    // Held until the connection closes.
    if !locks::alone(&client, locks::MIGRATE, PATIENCE).await? {
        return Err(MigrateError::Busy);
    }
    let needs = needs(&client).await?;
    client.batch_execute(LOCKS).await?;
    let connection = AsyncPgConnection::try_from(client).await.map_err(failed)?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let applied = harness.applied_migrations().map_err(failed)?;
    missing(
        &applied.iter().map(ToString::to_string).collect::<Vec<_>>(),
        needs,
    )?;
    apply(&mut harness).await
}

/// Each migration is a transaction. One that cannot have its locks is tried again, a few times.
async fn apply(harness: &mut AsyncMigrationHarness<AsyncPgConnection>) -> Result<Vec<String>, MigrateError> {
    let mut applied = Vec::new();
    for migration in harness.pending_migrations(MIGRATIONS).map_err(failed)? {
        let mut attempt = 1;
        while let Err(error) = harness.run_migration(&*migration) {
            let error = error.to_string();
            if attempt == ATTEMPTS || !error.contains("lock timeout") {
                return Err(failed(error));
            }
            tracing::info!(%error, migration = %migration.name(), "a migration waits for a lock; retrying");
            tokio::time::sleep(RETRY * attempt).await;
            attempt += 1;
        }
        applied.push(migration.name().version().to_string());
    }
    Ok(applied)
}

/// The newest migration that a program must know; `None` before there was such a word.
async fn needs(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    let there = client
        .query_one("select to_regclass('installation') is not null", &[])
        .await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = client
        .query_opt("select needs_schema from installation", &[])
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// The migrations that are not among the `applied` ones. `needs`: the newest that a program must know.
///
/// # Errors
/// A newer program has migrated the database, and this one cannot live with it.
pub(super) fn missing(applied: &[String], needs: Option<String>) -> Result<Vec<String>, MigrateError> {
    let known = diesel::migration::MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(failed)?;
    let known: Vec<String> = known.iter().map(|m| m.name().version().to_string()).collect();
    let but = |all: &[String], those: &[String]| -> Vec<String> {
        let left = all.iter().filter(|version| !those.contains(version));
        left.cloned().collect()
    };
    let (missing, unknown) = (but(&known, applied), but(applied, &known));
    if unknown.is_empty() {
        return Ok(missing);
    }
    // Versions are times of one length.
    match needs {
        Some(needs) if known.iter().any(|known| *known >= needs) => {
            tracing::warn!(
                ?unknown,
                "a newer streamsync has migrated the database; this version is compatible with it"
            );
            Ok(missing)
        }
        needs => Err(MigrateError::Newer {
            unknown,
            needs: needs.unwrap_or_else(|| "them".to_owned()),
        }),
    }
}

impl From<tokio_postgres::Error> for MigrateError {
    fn from(error: tokio_postgres::Error) -> Self {
        failed(describe(&error))
    }
}

fn failed(error: impl ToString) -> MigrateError {
    MigrateError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Database;

    #[tokio::test]
    async fn migrating_twice_and_from_many_nodes_at_once_applies_each_migration_once() {
        let url = Database::empty().await;
        let (a, b, c) = tokio::join!(migrate(&url), migrate(&url), migrate(&url));
        let applied = [a.unwrap(), b.unwrap(), c.unwrap()].concat();
        let known = diesel::migration::MigrationSource::<Pg>::migrations(&MIGRATIONS).unwrap();
        assert_eq!(applied.len(), known.len(), "{applied:?}");
        assert!(migrate(&url).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_schema_that_a_newer_program_has_added_to_is_taken_as_it_is() {
        let db = Database::create().await;
        db.run(
            "create table later (id bigint); alter table series add column later text;
             insert into __diesel_schema_migrations (version) values ('20991231000000')",
        )
        .await;
        assert!(migrate(&db.url).await.unwrap().is_empty());
        // Until a migration says that older programs cannot live with it.
        db.run("update installation set needs_schema = '20991231000000'")
            .await;
        let error = migrate(&db.url).await.unwrap_err();
        assert!(
            error.is_final() && error.to_string().contains("20991231000000"),
            "{error}"
        );
        assert!(
            matches!(&error, MigrateError::Newer { unknown, .. } if unknown == &["20991231000000"]),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_newer_schema_without_a_word_about_older_programs_is_refused() {
        let db = Database::create().await;
        db.run(
            "drop table installation;
             insert into __diesel_schema_migrations (version) values ('20991231000000')",
        )
        .await;
        let error = migrate(&db.url).await.unwrap_err();
        assert!(matches!(&error, MigrateError::Newer { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_migration_that_waits_for_a_lock_is_tried_again_and_keeps_nobody_waiting_for_long() {
        let db = Database::create().await;
        db.run("delete from __diesel_schema_migrations where version = '20261128050000'; drop table installation")
            .await;
        let held = db.again().await;
        held.run("begin; lock table __diesel_schema_migrations in share mode")
            .await;
        let url = db.url.clone();
        let migrating = tokio::spawn(async move { migrate(&url).await });
        let waits = "select count(*) > 0 from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        for expected in ["t", "f"] {
            while db.rows(waits).await != [expected] {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        held.run("commit").await;
        assert_eq!(migrating.await.unwrap().unwrap(), ["20261128050000"]);
    }

    #[tokio::test]
    async fn every_column_that_diesel_knows_is_in_the_database() {
        let db = Database::create().await;
        let schema = include_str!("schema.rs");
        let mut table = "";
        let mut renamed = None;
        for line in schema.lines().map(str::trim) {
            if let Some((name, _)) = line.split_once(" (").filter(|(_, rest)| rest.ends_with(") {")) {
                table = name;
            } else if let Some(name) = line.strip_prefix("#[sql_name = \"") {
                renamed = name.strip_suffix("\"]");
            } else if let Some((name, _)) = line.split_once(" -> ") {
                let name = renamed.take().unwrap_or(name);
                db.run(&format!("select \"{name}\" from {table}")).await;
            }
        }
        assert_eq!(table, "dead_letters");
    }
}
