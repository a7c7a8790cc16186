//! Restores the points of a day, all of them or none.

use std::time::Duration;

use tokio_postgres::Client;

use crate::data::{Day, Micros};
use crate::store::connect::{DatabaseUrl, connect};
use crate::store::pace::Pace;
use crate::store::partitions::Partitions;
use crate::store::{catalogue, locks};

use super::{Archived, ArchivedPoint, ArchivedSeries, DayError, PATIENCE};

const KEEP: &str = "insert into restored (day, keep_until)
    values (($1::timestamptz at time zone 'UTC')::date, $2)
    on conflict (day) do update set keep_until = greatest(restored.keep_until, excluded.keep_until)";

// What is there stays: it is the same point, or one that came later.
const POINTS: &str = r#"insert into points (series_id, partition_id, ts, value, "offset", recorded_at)
    select s.id, p.partition_id, p.ts, p.value, p."offset", p.recorded_at
    from unnest($1::text[], $2::integer[], $3::timestamptz[], $4::double precision[], $5::bigint[],
        $6::timestamptz[]) as p(key, partition_id, ts, value, "offset", recorded_at)
    join series s on s.key = p.key
    order by s.id, p.ts
    on conflict (series_id, ts) do nothing"#;

// Points that came after the copy was made were never summed up together with those it holds.
const INVALIDATE: &str = "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
    select min(min), max(max), array_agg(series_id), array_agg(min), array_agg(max)
    from (select series_id, min(ts), max(ts) from points where ts >= $1 and ts < $2 group by 1) s
    where exists (
        select from days where day = ($1::timestamptz at time zone 'UTC')::date and version <> $3)
    having count(*) > 0";

/// A day that is being restored. Without [`Restore::commit`] only its series stay.
#[allow(missing_debug_implementations, reason = "two connections that say nothing")]
pub struct Restore {
    /// In a transaction, from beginning to end.
    points: Client,
    /// New series are committed at once, so that no writer waits for one of them.
    series: Client,
    day: Day,
    version: i64,
}

impl Restore {
    /// Until `commit` rollups are not refreshed and nothing is dropped: either would see half a day.
    pub async fn begin(url: &DatabaseUrl, archived: &Archived, keep: Duration) -> Result<Self, DayError> {
        let (points, series) = (connect(url).await?, connect(url).await?);
        if !locks::alone(&points, locks::ROLLUPS, PATIENCE).await? {
            return Err(DayError::Busy);
        }
        let start = archived.day.start();
        let mut partitions = Partitions::of(&points, "points", 1).await?;
        let day = std::iter::once(((), start));
        partitions.ensure(&points, day, |()| "", &Pace::default()).await?;
        points.batch_execute("begin").await?;
        points
            .execute("select pg_advisory_xact_lock_shared($1)", &[&locks::CATALOGUE])
            .await?;
        let until = Micros::now().plus(keep);
        points.execute(KEEP, &[&start, &until]).await?;
        Ok(Self {
            points,
            series,
            day: archived.day,
            version: archived.version,
        })
    }

    /// Says how many of these points were not there.
    pub async fn insert(&mut self, page: &[ArchivedPoint]) -> Result<u64, DayError> {
        self.insert_series(page).await?;
        let keys: Vec<&str> = page.iter().map(|point| &*point.of.series.key).collect();
        let partitions: Vec<i32> = page.iter().map(|point| point.partition_id).collect();
        let times: Vec<Micros> = page.iter().map(|point| point.ts).collect();
        let values: Vec<f64> = page.iter().map(|point| point.value).collect();
        let offsets: Vec<i64> = page.iter().map(|point| point.offset).collect();
        let recorded: Vec<Micros> = page.iter().map(|point| point.recorded_at).collect();
        let inserted = self
            .points
            .execute(
                POINTS,
                &[&keys, &partitions, &times, &values, &offsets, &recorded],
            )
            .await?;
        Ok(inserted)
    }

    pub async fn commit(self) -> Result<(), DayError> {
        let bounds = (self.day.start(), self.day.end());
        self.points
            .execute(INVALIDATE, &[&bounds.0, &bounds.1, &self.version])
            .await?;
        self.points.batch_execute("commit").await?;
        // The lock ends with the session; the next day takes it again.
        Ok(())
    }

    async fn insert_series(&self, page: &[ArchivedPoint]) -> Result<(), DayError> {
        let mut series: Vec<&ArchivedSeries> = page
            .chunk_by(|a, b| std::sync::Arc::ptr_eq(&a.of, &b.of))
            .map(|points| &*points[0].of)
            .collect();
        series.sort_by(|a, b| a.series.key.cmp(&b.series.key));
        let keys: Vec<&str> = series.iter().map(|of| &*of.series.key).collect();
        let metrics: Vec<&str> = series.iter().map(|of| &*of.series.metric).collect();
        let labels: Vec<String> = series.iter().map(|of| of.series.labels_json()).collect();
        let streams: Vec<&str> = series.iter().map(|of| &*of.stream).collect();
        self.series
            .execute(catalogue::INSERT, &[&keys, &metrics, &labels, &streams])
            .await?;
        Ok(())
    }
}
