//! Which labels series have, and with which values: of the whole catalogue, or of those that match.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::search::{Counted, Search};
use super::series::storable;
use super::{ReadError, Reader};
use crate::data::Selector;

const NAMES: &str = "
select distinct name as text from (select distinct label_names from series) s, unnest(label_names) name
limit $1";

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

    /// The first `first` label names of the matching series that contain `search`, sorted, and how
    /// many of these series carry each.
    pub async fn labels(
        &self,
        selector: &Selector,
        search: Option<&Search>,
        first: usize,
    ) -> Result<Vec<Counted>, ReadError> {
        let Some(conditions) = self.conditions(selector).await? else {
            return Ok(Vec::new());
        };
        // Many series have the same names: those few lists are taken apart, not each series' labels.
        let lists = format!(
            "select label_names, count(*) as series from series where {} group by label_names",
            conditions.sql()
        );
        let mut found = conditions.cleared();
        if let Some(search) = search {
            found.contains("name", search);
        }
        let sql = format!(
            "select name as text, sum(series)::bigint as series from ({lists}) lists, unnest(label_names) name
             where {} group by name order by name collate \"C\" limit {first}",
            found.sql()
        );
        self.load(found.query(&sql)).await
    }

    /// The same for the values of one label.
    pub async fn values_of_label(
        &self,
        name: &str,
        selector: &Selector,
        search: Option<&Search>,
        first: usize,
    ) -> Result<Vec<Counted>, ReadError> {
        let Some(mut conditions) = self.conditions(selector).await?.filter(|_| storable(name)) else {
            return Ok(Vec::new());
        };
        let name = conditions.text(name);
        conditions.push(format!("labels ? {name}"));
        if let Some(search) = search {
            conditions.contains(&format!("(labels ->> {name})"), search);
        }
        let sql = format!(
            "select (labels ->> {name}) collate \"C\" as text, count(*) as series from series where {}
             group by 1 order by 1 limit {first}",
            conditions.sql()
        );
        self.load(conditions.query(&sql)).await
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
