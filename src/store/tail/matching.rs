//! Which series selectors select, up to a limit: Postgres looks up the metric and the labels that
//! every match must carry, the selector decides the rest here.

use std::sync::Arc;

use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::{Names, SeriesRow, Tail, TailError};
use crate::data::{Selector, SeriesId};

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
    /// Every series that each of the selectors selects now, in their order, by one statement; `None`:
    /// more than `limit`. Each must name a metric: without one it is a look at every series. Nothing
    /// at all comes back when they select so many together that they must be looked up one by one.
    pub async fn matching_together(
        &self,
        selectors: &[Selector],
        limit: usize,
    ) -> Result<Option<Vec<Option<Names>>>, TailError> {
        let mut names = vec![Some(Names::default()); selectors.len()];
        let (mut places, mut metrics, mut required) = (Vec::new(), Vec::new(), Vec::new());
        for (place, selector) in selectors.iter().enumerate() {
            if let Some(metric) = &selector.metric
                && selector.can_match()
            {
                places.push(place);
                metrics.push(metric.as_str());
                required.push(required_labels(selector));
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
            let (id, series) = match known.get(&row.series.id) {
                Some(series) => (row.series.id, Arc::clone(series)),
                None => row.series.into_series(),
            };
            known.insert(id, Arc::clone(&series));
            if selectors[place].matches(&series)
                && let Some(found) = &mut names[place]
            {
                found.insert(id, series);
                if found.len() > limit {
                    names[place] = None;
                }
            }
        }
        Ok(Some(names))
    }

    /// Every series that the selector selects now, looked for in chunks, as many of which it may not
    /// select; `None`: more than `limit`.
    pub async fn matching(&self, selector: &Selector, limit: usize) -> Result<Option<Names>, TailError> {
        let mut names = Names::default();
        let mut after = selector.can_match().then_some(SeriesId::MIN);
        while let Some(last) = after {
            let chunk = self.chunk(selector, last, one_more(limit)).await?;
            after = chunk.last().filter(|_| chunk.len() > limit).map(|row| row.id);
            let chunk = chunk.into_iter().map(SeriesRow::into_series);
            names.extend(chunk.filter(|(_, series)| selector.matches(series)));
            if names.len() > limit {
                return Ok(None);
            }
        }
        Ok(Some(names))
    }

    /// The next series behind `after` that may be selected.
    async fn chunk(
        &self,
        selector: &Selector,
        after: SeriesId,
        rows: i64,
    ) -> Result<Vec<SeriesRow>, TailError> {
        let required = required_labels(selector);
        self.with(async |conn| {
            sql_query(
                "select id, metric, labels from series \
                 where ($1 is null or metric = $1) and labels @> $2 and id > $3 \
                 order by id limit $4",
            )
            .bind::<Nullable<Text>, _>(selector.metric.as_deref())
            .bind::<Jsonb, _>(&required)
            .bind::<Integer, _>(after)
            .bind::<BigInt, _>(rows)
            .load(conn)
            .await
        })
        .await
    }
}

/// The labels that a selected series must carry, for Postgres to look up.
fn required_labels(selector: &Selector) -> Value {
    let required = selector.required_labels();
    let required = required.map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(required.collect())
}

/// One more than `rows` tells that there are more.
fn one_more(rows: usize) -> i64 {
    i64::try_from(rows.saturating_add(1)).unwrap_or(i64::MAX)
}
