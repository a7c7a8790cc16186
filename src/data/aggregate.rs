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
    /// What a counter rose by: the rises from each point to the next, a fall counting as a start
    /// from 0. The point before the bucket counts as its predecessor.
    Increase,
    /// `Increase` per second of the bucket's width.
    Rate,
    /// The last value minus that of the point before the bucket, or minus the first value.
    Delta,
}

impl Aggregate {
    /// What rollups can answer, and so can be asked also of what is older than raw points are kept.
    pub fn is_in_rollups(self) -> bool {
        !matches!(
            self,
            Self::Percentile(_) | Self::Increase | Self::Rate | Self::Delta
        )
    }

    /// From its name in lower case; a percentile is `p` and a number, such as `p99.9`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "sum" => Self::Sum,
            "count" => Self::Count,
            "first" => Self::First,
            "last" => Self::Last,
            "stddev" => Self::Stddev,
            "increase" => Self::Increase,
            "rate" => Self::Rate,
            "delta" => Self::Delta,
            _ => {
                let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
                (0.0..=100.0)
                    .contains(&percent)
                    .then_some(Self::Percentile(percent))?
            }
        })
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Sum => "sum",
            Self::Count => "count",
            Self::First => "first",
            Self::Last => "last",
            Self::Stddev => "stddev",
            Self::Percentile(percent) => return write!(f, "p{percent}"),
            Self::Increase => "increase",
            Self::Rate => "rate",
            Self::Delta => "delta",
        };
        f.write_str(name)
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
