//! What `publish` may add to the catalogue: no stream gets more series than `max_series`, and all
//! clients together only so many a minute.
//!
//! The writer applies `max_series` to records from Kafka. A client is told before it sends, and
//! cannot fill the catalogue faster than somebody would notice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::Error;
use parking_lot::Mutex;

use super::errors::{Code, overloaded, read_error};
use crate::store::read::{ReadError, Reader};

/// New series a minute that all clients of a node may publish.
const PER_MINUTE: usize = 20_000;
/// What their keys may take, in bytes.
const BYTES_PER_MINUTE: usize = 8 << 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct NewSeries(Arc<Mutex<Minute>>);

/// What was let through and may not be in Postgres yet.
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
    pub async fn admit(
        &self,
        reader: &Reader,
        stream: &str,
        keys: Vec<String>,
        max: u64,
    ) -> Result<(), Error> {
        let keys: Vec<String> = {
            let mut minute = self.0.lock();
            minute.turn(Instant::now());
            keys.into_iter()
                .filter(|key| !minute.knows(stream, key))
                .collect()
        };
        let (new, all) = match self.judge(reader, stream, keys, max).await {
            Ok(judged) => judged,
            // Postgres cannot tell: the writer's limit alone holds.
            Err(ReadError::Unavailable(why)) => {
                tracing::debug!(%why, "cannot count new series");
                return Ok(());
            }
            // Who overloads the reads does not get around the limit.
            Err(error) => return Err(read_error(error)),
        };
        if new.is_empty() {
            return Ok(());
        }
        if all > max {
            return Err(too_many(stream, max, new.len()));
        }
        let mut minute = self.0.lock();
        let (count, bytes) = (new.len(), new.iter().map(String::len).sum::<usize>());
        if minute.count + count > PER_MINUTE || minute.bytes + bytes > BYTES_PER_MINUTE {
            return Err(overloaded(
                "too many new series are being published; try again in a minute",
            ));
        }
        minute.count += count;
        minute.bytes += bytes;
        minute.now.entry(stream.to_owned()).or_default().extend(new);
        Ok(())
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
        let waiting = self.0.lock().waiting(stream);
        let stored = reader.stream_series(stream, max).await?;
        let all = |waiting: usize| stored + (waiting + new.len()) as u64;
        if all(waiting.len()) <= max {
            let all = all(waiting.len());
            return Ok((new, all));
        }
        // Most of them are stored by now, and counted already.
        let all = all(reader.unknown_series(waiting).await?.len());
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

    fn knows(&self, stream: &str, key: &str) -> bool {
        let of =
            |all: &HashMap<String, HashSet<String>>| all.get(stream).is_some_and(|keys| keys.contains(key));
        of(&self.now) || of(&self.before)
    }

    fn waiting(&self, stream: &str) -> Vec<String> {
        let of = |all: &HashMap<String, HashSet<String>>| all.get(stream).cloned().unwrap_or_default();
        of(&self.now).into_iter().chain(of(&self.before)).collect()
    }
}

fn too_many(stream: &str, max: u64, new: usize) -> Error {
    Code::BadUserInput.error(format!(
        "stream '{stream}' may have {max} series; these points would add {new}; raise max_series to allow them"
    ))
}
