//! The buckets of one query: of equal width, or by calendar.

use std::sync::Arc;

use super::bucket::Step;
use super::time::Micros;

/// Half-open buckets that follow each other without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grid {
    /// Aligned to 1970-01-01T00:00Z.
    Even(Step),
    /// Ascending bounds: bucket `i` is `[bounds[i], bounds[i + 1])`. There are at least two, and they go
    /// beyond the span of the question on both sides.
    Calendar(Arc<[Micros]>),
}

impl Grid {
    /// The start of the bucket that holds `ts`, or of the nearest one of a calendar. It is never before
    /// [`Micros::FIRST`].
    pub fn bucket(&self, ts: Micros) -> Micros {
        match self {
            Self::Even(step) => step.bucket(ts),
            Self::Calendar(bounds) => bounds[Self::index(bounds, ts)],
        }
        .max(Micros::FIRST)
    }

    /// The first moment after the bucket that begins at `start`.
    pub fn end(&self, start: Micros) -> Micros {
        match self {
            // `start` may lie within the bucket, see above.
            Self::Even(step) => step.end(step.bucket(start)),
            Self::Calendar(bounds) => bounds[Self::index(bounds, start) + 1],
        }
    }

    /// The starts of all buckets that overlap `from..to`, ascending.
    pub fn starts(&self, from: Micros, to: Micros) -> impl Iterator<Item = Micros> + '_ {
        let first = (from < to).then(|| self.bucket(from));
        std::iter::successors(first, |start| Some(self.end(*start)).filter(|end| end > start))
            .take_while(move |start| *start < to)
    }

    fn index(bounds: &[Micros], ts: Micros) -> usize {
        let after = bounds.partition_point(|bound| *bound <= ts);
        after.clamp(1, bounds.len() - 1) - 1
    }
}
