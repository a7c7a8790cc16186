//! Limits the series that clients add to the catalogue: a stream has at most `max_series`, and all
//! clients together may add only so many a minute.
//!
//! The writer applies `max_series` to records from Kafka. This check tells a client before anything is
//! sent, and no client can fill the catalogue faster than an operator would notice.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::data::{Code, OverLimit, Problem, Viewer};
use crate::store::read::{ReadError, Reader};

/// New series a minute that all clients of a node may publish.
const PER_MINUTE: usize = 20_000;
/// Bytes of their keys.
const BYTES_PER_MINUTE: usize = 8 << 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Series that are known to be there, which need no look into Postgres.
const KNOWN_MAX: usize = 1 << 20;

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct NewSeries(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    hasher: RandomState,
    /// By the hash of stream and key.
    known: Mutex<HashSet<u64>>,
    minute: Mutex<Minute>,
}

/// Why points may not be sent.
#[derive(Debug)]
pub enum NotAdmitted {
    /// The stream would have more than `max` series.
    TooMany {
        max: u64,
        new: Vec<String>,
    },
    TooFast,
    OverLimit(OverLimit),
    Read(ReadError),
}

/// New series that were let through and may not be in Postgres yet.
#[derive(Debug, Default)]
struct Minute {
    since: Option<Instant>,
    count: usize,
    bytes: usize,
    now: HashMap<String, HashSet<String>>,
    before: HashMap<String, HashSet<String>>,
}

impl NewSeries {
    /// Lets points of these series through, or says why not. `max`: the most series of the stream.
    pub async fn admit<'k>(
        &self,
        reader: &Reader,
        stream: &str,
        keys: impl Iterator<Item = &'k str>,
        max: u64,
        viewer: &Viewer,
    ) -> Result<(), NotAdmitted> {
        let keys = self.unknown(stream, keys);
        if keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = {
            let mut minute = self.0.minute.lock();
            minute.turn(Instant::now());
            let knows = |key: &String| minute.keys(stream).any(|keys| keys.contains(key));
            keys.into_iter().filter(|key| !knows(key)).collect()
        };
        let hashes: Vec<u64> = keys.iter().map(|key| self.hash(stream, key)).collect();
        let (new, all) = match self.judge(reader, stream, keys, max).await {
            Ok(judged) => judged,
            // Only the writer's limit applies while Postgres is unavailable.
            Err(ReadError::Unavailable(why)) => {
                tracing::debug!(%why, "cannot count new series");
                return Ok(());
            }
            // A client that overloads the reads does not get around the limit.
            Err(error) => return Err(NotAdmitted::Read(error)),
        };
        if new.is_empty() {
            self.learn(&hashes);
            return Ok(());
        }
        if all > max {
            return Err(NotAdmitted::TooMany { max, new });
        }
        let mut minute = self.0.minute.lock();
        let (count, bytes) = (new.len(), new.iter().map(String::len).sum::<usize>());
        if minute.count + count > PER_MINUTE || minute.bytes + bytes > BYTES_PER_MINUTE {
            return Err(NotAdmitted::TooFast);
        }
        if let Some(meter) = viewer.meter() {
            meter.new_series(count).map_err(NotAdmitted::OverLimit)?;
        }
        minute.count += count;
        minute.bytes += bytes;
        minute.now.entry(stream.to_owned()).or_default().extend(new);
        Ok(())
    }

    fn hash(&self, stream: &str, key: &str) -> u64 {
        self.0.hasher.hash_one((stream, key))
    }

    fn unknown<'k>(&self, stream: &str, keys: impl Iterator<Item = &'k str>) -> Vec<String> {
        let known = self.0.known.lock();
        let unknown = keys.filter(|key| !known.contains(&self.hash(stream, key)));
        unknown.map(str::to_owned).collect()
    }

    fn learn(&self, hashes: &[u64]) {
        let mut known = self.0.known.lock();
        if known.len() + hashes.len() > KNOWN_MAX {
            *known = HashSet::new();
        }
        known.extend(hashes);
    }

    /// Those of the keys that are new, and how many series the stream would have with them.
    async fn judge(
        &self,
        reader: &Reader,
        stream: &str,
        keys: Vec<String>,
        max: u64,
    ) -> Result<(Vec<String>, u64), ReadError> {
        let new = reader.unknown_series(keys).await?;
        if new.is_empty() {
            return Ok((new, 0));
        }
        let waiting: Vec<String> = self.0.minute.lock().keys(stream).flatten().cloned().collect();
        let stored = reader.stream_series(stream, max).await?;
        let with = |waiting: usize| stored + (waiting + new.len()) as u64;
        let mut all = with(waiting.len());
        if all > max {
            // Most of them are stored by now, and counted already.
            all = with(reader.unknown_series(waiting).await?.len());
        }
        Ok((new, all))
    }
}

impl Minute {
    fn turn(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) >= MINUTE {
            self.before = std::mem::take(&mut self.now);
            self.since = Some(now);
            (self.count, self.bytes) = (0, 0);
        }
    }

    /// The keys of a stream in this minute and in the one before.
    fn keys(&self, stream: &str) -> impl Iterator<Item = &HashSet<String>> {
        let minutes = [&self.now, &self.before].into_iter();
        minutes.filter_map(move |keys| keys.get(stream))
    }
}

impl NotAdmitted {
    /// How many of its series are new is told only to a viewer who could look that up.
    pub fn told_to(self, viewer: &Viewer, stream: &str) -> Problem {
        match self {
            Self::TooMany { max, new } => {
                let more = match viewer.scope().is_everything() {
                    true => format!("{}; raise max_series to allow them", new.len()),
                    false => "more".to_owned(),
                };
                let why = format!("stream '{stream}' may have {max} series; these points would add {more}");
                Problem::new(Code::BadUserInput, why)
            }
            Self::OverLimit(over) => over.into(),
            Self::TooFast => {
                Problem::overloaded("too many new series are being published; try again in a minute")
            }
            Self::Read(error) => error.into(),
        }
    }
}
