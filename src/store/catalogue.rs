//! The series this writer knows: their ids, and the newest time stored for each.
//!
//! New series are inserted, keys sorted, in a short transaction of their own, so that writers of
//! several nodes never deadlock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio_postgres::Client;

use crate::data::{Batch, Micros, Point, Reason, Rejected, Series, SeriesId};

use super::error::WriteError;
use super::pace::Pace;
use super::part::Rejects;
use super::rows::Row;

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
    /// Bytes of their keys.
    key_bytes: usize,
    per_stream: HashMap<Arc<str>, u64>,
    max_series: HashMap<Arc<str>, u64>,
}

const FIND: &str = "select s.id, s.key, newest.ts from series s
    left join lateral (
        select p.ts from points p where p.series_id = s.id order by p.ts desc limit 1
    ) newest on true
    where s.key = any($1)";

pub(super) const INSERT: &str = "insert into series (key, metric, labels, stream)
    select key, metric, labels::jsonb, stream
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as s(key, metric, labels, stream)
    order by key
    on conflict (key) do nothing
    returning stream";

/// Beyond this many series, or bytes of their keys, the cache is cleared: a bound, not a tuning
/// knob.
const SERIES_MAX: usize = 1_000_000;
const KEY_BYTES_MAX: usize = 128 << 20;
/// Series that one statement finds.
const FOUND_AT_ONCE: usize = 1_000;

/// Series and stream by key: locks are taken in that order everywhere.
type NewSeries<'a> = BTreeMap<&'a str, (&'a Series, &'a str)>;

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
            key_bytes: 0,
            per_stream: counts.iter().map(count).collect(),
            max_series,
        })
    }

    /// The id of each series these points name, by index into `batch.series`. Series that are new
    /// are created; a record that would go beyond its stream's limit becomes a reject instead, and
    /// creates none.
    pub async fn resolve(
        &mut self,
        client: &Client,
        batch: &Batch,
        points: &[Point],
        rejects: &mut Rejects,
        pace: &Pace,
    ) -> Result<Vec<Option<Known>>, WriteError> {
        if self.known.len() > SERIES_MAX || self.key_bytes > KEY_BYTES_MAX {
            self.known = HashMap::new();
            self.key_bytes = 0;
        }
        let mut named = vec![false; batch.series.len()];
        for point in points {
            named[point.series as usize] =
                named[point.series as usize] || !rejects.contains_key(&point.record);
        }
        let named = |at: usize| named[at].then(|| &*batch.series[at].key);
        let unknown: Vec<&str> = (0..batch.series.len())
            .filter_map(named)
            .filter(|key| !self.known.contains_key(*key))
            .collect();
        if !unknown.is_empty() {
            self.find(client, &unknown, pace).await?;
            let (new, refused) = self.new_series(batch, points, rejects);
            self.insert(client, batch, new, pace).await?;
            // Only now: what Postgres rejects is retried in smaller parts.
            rejects.extend(refused);
        }
        Ok((0..batch.series.len())
            .map(|at| named(at).and_then(|key| self.known.get(key).copied()))
            .collect())
    }

    /// Clears the cache: series were deleted.
    pub async fn reload(&mut self, client: &Client) -> Result<(), WriteError> {
        *self = Self::load(client, std::mem::take(&mut self.max_series)).await?;
        Ok(())
    }

    /// Remembers that these rows, ordered by series and time, are stored.
    pub fn stored(&mut self, batch: &Batch, rows: &[Row]) {
        for newest in rows
            .chunk_by(|a, b| a.series == b.series)
            .filter_map(<[Row]>::last)
        {
            let key = &batch.series[newest.series as usize].key;
            if let Some(known) = self.known.get_mut(key) {
                known.newest = known.newest.max(Some(newest.ts));
            }
        }
    }

    /// Reads again how far the series of these rows, ordered by series, are stored.
    pub async fn look_again(
        &mut self,
        client: &Client,
        batch: &Batch,
        rows: &[Row],
    ) -> Result<(), WriteError> {
        let series = rows.chunk_by(|a, b| a.series == b.series);
        let keys: Vec<&str> = series
            .map(|rows| &*batch.series[rows[0].series as usize].key)
            .collect();
        self.find(client, &keys, &Pace::default()).await
    }

    async fn find(&mut self, client: &Client, keys: &[&str], pace: &Pace) -> Result<(), WriteError> {
        // Each may have to look into every time partition.
        for keys in keys.chunks(FOUND_AT_ONCE) {
            for row in client.query(FIND, &[&keys]).await? {
                let key: String = row.get(1);
                let known = Known {
                    id: row.get(0),
                    newest: row.get(2),
                };
                let bytes = key.len();
                if self.known.insert(key.into(), known).is_none() {
                    self.key_bytes += bytes;
                }
            }
            pace.step();
        }
        Ok(())
    }

    /// The series to create, each with the stream of its first point. A record is all or nothing:
    /// all of its series are new here, or none and it is refused.
    fn new_series<'a>(
        &self,
        batch: &'a Batch,
        points: &[Point],
        rejects: &Rejects,
    ) -> (NewSeries<'a>, Rejects) {
        let (mut new, mut refused) = (NewSeries::new(), Rejects::new());
        let mut per_stream: HashMap<&str, u64> = HashMap::new();
        for points in points.chunk_by(|a, b| a.record == b.record) {
            let record = points[0].record;
            if rejects.contains_key(&record) {
                continue;
            }
            let stream = &batch.raw.range(&batch.raw.records[record as usize]).of.stream;
            let fresh: BTreeSet<u32> = points
                .iter()
                .map(|point| point.series)
                .filter(|series| {
                    let key = &batch.series[*series as usize].key;
                    !self.known.contains_key(key) && !new.contains_key(&**key)
                })
                .collect();
            if fresh.is_empty() {
                continue;
            }
            let count = per_stream.entry(stream).or_default();
            let total =
                self.per_stream.get(stream).copied().unwrap_or_default() + *count + fresh.len() as u64;
            if let Some(limit) = self.max_series.get(stream).filter(|limit| total > **limit) {
                refused.insert(record, too_many(record, stream, *limit));
                continue;
            }
            *count += fresh.len() as u64;
            new.extend(fresh.into_iter().map(|at| {
                let series = &*batch.series[at as usize];
                (&*series.key, (series, &**stream))
            }));
        }
        (new, refused)
    }

    async fn insert(
        &mut self,
        client: &Client,
        batch: &Batch,
        new: NewSeries<'_>,
        pace: &Pace,
    ) -> Result<(), WriteError> {
        if new.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = new.keys().copied().collect();
        let metrics: Vec<&str> = new.values().map(|(series, _)| &*series.metric).collect();
        let labels: Vec<String> = new.values().map(|(series, _)| series.labels_json()).collect();
        let streams: Vec<&str> = new.values().map(|(_, stream)| *stream).collect();
        let created = client
            .query(INSERT, &[&keys, &metrics, &labels, &streams])
            .await?;
        for stream in created.iter().map(|row| row.get::<_, &str>(0)) {
            let range = batch.raw.ranges.iter().find(|range| &*range.of.stream == stream);
            if let Some(range) = range {
                *self.per_stream.entry(Arc::clone(&range.of.stream)).or_default() += 1;
            }
        }
        pace.step();
        self.find(client, &keys, pace).await
    }
}

fn too_many(record: u32, stream: &str, limit: u64) -> Rejected {
    Rejected {
        record,
        reason: Reason::TooManySeries,
        detail: format!(
            "stream '{stream}' may bring {limit} series and this would be one more; raise max_series to allow it"
        ),
        element: None,
    }
}
