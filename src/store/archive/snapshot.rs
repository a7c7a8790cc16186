//! The points of one closed day, page by page, in one snapshot.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::{Client, IsolationLevel, Portal, Row, Transaction};

use crate::data::{Day, SeriesId};

use super::{ArchivedPoint, ArchivedSeries, DayError, Standing, days};

/// Points of a page: what is in memory at once of a day of any size.
const PAGE: i32 = 8_192;

const POINTS: &str = r#"select series_id, ts, value, partition_id, "offset", recorded_at
    from points where ts >= $1 and ts < $2 order by series_id, ts"#;

const SERIES: &str = "select id, metric, labels::text, stream from series where id = any($1)";

/// A day that is due, in a transaction that sees its version and its points alike.
#[allow(missing_debug_implementations, reason = "a transaction says nothing")]
pub struct Snapshot<'c> {
    pub version: i64,
    transaction: Transaction<'c>,
    portal: Portal,
    /// Points are ordered by series: only those of the last page can go on.
    series: HashMap<SeriesId, Arc<ArchivedSeries>>,
}

impl<'c> Snapshot<'c> {
    /// `None` where the day is not due (any more).
    pub async fn begin(client: &'c mut Client, day: Day) -> Result<Option<Self>, DayError> {
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        // Before the snapshot is taken: a partition that is dropped between the two would be
        // missing from it without a trace.
        transaction
            .batch_execute("lock table only points in access share mode")
            .await?;
        let states = days(&transaction, day.start(), day.end()).await?;
        let Some(due) = states.first().filter(|state| state.standing == Standing::Due) else {
            return Ok(None);
        };
        let points = transaction.prepare(POINTS).await?;
        let bounds = (day.start(), day.end());
        let portal = transaction.bind(&points, &[&bounds.0, &bounds.1]).await?;
        Ok(Some(Self {
            version: due.version,
            transaction,
            portal,
            series: HashMap::new(),
        }))
    }

    /// The next points, ordered by series and time; `None` at the end.
    pub async fn page(&mut self) -> Result<Option<Vec<ArchivedPoint>>, DayError> {
        let rows = self.transaction.query_portal(&self.portal, PAGE).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut ids: Vec<SeriesId> = rows.iter().map(|row| row.get(0)).collect();
        ids.dedup();
        self.series.retain(|id, _| ids.binary_search(id).is_ok());
        ids.retain(|id| !self.series.contains_key(id));
        if !ids.is_empty() {
            for row in self.transaction.query(SERIES, &[&ids]).await? {
                let id = row.get(0);
                let series =
                    ArchivedSeries::new(row.get(1), row.get(2), row.get(3)).ok_or(DayError::Labels(id))?;
                self.series.insert(id, Arc::new(series));
            }
        }
        // A point whose series is gone is nobody's any more.
        Ok(Some(rows.iter().filter_map(|row| self.point(row)).collect()))
    }

    fn point(&self, row: &Row) -> Option<ArchivedPoint> {
        Some(ArchivedPoint {
            of: Arc::clone(self.series.get(&row.get(0))?),
            ts: row.get(1),
            value: row.get(2),
            partition_id: row.get(3),
            offset: row.get(4),
            recorded_at: row.get(5),
        })
    }
}
