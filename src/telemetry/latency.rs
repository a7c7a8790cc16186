//! The time from a record's timestamp to its commit.
//!
//! Counted in buckets that grow with the time, sixteen for each doubling. So a percentile is at most a
//! sixteenth too large. The lock is taken once for each batch.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::data::Micros;

/// Buckets in each doubling.
const FINE: usize = 16;
/// The first `FINE` buckets, of equal width, end after so many microseconds.
const FIRST: u64 = 1_000;
/// The last bucket ends after 34 years and also counts longer times.
const DOUBLINGS: usize = 41;
const BUCKETS: usize = FINE * DOUBLINGS;
/// The buckets for Prometheus: up to 1 ms, 2 ms, 4 ms … 17 minutes, and the rest.
const TOLD: usize = 21;

/// Shared by writer, sampler and scrapes.
#[derive(Clone, Debug, Default)]
pub struct EndToEnd(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    /// Since the last sample, and before it.
    second: Spans,
    before: Spans,
}

#[derive(Clone, Debug)]
struct Spans {
    counts: Box<[u64; BUCKETS]>,
    micros: u64,
    max: u64,
}

/// The latency of one second's records, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl EndToEnd {
    /// Counts records by their timestamps; one from the future counts as 0.
    pub fn note(&self, committed: Micros, recorded: impl Iterator<Item = Micros>) {
        let second = &mut self.0.lock().second;
        for recorded in recorded {
            second.add(u64::try_from(committed.0.saturating_sub(recorded.0)).unwrap_or(0));
        }
    }

    /// The latency of the records since the last call; `None` without records.
    pub fn take(&self) -> Option<Latency> {
        let mut counted = self.0.lock();
        let second = std::mem::take(&mut counted.second);
        counted.before.merge(&second);
        second.latency()
    }
}

impl Spans {
    fn add(&mut self, micros: u64) {
        self.counts[bucket(micros)] += 1;
        self.micros = self.micros.saturating_add(micros);
        self.max = self.max.max(micros);
    }

    fn merge(&mut self, other: &Self) {
        for (own, other) in self.counts.iter_mut().zip(other.counts.iter()) {
            *own += other;
        }
        self.micros = self.micros.saturating_add(other.micros);
        self.max = self.max.max(other.max);
    }

    fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn latency(&self) -> Option<Latency> {
        let all = self.len();
        (all > 0).then(|| Latency {
            p50: self.percentile(all, 50),
            p99: self.percentile(all, 99),
            max: seconds(self.max),
        })
    }

    /// By nearest rank: the end of the bucket with that rank.
    fn percentile(&self, all: u64, percent: u64) -> f64 {
        let rank = (all * percent).div_ceil(100);
        let mut below = 0;
        let at = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        });
        at.map_or(f64::INFINITY, end).min(seconds(self.max))
    }
}

impl Default for Spans {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            micros: 0,
            max: 0,
        }
    }
}

/// As in Prometheus, a bucket includes its end and not its beginning.
fn bucket(micros: u64) -> usize {
    let widths = micros.saturating_mul(FINE as u64).div_ceil(FIRST);
    let at = widths.saturating_sub(1);
    let doublings = at.checked_ilog2().unwrap_or(0).saturating_sub(FINE.ilog2());
    let fine = usize::try_from(at >> doublings).unwrap_or(BUCKETS);
    (fine + doublings as usize * FINE).min(BUCKETS - 1)
}

/// Where a bucket ends, in seconds.
fn end(bucket: usize) -> f64 {
    let doublings = (bucket / FINE).saturating_sub(1);
    let widths = (bucket - doublings * FINE + 1) << doublings;
    seconds(widths as u64 * FIRST) / FINE as f64
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl Collector for EndToEnd {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Time from a Kafka record's own timestamp to its commit";
        let metric =
            encoder.encode_descriptor("end_to_end", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        EncodeMetric::encode(self, metric)
    }
}

impl EncodeMetric for EndToEnd {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let all = {
            let counted = self.0.lock();
            let mut all = counted.before.clone();
            all.merge(&counted.second);
            all
        };
        let mut doublings = all.counts.chunks(FINE).map(|fine| fine.iter().sum());
        let mut told: Vec<(f64, u64)> = (0..TOLD)
            .zip(doublings.by_ref())
            .map(|(n, count)| (end(n * FINE + FINE - 1), count))
            .collect();
        told.push((f64::INFINITY, doublings.sum()));
        encoder.encode_histogram::<NoLabelSet>(seconds(all.micros), all.len(), &told, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_in_a_bucket_that_ends_at_most_a_sixteenth_later() {
        let mut times: Vec<u64> = (0..5_000).chain((0..50).map(|n| 1 << n)).collect();
        times.extend((1..40).flat_map(|n| [(1_000 << n) - 1, 1_000 << n, (1_000 << n) + 1]));
        times.sort_unstable();
        let mut before = 0;
        for micros in times {
            let at = bucket(micros);
            assert!(at >= before, "{micros}");
            before = at;
            if at < BUCKETS - 1 {
                let end = end(at) * 1e6;
                assert!(end >= micros as f64, "{micros} ends at {end}");
                assert!(
                    end <= (micros as f64 * 17.0 / 16.0).max(62.5) + 62.5,
                    "{micros} ends at {end}"
                );
            }
        }
    }

    #[test]
    fn percentiles_are_those_of_the_second_and_the_largest_is_exact() {
        let latencies = EndToEnd::default();
        assert_eq!(latencies.take(), None);
        let now = Micros(1_000_000_000);
        let after = |ms: i64| Micros(now.0 - ms * 1_000);
        latencies.note(now, (1..=100).map(after));
        let of = latencies.take().unwrap();
        assert!((0.050..=0.050 * 17.0 / 16.0).contains(&of.p50), "{of:?}");
        assert!((0.099..=0.100).contains(&of.p99), "{of:?}");
        assert_eq!(of.max, 0.1);
        // A producer whose clock is ahead.
        latencies.note(now, [after(-5)].into_iter());
        assert_eq!(latencies.take(), Some(Latency::default()));
        assert_eq!(latencies.take(), None);
    }
}
