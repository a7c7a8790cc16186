//! Who writes, for operators: counted by stream, principal and path, on this node and since it started.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::data::{Micros, Streams};

/// Beyond this many the one that wrote the longest time ago is forgotten.
const WRITERS_MAX: usize = 1_000;

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Writers(Arc<Mutex<HashMap<Key, Writer>>>);

type Key = (String, Arc<str>, &'static str);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    pub stream: String,
    /// As people know it.
    pub principal: Arc<str>,
    pub path: &'static str,
    pub points: u64,
    /// Points that can never be stored.
    pub refused: u64,
    pub requests: u64,
    /// Requests that may succeed later.
    pub failed: u64,
    pub last: Micros,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub enum Became {
    Stored { points: u64, refused: u64 },
    Failed,
}

impl Writers {
    pub fn count(&self, stream: &str, principal: &Arc<str>, path: &'static str, became: Became) {
        let mut writers = self.0.lock();
        let key = (stream.to_owned(), Arc::clone(principal), path);
        if writers.len() >= WRITERS_MAX && !writers.contains_key(&key) {
            let oldest = writers.iter().min_by_key(|(_, writer)| writer.last);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|oldest| writers.remove(&oldest));
        }
        let writer = writers.entry(key).or_insert_with(|| Writer {
            stream: stream.to_owned(),
            principal: Arc::clone(principal),
            path,
            points: 0,
            refused: 0,
            requests: 0,
            failed: 0,
            last: Micros(0),
        });
        writer.requests += 1;
        writer.last = Micros::now();
        match became {
            Became::Stored { points, refused } => {
                writer.points += points;
                writer.refused += refused;
            }
            Became::Failed => writer.failed += 1,
        }
    }

    /// Of these streams, the last ones first.
    pub fn of(&self, streams: &Streams) -> Vec<Writer> {
        let writers = self.0.lock();
        let mut found: Vec<Writer> = writers
            .values()
            .filter(|writer| streams.contain(&writer.stream))
            .cloned()
            .collect();
        found.sort_unstable_by_key(|writer| std::cmp::Reverse(writer.last));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_are_counted_apart_and_their_number_is_bounded() {
        let writers = Writers::default();
        let all = Streams::All;
        for n in 0..WRITERS_MAX + 5 {
            let stored = Became::Stored {
                points: 2,
                refused: 1,
            };
            writers.count("s", &format!("p{n}").into(), "/write", stored);
        }
        assert_eq!(writers.of(&all).len(), WRITERS_MAX);
        let last: Arc<str> = format!("p{}", WRITERS_MAX + 4).into();
        writers.count("s", &last, "/write", Became::Failed);
        let found = writers.of(&all);
        let found = found.iter().find(|writer| writer.principal == last).unwrap();
        assert_eq!(
            (found.points, found.refused, found.requests, found.failed),
            (2, 1, 2, 1)
        );
        assert!(writers.of(&Streams::Named(["t".to_owned()].into())).is_empty());
    }
}
