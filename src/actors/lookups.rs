//! Loads the tables of `lookup`, and again when they may have changed.
//!
//! Nothing is mapped before all are loaded. Later one that cannot be read stays as it is.

use std::path::Path;
use std::time::SystemTime;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::store::connect::DatabaseUrl;
use crate::store::lookup;
use crate::transform::{Lookup, LookupFrom, StreamPlan, Table, TableBuilder};

/// What tells that a file has changed.
type Stamp = (u64, Option<SystemTime>);

/// Loads those that are not loaded yet.
///
/// # Errors
/// Which one cannot be loaded, and why.
pub async fn load(plans: &[StreamPlan], database: &DatabaseUrl) -> Result<(), String> {
    for plan in plans {
        for lookup in plan.lookups.iter().filter(|lookup| lookup.table().is_none()) {
            let table = read(lookup, database).await;
            let table = table.map_err(|why| format!("lookup of the stream {}: {why}", plan.name))?;
            lookup.set(table);
        }
    }
    Ok(())
}

/// From now on each is read again after its time, as long as somebody has the plan.
pub fn refresh(plans: &[StreamPlan], database: &DatabaseUrl) {
    for plan in plans {
        for lookup in &plan.lookups {
            let (stream, lookup, database) = (plan.name.clone(), lookup.clone(), database.clone());
            actix::spawn(async move {
                let mut seen = None;
                loop {
                    sleep(lookup.settings.refresh).await;
                    if lookup.is_alone() {
                        return;
                    }
                    if lookup.table().is_none() {
                        continue;
                    }
                    let now = stamp(&lookup).await;
                    if now.is_some() && now == seen {
                        continue;
                    }
                    match read(&lookup, &database).await {
                        Ok(table) => {
                            seen = now;
                            tracing::debug!(%stream, from = %lookup.settings.from, rows = table.rows(), "lookup read");
                            lookup.set(table);
                        }
                        Err(why) => {
                            tracing::warn!(%stream, "lookup not read, its last state stays in use: {why}");
                        }
                    }
                }
            });
        }
    }
}

async fn read(lookup: &Lookup, database: &DatabaseUrl) -> Result<Table, String> {
    let settings = &lookup.settings;
    match &settings.from {
        LookupFrom::File(file) => {
            let (lookup, file) = (lookup.clone(), file.clone());
            let read = spawn_blocking(move || lookup.read(&file)).await;
            read.unwrap_or_else(|error| Err(error.to_string()))
        }
        LookupFrom::Table { schema, name } => {
            let columns: Vec<&str> = [&*settings.key].into_iter().chain(settings.columns()).collect();
            let mut table = TableBuilder::default();
            let add = |row: &[Option<&str>]| match row {
                [key, values @ ..] => table.add(*key, values.iter().copied()),
                [] => Ok(()),
            };
            let read = lookup::rows(database, schema.as_deref(), name, &columns, add).await;
            read.map_err(|why| format!("{}: {why}", settings.from))?;
            Ok(table.finish())
        }
    }
}

/// Of a file that can be looked at.
async fn stamp(lookup: &Lookup) -> Option<Stamp> {
    let LookupFrom::File(file) = lookup.settings.from.clone() else {
        return None;
    };
    spawn_blocking(move || stamp_of(&file)).await.ok()?
}

fn stamp_of(file: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(file).ok()?;
    Some((found.len(), found.modified().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};
    use crate::store::testing::Database;

    fn plans(lookup: &str) -> Vec<StreamPlan> {
        let text = format!(
            "[[stream]]\nname = \"m\"\nlabels = [\"device\"]\nvalues = [\"t\"]\n[[stream.lookup]]\nlabel = \"device\"\n{lookup}"
        );
        let config = Config::from_text(&text, &Overrides::default()).unwrap();
        config.plans(None).unwrap().to_vec()
    }

    #[actix::test]
    async fn a_table_of_the_database_is_loaded_and_read_again() {
        let database = Database::create().await;
        let plans = plans("key = \"id\"\ntable = \"devices\"\nlabels = [\"site\"]\nrefresh = \"1s\"");
        let why = load(&plans, &database.url).await.unwrap_err();
        assert!(
            why.starts_with("lookup of the stream m: the table devices: "),
            "{why}"
        );
        database.run("create table devices (id int, site text)").await;
        database.run("insert into devices values (7, 'north')").await;
        load(&plans, &database.url).await.unwrap();
        let lookup = &plans[0].lookups[0];
        let site = || lookup.table().unwrap().get("7").map(|row| row[0].to_string());
        assert_eq!(site().as_deref(), Some("north"));
        refresh(&plans, &database.url);
        database.run("update devices set site = 'west'").await;
        for _ in 0..100 {
            if site().as_deref() == Some("west") {
                break;
            }
            sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(site().as_deref(), Some("west"));
        // What cannot be read any more stays.
        database.run("drop table devices").await;
        sleep(std::time::Duration::from_millis(1_500)).await;
        assert_eq!(site().as_deref(), Some("west"));
    }

    #[actix::test]
    async fn a_file_is_read_again_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("devices.csv");
        std::fs::write(&file, "id,site\n7,north\n").unwrap();
        let plans = plans(&format!(
            "key = \"id\"\nfile = {file:?}\nlabels = [\"site\"]\nrefresh = \"1s\""
        ));
        let database: DatabaseUrl = "postgres://nobody@127.0.0.1:1/none".parse().unwrap();
        load(&plans, &database).await.unwrap();
        let lookup = &plans[0].lookups[0];
        let site = || lookup.table().unwrap().get("7").map(|row| row[0].to_string());
        assert_eq!(site().as_deref(), Some("north"));
        refresh(&plans, &database);
        std::fs::write(&file, "id,site\n7,southwest\n").unwrap();
        for _ in 0..100 {
            if site().as_deref() == Some("southwest") {
                return;
            }
            sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{:?}", site());
    }
}
