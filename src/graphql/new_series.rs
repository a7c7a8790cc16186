//! Limits the series that `publish` adds to the catalogue: a stream has at most `max_series`, and all
//! clients together may add only so many a minute.
//!
//! The writer applies `max_series` to records from Kafka. This check tells a client before anything is
//! sent, and no client can fill the catalogue faster than an operator would notice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::Error;
use parking_lot::Mutex;

use super::errors::{Code, overloaded, read_error};
use crate::data::{OverLimit, Problem, Viewer};
use crate::store::read::{ReadError, Reader};

/// New series a minute that all clients of a node may publish.
const PER_MINUTE: usize = 20_000;
/// Bytes of their keys.
const BYTES_PER_MINUTE: usize = 8 << 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct NewSeries(Arc<Mutex<Minute>>);

/// Why points may not be sent.
#[derive(Debug)]
pub enum NotAdmitted {
    /// The stream would have more than `max` series.
    TooMany {
        max: u64,
        new: usize,
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
    pub async fn admit(
        &self,
        reader: &Reader,
        stream: &str,
        keys: Vec<String>,
        max: u64,
        viewer: &Viewer,
    ) -> Result<(), NotAdmitted> {
        let keys: Vec<String> = {
            let mut minute = self.0.lock();
            minute.turn(Instant::now());
            let knows = |key: &String| minute.keys(stream).any(|keys| keys.contains(key));
            keys.into_iter().filter(|key| !knows(key)).collect()
        };
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
            return Ok(());
        }
        if all > max {
            return Err(NotAdmitted::TooMany { max, new: new.len() });
        }
        let mut minute = self.0.lock();
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
        let waiting: Vec<String> = self.0.lock().keys(stream).flatten().cloned().collect();
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
    pub fn told_to(self, viewer: &Viewer, stream: &str) -> Error {
        match self {
            Self::TooMany { max, new } if viewer.scope().is_everything() => Code::BadUserInput.error(format!(
                "stream '{stream}' may have {max} series; these points would add {new}; raise max_series to allow them"
            )),
            Self::TooMany { max, .. } => Code::BadUserInput.error(format!(
                "stream '{stream}' may have {max} series; these points would add more"
            )),
            Self::OverLimit(over) => Problem::from(over).into(),
            Self::TooFast => overloaded("too many new series are being published; try again in a minute"),
            Self::Read(error) => read_error(error),
        }
    }
}
