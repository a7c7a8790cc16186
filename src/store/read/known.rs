//! Which series exist, for publishers that are about to add some.

use std::collections::HashSet;

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text};

use super::{ReadError, Reader};

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    key: String,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Reader {
    /// The keys that no series has.
    pub async fn unknown_series(&self, keys: Vec<String>) -> Result<Vec<String>, ReadError> {
        if keys.is_empty() {
            return Ok(keys);
        }
        let sql = "select key from series where key = any($1)";
        let query = sql_query(sql).bind::<Array<Text>, _>(keys.clone());
        let known: Vec<KeyRow> = self.load(query).await?;
        let known: HashSet<String> = known.into_iter().map(|row| row.key).collect();
        Ok(keys.into_iter().filter(|key| !known.contains(key)).collect())
    }

    /// How many series a stream has created. Counting stops at `enough`.
    pub async fn stream_series(&self, stream: &str, enough: u64) -> Result<u64, ReadError> {
        let sql = "select count(*) from (select from series where stream = $1 limit $2) of_stream";
        let query = sql_query(sql)
            .bind::<Text, _>(stream.to_owned())
            .bind::<BigInt, _>(i64::try_from(enough).unwrap_or(i64::MAX));
        let counts: Vec<CountRow> = self.load(query).await?;
        Ok(counts.first().map_or(0, |row| row.count.cast_unsigned()))
    }
}
