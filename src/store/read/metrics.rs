//! The metrics, and how many series each has.

use super::search::{Counted, Search};
use super::{ReadError, Reader};
use crate::data::{Class, Scoped};
use crate::store::selection::storable;

/// Which metrics to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricFilter {
    /// What the name starts with.
    pub prefix: String,
    /// What the name contains.
    pub search: Option<Search>,
    /// `None`: all of them.
    pub first: Option<usize>,
}

impl Reader {
    /// The metrics of the matching series, by name.
    ///
    /// # Errors
    /// `TooManyRows` beyond the row limit where all are asked for.
    pub async fn metrics(&self, scoped: &Scoped, filter: &MetricFilter) -> Result<Vec<Counted>, ReadError> {
        let MetricFilter {
            prefix,
            search,
            first,
        } = filter;
        let Some(mut conditions) = self.conditions(scoped).await?.filter(|_| storable(prefix)) else {
            return Ok(Vec::new());
        };
        if !prefix.is_empty() {
            let prefix = conditions.text(prefix);
            conditions.push(format!("starts_with(metric, {prefix})"));
        }
        if let Some(search) = search {
            conditions.contains("metric", search);
        }
        let sql = format!(
            "select metric as text, count(*) as series from series where {}
             group by metric order by metric collate \"C\" limit {}",
            conditions.sql(),
            self.rows(*first)
        );
        self.whole(self.load_as(Class::Heavy, conditions.query(&sql)).await?)
    }
}
