//! Equal buckets of time, and the aggregates of one bucket.
//!
//! History and live windows use the same buckets, aligned to the Unix epoch.

use std::time::Duration;

use super::stored::SeriesId;
use super::sum::Sum;
use super::time::Micros;

/// The width of a bucket: 1 us to 100 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step(i64);

impl Step {
    const MAX_MICROS: i64 = 36_525 * 86_400 * 1_000_000;

    /// `None` outside 1 us to 100 years; a fraction of a microsecond is dropped.
    pub fn new(width: Duration) -> Option<Self> {
        let micros = i64::try_from(width.as_micros()).ok()?;
        (1..=Self::MAX_MICROS).contains(&micros).then_some(Self(micros))
    }

    pub fn micros(self) -> i64 {
        self.0
    }

    /// The start of the bucket that holds `ts`.
    pub fn bucket(self, ts: Micros) -> Micros {
        Micros(ts.0 - ts.0.rem_euclid(self.0))
    }

    /// The first moment after the bucket that begins at `start`.
    pub fn end(self, start: Micros) -> Micros {
        Micros(start.0.saturating_add(self.0))
    }
}

/// One bucket of one series, or one raw point (then `count` is 1 and all values are the point's).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    pub series_id: SeriesId,
    /// The start of the bucket, or the point's time.
    pub ts: Micros,
    pub count: i64,
    pub min: f64,
    pub max: f64,
    /// Only when wanted.
    pub sum: Option<Sum>,
    /// Only when wanted; the value with the smallest time.
    pub first: Option<f64>,
    pub last: Option<f64>,
}

impl Bucket {
    /// Only when the sum was wanted.
    pub fn avg(&self) -> Option<f64> {
        // Exact up to 2^53 points in a bucket.
        Some(self.sum?.mean(self.count as f64, self.min, self.max))
    }
}
