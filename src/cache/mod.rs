//! The latest point of each series: committed batches come in, answers to `latest` go out.
//!
//! The rule that keeps it correct: **an entry exists only for a series that was requested, and is
//! used only after Postgres was asked once.** [`LatestCache::lookup`] leaves a mark for what it
//! does not know; commits that come after the mark are merged into it, and
//! [`LatestCache::put_back`] merges in what Postgres said and makes the entry known. So a late old
//! point after a restart can never pass for the latest one, and no commit falls between the read
//! and the entry. Whatever is lost (a full queue, a broken connection, a crash before the
//! hand-over) begins a new *epoch*: all entries of the older one are ignored.
//!
//! Between two points of one time and partition the higher offset wins. When the partitions differ,
//! only Postgres knows which won (by the Kafka record's time), so the entry is forgotten.

mod bus;
pub mod checkup;
mod latest;
mod link;
mod local;
mod redis;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

pub use bus::{Bus, BusEvent};
pub use latest::{Epoch, Latest, Lookup};
pub use link::{CacheError, RedisConfig, check_url, is_unverified};

use crate::data::{Matched, SeriesId, Stored};
use crate::telemetry::{Metrics, Status};

/// Cheap to clone; all clones are one cache.
#[derive(Clone, Debug)]
pub struct LatestCache(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Local(Arc<local::LocalLatest>),
    Redis(Arc<redis::RedisLatest>),
}

impl LatestCache {
    /// In this process, for at most `capacity` series (some 60 bytes each).
    pub fn local(capacity: usize) -> Self {
        Self(Kind::Local(Arc::new(local::LocalLatest::new(capacity))))
    }

    /// In Redis. Returns at once, connected or not, and connects (again) in a task on the tokio
    /// runtime it is called from; while Redis is unavailable every lookup is a miss and
    /// `status.degraded` says so.
    pub fn redis(
        config: &RedisConfig,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
    ) -> Result<Self, CacheError> {
        redis::RedisLatest::start(config, metrics, status).map(|it| Self(Kind::Redis(Arc::new(it))))
    }

    /// Hands over a committed batch. Never waits.
    pub fn offer(&self, stored: &Arc<Stored>) {
        match &self.0 {
            Kind::Local(cache) => cache.offer(stored),
            Kind::Redis(cache) => cache.offer(stored),
        }
    }

    /// Never fails: what cannot be asked is missing.
    pub async fn lookup(&self, of: &[Matched]) -> Lookup {
        let ids: Vec<SeriesId> = of.iter().map(|series| series.id).collect();
        match &self.0 {
            Kind::Local(cache) => cache.lookup(&ids),
            Kind::Redis(cache) => cache.lookup(&ids).await,
        }
    }

    /// What Postgres said about the `missing` of a lookup. Never waits.
    pub fn put_back(&self, epoch: &Epoch, entries: Vec<Latest>) {
        match &self.0 {
            Kind::Local(cache) => cache.put_back(epoch, &entries),
            Kind::Redis(cache) => cache.put_back(epoch, entries),
        }
    }

    /// Begins a new epoch. Needed when the cache may have missed commits, as after a generation
    /// that ended between a commit and its hand-over. Never waits.
    pub fn invalidate(&self) {
        match &self.0 {
            Kind::Local(cache) => cache.invalidate(),
            Kind::Redis(cache) => cache.invalidate(),
        }
    }
}
