//! The aggregates of a bucket.

use std::fmt;

/// How the points of a bucket become one value. All are over the points of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// The mean of the values, not weighted by time.
    Avg,
    Min,
    Max,
    Sum,
    /// How many points.
    Count,
    /// The value with the earliest time.
    First,
    Last,
    /// The standard deviation of the whole population (divided by n, not n - 1).
    Stddev,
    /// Between the two nearest values, linearly; 0 to 100.
    Percentile(f64),
    /// How much a counter rose from each point to the next. A fall counts as a start from 0. The first
    /// point's predecessor is the point before the bucket.
    Increase,
    /// `Increase` per second of the bucket's width.
    Rate,
    /// The last value minus that of the point before the bucket, or minus the first value.
    Delta,
}

impl Aggregate {
    /// Whether rollups can answer it, also for times whose raw points are gone.
    pub fn is_in_rollups(self) -> bool {
        !matches!(
            self,
            Self::Percentile(_) | Self::Increase | Self::Rate | Self::Delta
        )
    }

    /// From its name in lower case; a percentile is `p` and a number, such as `p99.9`.
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some((aggregate, _)) = NAMES.iter().find(|(_, known)| *known == name) {
            return Some(*aggregate);
        }
        let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
        let is_valid = (0.0..=100.0).contains(&percent);
        is_valid.then_some(Self::Percentile(percent))
    }
}

const NAMES: [(Aggregate, &str); 11] = [
    (Aggregate::Avg, "avg"),
    (Aggregate::Min, "min"),
    (Aggregate::Max, "max"),
    (Aggregate::Sum, "sum"),
    (Aggregate::Count, "count"),
    (Aggregate::First, "first"),
    (Aggregate::Last, "last"),
    (Aggregate::Stddev, "stddev"),
    (Aggregate::Increase, "increase"),
    (Aggregate::Rate, "rate"),
    (Aggregate::Delta, "delta"),
];

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, NAMES.iter().find(|(named, _)| named == self)) {
            (_, Some((_, name))) => f.write_str(name),
            (Self::Percentile(percent), None) => write!(f, "p{percent}"),
            (_, None) => Err(fmt::Error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aggregate_is_read_as_it_is_written() {
        for name in ["avg", "stddev", "p0", "p50", "p99.9", "p100", "increase"] {
            assert_eq!(
                Aggregate::from_name(name).map(|a| a.to_string()).as_deref(),
                Some(name)
            );
        }
        for name in ["", "p", "p-1", "p101", "pNaN", "AVG", "median"] {
            assert_eq!(Aggregate::from_name(name), None, "{name}");
        }
    }
}
