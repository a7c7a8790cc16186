//! Which labels the series of the whole catalogue have, and with which values.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::series::storable;
use super::{ReadError, Reader};

const NAMES: &str = "
select distinct name as text from series, jsonb_object_keys(labels) as name limit $1";

const VALUES: &str = "
select distinct labels ->> $1 as text from series where labels ? $1 limit $2";

impl Reader {
    /// The names of all labels, sorted.
    ///
    /// # Errors
    /// `TooManyRows` beyond the row limit.
    pub async fn label_names(&self) -> Result<Vec<String>, ReadError> {
        self.texts(diesel::sql_query(NAMES).bind::<BigInt, _>(self.one_too_many()))
            .await
    }

    /// The values of one label, sorted.
    ///
    /// # Errors
    /// As [`label_names`](Self::label_names).
    pub async fn label_values(&self, name: &str) -> Result<Vec<String>, ReadError> {
        if !storable(name) {
            return Ok(Vec::new());
        }
        let query = diesel::sql_query(VALUES)
            .bind::<Text, _>(name.to_owned())
            .bind::<BigInt, _>(self.one_too_many());
        self.texts(query).await
    }

    async fn texts<Q>(&self, query: Q) -> Result<Vec<String>, ReadError>
    where
        Q: diesel_async::methods::LoadQuery<'static, diesel_async::AsyncPgConnection, Row> + Send + 'static,
    {
        let rows: Vec<Row> = self.load(query).await?;
        let mut texts: Vec<String> = self.whole(rows)?.into_iter().map(|row| row.text).collect();
        // Bytes decide, whatever the database's collation.
        texts.sort_unstable();
        Ok(texts)
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    text: String,
}
