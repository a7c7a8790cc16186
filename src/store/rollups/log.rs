//! The invalidation log: what of which series changed since the rollups were made.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::data::{Micros, SeriesId};
use crate::store::error::WriteError;
use crate::store::timestamp::Timestamp;

/// Points of a series between two times, both included, were stored or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Entry {
    pub series_id: SeriesId,
    pub from: Micros,
    pub to: Micros,
}

pub(in crate::store) const INSERT: &str = "insert into invalidations
    (min_ts, max_ts, series_ids, from_ts, to_ts) values ($1, $2, $3, $4, $5)";

const READ: &str = "select id, series_ids, from_ts, to_ts from invalidations
    where min_ts < $1 order by id limit $2";

const DELETE: &str = "delete from invalidations where id = any($1)";

/// Appends one row with all of them; none for none.
pub(in crate::store) async fn add(
    client: &Client,
    insert: &Statement,
    entries: &[Entry],
) -> Result<(), WriteError> {
    let times = |of: fn(&Entry) -> Micros| entries.iter().map(move |entry| Timestamp(of(entry)));
    let (from, to): (Vec<_>, Vec<_>) = (times(|e| e.from).collect(), times(|e| e.to).collect());
    let (Some(min), Some(max)) = (from.iter().min(), to.iter().max()) else {
        return Ok(());
    };
    let ids: Vec<SeriesId> = entries.iter().map(|entry| entry.series_id).collect();
    let values: [&(dyn ToSql + Sync); 5] = [min, max, &ids, &from, &to];
    client.execute(insert, &values).await?;
    Ok(())
}

/// Rows of the log, read but not yet deleted.
#[derive(Debug, Default)]
pub(super) struct Rows {
    ids: Vec<i64>,
    pub entries: Vec<Entry>,
}

impl Rows {
    /// The oldest rows that name a time before `edge`, at most `limit`.
    pub async fn read(client: &Client, edge: Micros, limit: i64) -> Result<Self, WriteError> {
        let mut rows = Self::default();
        for row in client.query(READ, &[&Timestamp(edge), &limit]).await? {
            rows.ids.push(row.get(0));
            let (ids, from, to): (Vec<SeriesId>, Vec<Timestamp>, Vec<Timestamp>) =
                (row.get(1), row.get(2), row.get(3));
            let entries = ids.into_iter().zip(from.into_iter().zip(to));
            rows.entries.extend(
                entries.map(|(series_id, (Timestamp(from), Timestamp(to)))| Entry { series_id, from, to }),
            );
        }
        Ok(rows)
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub async fn delete(&self, client: &Client) -> Result<(), WriteError> {
        client.execute(DELETE, &[&self.ids]).await?;
        Ok(())
    }
}
