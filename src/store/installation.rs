//! The identity of this installation: created with its tables, equal for all nodes that share them.

use tokio_postgres::Client;

use super::connect::{DatabaseUrl, connect_to_work};
use super::error::WriteError;
use crate::data::Installation;

/// # Errors
/// `Fatal` when the row was deleted or changed to what is no key.
pub async fn installation(url: &DatabaseUrl) -> Result<Installation, WriteError> {
    let client = connect_to_work(url).await?;
    installation_of(&client).await
}

/// # Errors
/// `Fatal` when the row was deleted or changed to what is no key.
pub async fn installation_of(client: &Client) -> Result<Installation, WriteError> {
    let row = client
        .query_opt("select id::text, secret from installation", &[])
        .await?;
    row.and_then(|row| Installation::new(row.get(0), row.get(1)))
        .ok_or_else(|| {
            WriteError::Fatal(
                "the table installation has no row with a secret: run `insert into installation default values`"
                    .to_owned(),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::installation::Purpose;
    use crate::store::testing::Database;

    #[tokio::test]
    async fn each_database_is_an_installation_of_its_own_and_all_its_nodes_are_the_same() {
        let (one, two) = (Database::create().await, Database::create().await);
        let first = installation(&one.url).await.unwrap();
        let again = installation(&one.url).await.unwrap();
        let other = installation(&two.url).await.unwrap();
        let tag = first.tag(Purpose::Batch, b"x");
        assert!(again.made(Purpose::Batch, b"x", &tag) && again.id == first.id);
        assert!(!other.made(Purpose::Batch, b"x", &tag) && other.id != first.id);
        one.run("delete from installation").await;
        assert!(matches!(installation(&one.url).await, Err(WriteError::Fatal(_))));
    }
}
