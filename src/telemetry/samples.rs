//! What happened on this node in each of the last seconds: counters are read once a second and kept
//! for five minutes.

use std::collections::VecDeque;
use std::ops::{Add, Sub};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Latency, Metrics, Status};
use crate::data::Micros;

/// Five minutes of seconds.
const KEPT: usize = 300;
/// Rates are the mean of so many seconds.
const RECENT: usize = 10;

/// One second of this node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it ended.
    pub at: Micros,
    pub flow: Flow,
    pub dead_letters: u64,
    /// Records not yet committed, of all partitions of this node.
    pub lag: i64,
    pub subscribers: i64,
    /// Bytes of the memory budget in use.
    pub credits_held: i64,
    /// `None` without records.
    pub latency: Option<Latency>,
    /// How full the fullest outbox was, 0 to 1.
    pub outboxes: f64,
}

/// What each stage has passed on: records, records, points and points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow<T = u64> {
    pub read: T,
    pub transformed: T,
    pub stored: T,
    pub delivered: T,
}

/// The same per second.
pub type Rates = Flow<f64>;

/// The last five minutes, and the counts since the start.
#[derive(Debug)]
pub struct Samples {
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    samples: VecDeque<Sample>,
    /// At the last sample.
    flow: Flow,
    dead_letters: u64,
}

impl Sample {
    /// Of a second of which nothing else is told.
    pub fn of_lag(at: Micros, lag: i64) -> Self {
        Self {
            at,
            flow: Flow::default(),
            dead_letters: 0,
            lag,
            subscribers: 0,
            credits_held: 0,
            latency: None,
            outboxes: 0.0,
        }
    }
}

impl Samples {
    pub fn new(metrics: Arc<Metrics>, status: Arc<Status>) -> Self {
        Self {
            metrics,
            status,
            kept: Mutex::default(),
        }
    }

    /// To be called once a second.
    pub fn tick(&self, now: Micros) {
        let mut sample = self.at_rest(now);
        let flow = Flow {
            delivered: self.metrics.delivered.counts().sent,
            ..self.passed()
        };
        sample.latency = self.metrics.end_to_end.take();
        sample.outboxes = self.metrics.delivered.fullest();
        let dead_letters = self.metrics.flow.dead_letters.get();

        let mut kept = self.kept.lock();
        // Counters never fall.
        sample.flow = flow.with(kept.flow, u64::sub);
        sample.dead_letters = dead_letters - kept.dead_letters;
        (kept.flow, kept.dead_letters) = (flow, dead_letters);
        if kept.samples.len() == KEPT {
            kept.samples.pop_front();
        }
        kept.samples.push_back(sample);
    }

    /// The last second.
    pub fn last(&self) -> Sample {
        let last = self.kept.lock().samples.back().copied();
        last.unwrap_or_else(|| self.at_rest(Micros::now()))
    }

    /// Oldest first.
    pub fn all(&self) -> Vec<Sample> {
        self.kept.lock().samples.iter().copied().collect()
    }

    /// Since the node started. `delivered` may be a second old, because the sum needs a look at every
    /// subscriber.
    pub fn totals(&self) -> Flow {
        Flow {
            delivered: self.kept.lock().flow.delivered,
            ..self.passed()
        }
    }

    /// Over the last ten seconds.
    pub fn rates(&self) -> Rates {
        let kept = self.kept.lock();
        let recent = kept.samples.iter().rev().take(RECENT);
        let seconds = recent.len().max(1) as f64;
        let all = recent.fold(Flow::default(), |all, sample| all.with(sample.flow, u64::add));
        all.with(all, |count, _| count as f64 / seconds)
    }

    /// A second in which nothing happened.
    fn at_rest(&self, at: Micros) -> Sample {
        let now = self.status.snapshot();
        Sample {
            subscribers: self.metrics.subscribers.get(),
            credits_held: now.budget().0,
            ..Sample::of_lag(at, now.lag())
        }
    }

    fn passed(&self) -> Flow {
        let flow = &self.metrics.flow;
        Flow {
            read: flow.read.get(),
            transformed: flow.transformed.get(),
            stored: flow.stored.get(),
            delivered: 0,
        }
    }
}

impl Flow {
    fn with<T>(self, other: Self, join: impl Fn(u64, u64) -> T) -> Flow<T> {
        Flow {
            read: join(self.read, other.read),
            transformed: join(self.transformed, other.transformed),
            stored: join(self.stored, other.stored),
            delivered: join(self.delivered, other.delivered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> (Arc<Metrics>, Samples) {
        let metrics = Arc::new(Metrics::default());
        let samples = Samples::new(Arc::clone(&metrics), Arc::default());
        (metrics, samples)
    }

    #[test]
    fn a_sample_has_what_came_since_the_one_before() {
        let (metrics, samples) = samples();
        metrics.flow.read.inc_by(7);
        metrics.flow.dead_letters.inc_by(2);
        samples.tick(Micros(1_000_000));
        metrics.flow.read.inc_by(3);
        metrics
            .end_to_end
            .note(Micros(1_500_000), [Micros(1_000_000)].into_iter());
        samples.tick(Micros(2_000_000));
        let all = samples.all();
        let seen: Vec<_> = all
            .iter()
            .map(|s| (s.at.0, s.flow.read, s.dead_letters))
            .collect();
        assert_eq!(seen, [(1_000_000, 7, 2), (2_000_000, 3, 0)]);
        assert_eq!(all[0].latency, None);
        assert_eq!(samples.last().latency.map(|latency| latency.max), Some(0.5));
        assert_eq!(samples.totals().read, 10);
    }

    #[test]
    fn five_minutes_are_kept_and_rates_are_those_of_ten_seconds() {
        let (metrics, samples) = samples();
        assert_eq!(samples.rates(), Rates::default());
        metrics.flow.stored.inc_by(30);
        samples.tick(Micros(0));
        assert_eq!(samples.rates().stored, 30.0);
        for second in 1..400 {
            metrics.flow.stored.inc_by(1);
            samples.tick(Micros(second * 1_000_000));
        }
        let all = samples.all();
        assert_eq!((all.len(), all[0].at), (300, Micros(100_000_000)));
        assert_eq!(samples.rates().stored, 1.0);
    }
}
