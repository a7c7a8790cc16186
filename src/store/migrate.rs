//! Brings the tables of a database to what this program expects.
//!
//! Many nodes may call it at once: an advisory lock lets one work while the others wait.

use std::thread;

use diesel::migration::{Migration, MigrationVersion};
use diesel::pg::Pg;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connect::{ConnectError, DatabaseUrl, connect};
use super::locks;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
/// `server_version_num` of Postgres 15.
const OLDEST: i32 = 150_000;

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("this is postgres {found}; streamsync needs 15 or newer")]
    TooOld { found: String },
    #[error(
        "the database has migrations this binary does not know ({}): run a newer streamsync",
        .unknown.join(", ")
    )]
    Newer { unknown: Vec<String> },
    #[error("a migration failed: {0}")]
    Failed(String),
}

impl MigrateError {
    /// Trying again cannot help.
    pub fn is_final(&self) -> bool {
        match self {
            Self::TooOld { .. } | Self::Newer { .. } => true,
            Self::Connect(_) | Self::Failed(_) => false,
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
        .await
        .map_err(|error| failed(super::error::describe(&error)))?;
    if version.get::<_, i32>(0) < OLDEST {
        return Err(MigrateError::TooOld {
            found: version.get(1),
        });
    }
    // Held until the connection closes.
    client
        .execute("select pg_advisory_lock($1)", &[&locks::MIGRATE])
        .await
        .map_err(|error| failed(super::error::describe(&error)))?;
    let connection = AsyncPgConnection::try_from(client).await.map_err(failed)?;
    let mut harness = AsyncMigrationHarness::new(connection);
    refuse_newer(&harness.applied_migrations().map_err(failed)?)?;
    let applied = harness.run_pending_migrations(MIGRATIONS).map_err(failed)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

fn refuse_newer(applied: &[MigrationVersion<'_>]) -> Result<(), MigrateError> {
    let known = diesel::migration::MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(failed)?;
    let is_known = |version: &MigrationVersion<'_>| known.iter().any(|m| m.name().version() == *version);
    let unknown: Vec<_> = applied
        .iter()
        .filter(|version| !is_known(version))
        .map(ToString::to_string)
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(MigrateError::Newer { unknown })
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
    async fn a_schema_newer_than_the_binary_is_refused() {
        let db = Database::create().await;
        db.run("insert into __diesel_schema_migrations (version) values ('20991231000000')")
            .await;
        let error = migrate(&db.url).await.unwrap_err();
        assert!(
            matches!(&error, MigrateError::Newer { unknown } if unknown == &["20991231000000"]),
            "{error}"
        );
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
