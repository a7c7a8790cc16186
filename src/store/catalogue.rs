//! The series this writer knows: their ids, and the newest time stored for each.
//!
//! New series are inserted, keys sorted, in a short transaction of their own, so that writers of
//! several nodes never wait for each other crosswise.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio_postgres::Client;

use crate::data::{Batch, Micros, Reason, Rejected, SeriesId};

use super::error::WriteError;
use super::part::Rejects;
use super::timestamp::Timestamp;

#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub id: SeriesId,
    /// `None`: nothing is stored of it, as far as this writer knows.
    pub newest: Option<Micros>,
}

#[derive(Debug)]
pub(super) struct Catalogue {
    /// `catalogue.version` at the time the ids were learnt; another one makes them worthless.
    pub version: i64,
    known: HashMap<Box<str>, Known>,
    per_stream: HashMap<Arc<str>, u64>,
    max_series: HashMap<Arc<str>, u64>,
}

const FIND: &str = "select s.id, s.key, newest.ts from series s
    left join lateral (
        select p.ts from points p where p.series_id = s.id order by p.ts desc limit 1
    ) newest on true
    where s.key = any($1)";

const INSERT: &str = "insert into series (key, metric, labels, stream)
    select key, metric, labels::jsonb, stream
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as s(key, metric, labels, stream)
    order by key
    on conflict (key) do nothing";

impl Catalogue {
    pub async fn load(client: &Client, max_series: HashMap<Arc<str>, u64>) -> Result<Self, WriteError> {
        let version = client
            .query_one("select version from catalogue", &[])
            .await?
            .get(0);
        let counts = client
            .query("select stream, count(*) from series group by stream", &[])
            .await?;
        let count = |row: &tokio_postgres::Row| {
            let stream: String = row.get(0);
            (Arc::from(stream), row.get::<_, i64>(1).cast_unsigned())
        };
        Ok(Self {
            version,
            known: HashMap::new(),
            per_stream: counts.iter().map(count).collect(),
            max_series,
        })
    }

    /// The id of each of the batch's series; `None` for those beyond their stream's limit, whose
    /// records become dead letters.
    pub async fn resolve(
        &mut self,
        client: &Client,
        batch: &Batch,
        rejects: &mut Rejects,
    ) -> Result<Vec<Option<Known>>, WriteError> {
        let unknown: Vec<&str> = batch
            .series
            .iter()
            .map(|series| &*series.key)
            .filter(|key| !self.known.contains_key(*key))
            .collect();
        if !unknown.is_empty() {
            self.find(client, &unknown).await?;
            self.insert(client, batch, rejects).await?;
        }
        Ok(batch
            .series
            .iter()
            .map(|series| self.known.get(&series.key).copied())
            .collect())
    }

    /// Begins anew: series were deleted.
    pub async fn forget(&mut self, client: &Client) -> Result<(), WriteError> {
        *self = Self::load(client, std::mem::take(&mut self.max_series)).await?;
        Ok(())
    }

    /// Remembers that a point of this time is stored.
    pub fn stored(&mut self, key: &str, ts: Micros) {
        if let Some(known) = self.known.get_mut(key) {
            known.newest = known.newest.max(Some(ts));
        }
    }

    async fn find(&mut self, client: &Client, keys: &[&str]) -> Result<(), WriteError> {
        for row in client.query(FIND, &[&keys]).await? {
            let key: String = row.get(1);
            let newest: Option<Timestamp> = row.get(2);
            let known = Known {
                id: row.get(0),
                newest: newest.map(|ts| ts.0),
            };
            self.known.insert(key.into(), known);
        }
        Ok(())
    }

    async fn insert(
        &mut self,
        client: &Client,
        batch: &Batch,
        rejects: &mut Rejects,
    ) -> Result<(), WriteError> {
        // By key, so that locks are taken in one order everywhere; with the stream of the first point.
        let mut new: BTreeMap<&str, (u32, &Arc<str>)> = BTreeMap::new();
        for point in &batch.points {
            let series = &batch.series[point.series as usize];
            if self.known.contains_key(&series.key) || rejects.contains_key(&point.record) {
                continue;
            }
            let record = &batch.raw.records[point.record as usize];
            let stream = &batch.raw.share(record).of.stream;
            let is_new = !new.contains_key(&*series.key);
            if is_new && self.is_full(stream) {
                rejects.insert(
                    point.record,
                    too_many(point.record, stream, self.max_series[stream]),
                );
                continue;
            }
            if is_new {
                new.insert(&series.key, (point.series, stream));
                *self.per_stream.entry(Arc::clone(stream)).or_default() += 1;
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let (mut keys, mut metrics, mut labels, mut streams) = (vec![], vec![], vec![], vec![]);
        for (key, (index, stream)) in new {
            let series = &batch.series[index as usize];
            let map: serde_json::Map<String, serde_json::Value> = series
                .labels
                .iter()
                .map(|(name, value)| (name.to_string(), (&**value).into()))
                .collect();
            keys.push(key);
            metrics.push(&*series.metric);
            labels.push(serde_json::Value::Object(map).to_string());
            streams.push(&**stream);
        }
        client
            .execute(INSERT, &[&keys, &metrics, &labels, &streams])
            .await?;
        self.find(client, &keys).await
    }

    fn is_full(&self, stream: &Arc<str>) -> bool {
        let limit = self.max_series.get(stream);
        limit.is_some_and(|limit| self.per_stream.get(stream).is_some_and(|n| n >= limit))
    }
}

fn too_many(record: u32, stream: &str, limit: u64) -> Rejected {
    Rejected {
        record,
        reason: Reason::TooManySeries,
        detail: format!("stream '{stream}' has {limit} series already; raise max_series to allow more"),
        element: None,
    }
}
