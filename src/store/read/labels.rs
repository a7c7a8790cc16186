//! Label names and label values of the matching series.

use super::search::{Counted, Search};
use super::{ReadError, Reader};
use crate::data::{Class, Scoped};
use crate::store::selection::storable;

impl Reader {
    /// The first `first` label names of the matching series that contain `search`, or all of them,
    /// sorted, and how many of these series carry each.
    ///
    /// # Errors
    /// `TooManyRows` beyond the row limit where all are asked for.
    pub async fn labels(
        &self,
        scoped: &Scoped,
        search: Option<&Search>,
        first: Option<usize>,
    ) -> Result<Vec<Counted>, ReadError> {
        let Some(conditions) = self.conditions(scoped).await? else {
            return Ok(Vec::new());
        };
        // Many series have the same names, so only the few different lists are unnested.
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
             where {} group by name order by name collate \"C\" limit {}",
            found.sql(),
            self.rows(first)
        );
        self.whole(self.load_as(Class::Heavy, found.query(&sql)).await?)
    }

    /// The same for the values of one label.
    ///
    /// # Errors
    /// As [`labels`](Self::labels).
    pub async fn label_values(
        &self,
        name: &str,
        scoped: &Scoped,
        search: Option<&Search>,
        first: Option<usize>,
    ) -> Result<Vec<Counted>, ReadError> {
        let Some(mut conditions) = self.conditions(scoped).await?.filter(|_| storable(name)) else {
            return Ok(Vec::new());
        };
        let name = conditions.text(name);
        conditions.push(format!("labels ? {name}"));
        if let Some(search) = search {
            conditions.contains(&format!("(labels ->> {name})"), search);
        }
        let sql = format!(
            "select (labels ->> {name}) collate \"C\" as text, count(*) as series from series where {}
             group by 1 order by 1 limit {}",
            conditions.sql(),
            self.rows(first)
        );
        self.whole(self.load_as(Class::Heavy, conditions.query(&sql)).await?)
    }
}
