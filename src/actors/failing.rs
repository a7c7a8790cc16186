//! Detects a stream with a wrong mapping: too many of its last records fail.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// At most the share `limit` of the last `window` records of each stream may fail. A stream with fewer
/// records is also measured by the whole window, so a few bad ones at the start pause nothing.
#[derive(Debug)]
pub struct FailingStreams {
    limit: f64,
    window: usize,
    streams: HashMap<Arc<str>, Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    /// (records, failed) of each batch, oldest first.
    batches: VecDeque<(usize, usize)>,
    records: usize,
    failed: usize,
}

impl FailingStreams {
    pub fn new(limit: f64, window: usize) -> Self {
        Self {
            limit,
            window,
            streams: HashMap::new(),
        }
    }

    /// Counts the outcome of one batch. Returns the reason when the stream exceeds the limit, and then
    /// starts to count again.
    pub fn note(&mut self, stream: &Arc<str>, records: usize, failed: usize) -> Option<String> {
        let recent = self.streams.entry(Arc::clone(stream)).or_default();
        recent.batches.push_back((records, failed));
        recent.records += records;
        recent.failed += failed;
        while let Some((records, failed)) = recent.batches.front().copied()
            && recent.records - records >= self.window
        {
            recent.batches.pop_front();
            recent.records -= records;
            recent.failed -= failed;
        }
        let over = recent.failed as f64 > self.limit * self.window as f64;
        over.then(|| {
            let Recent { records, failed, .. } = std::mem::take(recent);
            format!(
                "{failed} of its last {records} records became dead letters; correct its mapping and restart, \
                 or `streamsync resume --stream {stream}`"
            )
        })
    }

    /// Records that were on their way when a stream was paused must not count when it is resumed.
    pub fn forget(&mut self, stream: &str) {
        self.streams.remove(stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_paused_when_more_than_the_limit_of_the_window_failed() {
        let stream: Arc<str> = "s".into();
        let mut failing = FailingStreams::new(0.5, 100);
        assert_eq!(failing.note(&stream, 50, 50), None);
        let why = failing.note(&stream, 10, 1).unwrap();
        assert!(why.starts_with("51 of its last 60 records"), "{why}");
        // Counting starts again from here.
        assert_eq!(failing.note(&stream, 50, 50), None);
        failing.forget(&stream);
        assert_eq!(failing.note(&stream, 50, 50), None);
    }

    #[test]
    fn old_failures_are_forgotten() {
        let stream: Arc<str> = "s".into();
        let mut failing = FailingStreams::new(0.5, 100);
        for _ in 0..50 {
            assert_eq!(failing.note(&stream, 50, 20), None);
        }
    }
}
