//! The part of PromQL that panels use, answered as in Prometheus 3.
//!
//! An expression reads one selector, by an instant's lookback or by windows, and passes the samples
//! through stages. Other expressions are refused with a message that says what is supported.

mod computing;
mod evaluate;
mod expression;
mod parse;
mod selection;
mod sums;
mod text;
#[cfg(test)]
mod tests;
mod windows;

use std::collections::BTreeMap;
use std::time::Duration;

pub use evaluate::answer;
pub use expression::{Expression, Kind};
pub use selection::selector;

use crate::data::{METRIC_NAME, Micros, Series, Step};
use crate::store::read::ReadError;

/// By name, with the metric as `__name__`. Their order is that of Prometheus' series.
pub type Labels = BTreeMap<Box<str>, Box<str>>;

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    pub labels: Labels,
    /// Ascending in time, never empty.
    pub samples: Vec<Sample>,
}

pub type Sample = (Micros, f64);

/// When an expression is evaluated: at `first`, `first + step` … up to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instants {
    pub first: Micros,
    pub last: Micros,
    pub step: Step,
    /// How old a point may be and still count at an instant.
    pub lookback: Duration,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PromqlError {
    /// Not PromQL, or an unsupported part of it.
    #[error("{0}")]
    Refused(String),
    /// The expression cannot be answered for these series.
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Read(ReadError),
}

impl From<ReadError> for PromqlError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooManyRows { limit } => Self::Failed(format!(
                "query processing would load too many samples into memory: more than {limit}; \
                 select fewer series, a shorter time or a longer step"
            )),
            other => Self::Read(other),
        }
    }
}

impl Instants {
    pub fn iter(&self) -> impl Iterator<Item = Micros> + use<> {
        let (first, last, step) = (self.first, self.last, self.step);
        let next = move |at: &Micros| Some(step.end(*at)).filter(|next| next > at && *next <= last);
        std::iter::successors((first <= last).then_some(first), next)
    }
}

/// A label named `__name__` is hidden by the metric.
pub fn labels_of(series: &Series) -> Labels {
    let mut labels: Labels = series.labels.iter().cloned().collect();
    labels.insert(METRIC_NAME.into(), series.metric.clone());
    labels
}
