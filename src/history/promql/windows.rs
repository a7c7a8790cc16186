//! Functions of the points in a window, `(end - range, end]`, as Prometheus computes them.

use super::{Sample, sums};
use crate::data::Micros;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    Rate,
    Increase,
    Delta,
    Irate,
    Avg,
    Min,
    Max,
    Sum,
    Count,
    Stddev,
    First,
    Last,
    Quantile(f64),
}

impl Function {
    /// All but the quantile, which has a parameter.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "rate" => Self::Rate,
            "increase" => Self::Increase,
            "delta" => Self::Delta,
            "irate" => Self::Irate,
            "avg_over_time" => Self::Avg,
            "min_over_time" => Self::Min,
            "max_over_time" => Self::Max,
            "sum_over_time" => Self::Sum,
            "count_over_time" => Self::Count,
            "stddev_over_time" => Self::Stddev,
            "first_over_time" => Self::First,
            "last_over_time" => Self::Last,
            _ => return None,
        })
    }

    /// Its values are still those of the metric.
    pub(super) fn keeps_name(self) -> bool {
        matches!(self, Self::First | Self::Last)
    }

    /// `None` where the window has too few points. All of them lie in `(start, end]`, ascending.
    pub(super) fn of(self, window: &[Sample], start: Micros, end: Micros) -> Option<f64> {
        let (first, last) = (window.first()?, window.last()?);
        let values = || window.iter().map(|(_, value)| *value);
        Some(match self {
            Self::Rate => extrapolated(window, start, end, true)? / seconds(start, end),
            Self::Increase => extrapolated(window, start, end, true)?,
            Self::Delta => extrapolated(window, start, end, false)?,
            Self::Irate => {
                let [.., before, last] = window else { return None };
                let risen = if last.1 < before.1 {
                    last.1
                } else {
                    last.1 - before.1
                };
                risen / seconds(before.0, last.0)
            }
            Self::Avg => sums::mean(values()),
            Self::Min => values().fold(f64::INFINITY, f64::min),
            Self::Max => values().fold(f64::NEG_INFINITY, f64::max),
            Self::Sum => sums::sum(values()),
            Self::Count => window.len() as f64,
            Self::Stddev => sums::deviation(values()),
            Self::First => first.1,
            Self::Last => last.1,
            Self::Quantile(phi) => quantile(phi, values().collect()),
        })
    }
}

fn seconds(from: Micros, to: Micros) -> f64 {
    to.0.saturating_sub(from.0) as f64 / 1e6
}

/// The increase from the window's start to its end. If a boundary is further from the points than they
/// are from each other, only half their distance is added; a counter is never extrapolated below zero.
fn extrapolated(window: &[Sample], start: Micros, end: Micros, counter: bool) -> Option<f64> {
    let [first, .., last] = window else { return None };
    let mut risen = last.1 - first.1;
    if counter {
        let falls = window.windows(2).filter(|pair| pair[1].1 < pair[0].1);
        risen += falls.map(|pair| pair[0].1).sum::<f64>();
    }
    let sampled = seconds(first.0, last.0);
    let between = sampled / (window.len() - 1) as f64;
    let near = |gap: f64| if gap < between * 1.1 { gap } else { between / 2.0 };
    let mut before = near(seconds(start, first.0));
    if counter && risen > 0.0 && first.1 >= 0.0 {
        before = before.min(sampled * (first.1 / risen));
    }
    let after = near(seconds(last.0, end));
    Some(risen * ((sampled + before + after) / sampled))
}

/// Between the two nearest values, linearly.
fn quantile(phi: f64, mut values: Vec<f64>) -> f64 {
    if phi.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&phi) {
        return f64::INFINITY.copysign(phi);
    }
    let rank = phi * (values.len() - 1) as f64;
    let weight = rank - rank.floor();
    // Below the length, as phi is at most 1. Selecting is linear, where sorting is not.
    let (_, lower, above) = values.select_nth_unstable_by(rank as usize, f64::total_cmp);
    let upper = above.iter().copied().reduce(f64::min).unwrap_or(*lower);
    *lower * (1.0 - weight) + upper * weight
}
