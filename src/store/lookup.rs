//! A table of the database as a stream's lookup reads it: some columns as texts.

use futures_util::TryStreamExt;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connect::{DatabaseUrl, connect_to_work};
use super::error::describe;

/// A table that takes longer is too large, or is locked.
const PATIENCE: &str = "set statement_timeout = '60s'";

/// Hands on each row: the columns in their order.
///
/// # Errors
/// What Postgres says, or the first thing that `each` says.
pub async fn rows(
    url: &DatabaseUrl,
    schema: Option<&str>,
    table: &str,
    columns: &[&str],
    mut each: impl FnMut(&[Option<&str>]) -> Result<(), String>,
) -> Result<(), String> {
    let client = connect_to_work(url).await.map_err(|error| error.to_string())?;
    client
        .batch_execute(PATIENCE)
        .await
        .map_err(|error| describe(&error))?;
    let selected: Vec<_> = columns
        .iter()
        .map(|column| format!("{}::text", quoted(column)))
        .collect();
    let schema = schema.map_or_else(String::new, |schema| format!("{}.", quoted(schema)));
    let statement = format!("select {} from {schema}{}", selected.join(", "), quoted(table));
    let none: [&(dyn ToSql + Sync); 0] = [];
    let rows = client.query_raw(&statement, none).await;
    let mut rows = std::pin::pin!(rows.map_err(|error| describe(&error))?);
    while let Some(row) = rows.try_next().await.map_err(|error| describe(&error))? {
        each(&texts(&row).map_err(|error| describe(&error))?)?;
    }
    Ok(())
}

fn texts(row: &Row) -> Result<Vec<Option<&str>>, tokio_postgres::Error> {
    (0..row.len()).map(|at| row.try_get(at)).collect()
}

/// As an identifier, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Database;

    #[tokio::test]
    async fn a_table_is_read_as_texts_whatever_its_names_and_types_are() {
        let database = Database::create().await;
        database
            .run("create schema \"a.b\"; create table \"a.b\".\"de\"\"vices\" (\"Id\" int, site text, since date)")
            .await;
        database
            .run("insert into \"a.b\".\"de\"\"vices\" values (7, 'north', '2026-01-31'), (8, null, null)")
            .await;
        let mut found = Vec::new();
        let columns = ["Id", "site", "since"];
        rows(&database.url, Some("a.b"), "de\"vices", &columns, |row| {
            found.push(row.iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>());
            Ok(())
        })
        .await
        .unwrap();
        found.sort();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                vec![text("7"), text("north"), text("2026-01-31")],
                vec![text("8"), None, None]
            ]
        );
    }

    #[tokio::test]
    async fn what_is_not_there_is_named_and_the_first_objection_ends_it() {
        let database = Database::create().await;
        database.run("create table devices (id int)").await;
        database
            .run("insert into devices select generate_series(1, 1000)")
            .await;
        let missing = rows(&database.url, None, "nothing", &["id"], |_| Ok(()))
            .await
            .unwrap_err();
        assert!(missing.contains("nothing"), "{missing}");
        let missing = rows(&database.url, None, "devices", &["site"], |_| Ok(()))
            .await
            .unwrap_err();
        assert!(missing.contains("site"), "{missing}");
        let mut seen = 0;
        let ended = rows(&database.url, None, "devices", &["id"], |_| {
            seen += 1;
            if seen < 10 {
                Ok(())
            } else {
                Err("enough".to_owned())
            }
        });
        assert_eq!(ended.await, Err("enough".to_owned()));
    }
}
