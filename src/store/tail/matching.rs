//! Which series are selected, up to a limit: one selection, or many by one statement.

use std::sync::Arc;

use diesel::sql_types::{Array, BigInt, Jsonb, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;

use super::{Names, Tail, TailError};
use crate::data::{Scoped, StoredSeries};
use crate::store::selection::{SeriesRow, Walk, demanded};

/// How many times the limit of one look-up those side by side may find together.
const TOGETHER: usize = 5;

#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = BigInt)]
    nr: i64,
    #[diesel(embed)]
    series: SeriesRow,
}

impl Tail {
    /// Every series that each of the selections selects now, in their order, by one statement; `None`:
    /// more than `limit`. Each must demand a metric: without one it is a look at every series. Nothing
    /// at all comes back when they select so many together that they must be looked up one by one.
    pub async fn matching_together(
        &self,
        all: &[Scoped],
        limit: usize,
    ) -> Result<Option<Vec<Option<Names>>>, TailError> {
        let mut names = vec![Some(Names::default()); all.len()];
        let (mut places, mut metrics, mut required) = (Vec::new(), Vec::new(), Vec::new());
        for (place, scoped) in all.iter().enumerate() {
            if let Some((metric, labels)) = demanded(scoped) {
                places.push(place);
                metrics.push(metric);
                required.push(labels);
            }
        }
        if places.is_empty() {
            return Ok(Some(names));
        }
        let rows: Vec<FoundRow> = self
            .with(async |conn| {
                sql_query(
                    "select asked.nr, s.id, s.metric, s.labels \
                     from unnest($1, $2) with ordinality as asked(metric, labels, nr) \
                     join series s on s.metric = asked.metric and s.labels @> asked.labels \
                     limit $3",
                )
                .bind::<Array<Text>, _>(&metrics)
                .bind::<Array<Jsonb>, _>(&required)
                .bind::<BigInt, _>(one_more(limit.saturating_mul(TOGETHER)))
                .load(conn)
                .await
            })
            .await?;
        if rows.len() > limit.saturating_mul(TOGETHER) {
            return Ok(None);
        }
        // Many may have asked for the same series.
        let mut known = Names::default();
        for row in rows {
            let place = usize::try_from(row.nr - 1)
                .ok()
                .and_then(|nr| places.get(nr).copied());
            let Some(place) = place else { continue };
            let id = row.series.id;
            let series = known
                .entry(id)
                .or_insert_with(|| StoredSeries::from(row.series).series);
            if all[place].matches(series)
                && let Some(found) = &mut names[place]
            {
                found.insert(id, Arc::clone(series));
                if found.len() > limit {
                    names[place] = None;
                }
            }
        }
        Ok(Some(names))
    }

    /// Every series that is selected now; `None`: more than `limit`.
    pub async fn matching(&self, scoped: &Scoped, limit: usize) -> Result<Option<Names>, TailError> {
        let mut names = Names::default();
        let mut walk = Walk::new(scoped, None);
        while let Some(query) = walk.next(limit.saturating_add(1) - names.len()) {
            let chunk = self.with(async |conn| query.load(conn).await).await?;
            names.extend(walk.matched(chunk).iter().map(|m| (m.id, Arc::clone(&m.series))));
            if names.len() > limit {
                return Ok(None);
            }
        }
        Ok(Some(names))
    }
}

/// One more than `rows` tells that there are more.
fn one_more(rows: usize) -> i64 {
    i64::try_from(rows.saturating_add(1)).unwrap_or(i64::MAX)
}
