//! `SeriesHistory`: the points of a series or a group over a span of time, or aggregates of them.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result, SimpleObject};

use super::Series;
use super::series::Label;
use crate::data::{self, Columns};
use crate::graphql::errors::Code;
use crate::graphql::scalars::{DateTime, Long};
use crate::history::{self, AnswerLine, Subject};

/// How the points of a bucket become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
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
    /// The value with the latest time.
    Last,
    /// The population standard deviation (divided by n, not n - 1). Not for live windows.
    Stddev,
    /// `INCREASE` per second of the bucket's length. Not for live windows.
    Rate,
    /// The increase of a counter since the point before the bucket; a decrease counts as a restart
    /// from 0. Not for live windows.
    Increase,
    /// The last value minus that of the point before the bucket, or minus the first value if there
    /// is none. Not for live windows.
    Delta,
}

impl From<Aggregate> for data::Aggregate {
    fn from(aggregate: Aggregate) -> Self {
        match aggregate {
            Aggregate::Avg => Self::Avg,
            Aggregate::Min => Self::Min,
            Aggregate::Max => Self::Max,
            Aggregate::Sum => Self::Sum,
            Aggregate::Count => Self::Count,
            Aggregate::First => Self::First,
            Aggregate::Last => Self::Last,
            Aggregate::Stddev => Self::Stddev,
            Aggregate::Rate => Self::Rate,
            Aggregate::Increase => Self::Increase,
            Aggregate::Delta => Self::Delta,
        }
    }
}

/// How the series of a group become one value in each bucket. A series without a value in a bucket
/// is ignored there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::history::Across")]
pub enum Across {
    Sum,
    Avg,
    Min,
    Max,
    /// How many series have a value.
    Count,
}

/// The value of buckets without points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub enum Fill {
    /// Buckets without points are omitted.
    #[default]
    None,
    Null,
    /// The previous value; null before the first.
    Previous,
    /// Interpolated between the values before and after; null before the first and after the last.
    Linear,
    /// `fillValue`.
    Value,
}

impl Fill {
    pub fn with(self, value: Option<f64>) -> Result<history::Fill> {
        Ok(match (self, value) {
            (Self::Value, Some(value)) => history::Fill::Value(value),
            (Self::Value, None) => return Err(Code::BadUserInput.error("fill: VALUE needs fillValue")),
            (_, Some(_)) => return Err(Code::BadUserInput.error("fillValue needs fill: VALUE")),
            (Self::None, None) => history::Fill::None,
            (Self::Null, None) => history::Fill::Null,
            (Self::Previous, None) => history::Fill::Previous,
            (Self::Linear, None) => history::Fill::Linear,
        })
    }
}

/// One series, or one group of series, and its points or buckets, oldest first.
#[derive(Clone, Debug, SimpleObject)]
pub struct SeriesHistory {
    /// Null for a group.
    pub series: Option<Series>,
    /// Null without `groupBy`.
    pub group: Option<SeriesGroup>,
    pub points: Vec<HistoryPoint>,
}

#[derive(Clone, Debug)]
pub struct SeriesGroup(data::Series);

/// The series with equal values of the labels in `groupBy`.
#[Object]
impl SeriesGroup {
    /// Like the key of a series, with the labels of `groupBy`; without a metric if the series have
    /// different ones.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// Null if the series have different ones.
    async fn metric(&self) -> Option<&str> {
        Some(&*self.0.metric).filter(|metric| !metric.is_empty())
    }

    /// The labels of `groupBy`, sorted by name; the value is empty if the series do not have it.
    async fn labels(&self) -> Vec<Label> {
        Label::all(&self.0)
    }
}

#[derive(Clone, Debug)]
pub struct HistoryPoint {
    row: usize,
    line: Arc<AskedLine>,
}

#[derive(Debug)]
struct AskedLine {
    /// What the columns are; empty for stored points.
    asked: Arc<[data::Aggregate]>,
    line: Columns,
}

impl HistoryPoint {
    fn column(&self, column: usize) -> Option<f64> {
        self.line.line.columns.get(column)?.get(self.row).copied()?
    }

    fn of(&self, aggregate: data::Aggregate) -> Option<f64> {
        self.column(self.line.asked.iter().position(|asked| *asked == aggregate)?)
    }
}

/// A stored point or, with `step` or aggregates, a bucket. Aggregates that were not requested are
/// null; for a stored point all are.
#[Object]
impl HistoryPoint {
    /// The point's time, or the start of the bucket.
    async fn ts(&self) -> DateTime {
        DateTime(self.line.line.times[self.row])
    }

    /// The value of the point, or the first requested aggregate (`AVG` by default). Null if the
    /// bucket has none.
    async fn value(&self) -> Option<f64> {
        self.column(0)
    }

    async fn avg(&self) -> Option<f64> {
        self.of(data::Aggregate::Avg)
    }

    async fn min(&self) -> Option<f64> {
        self.of(data::Aggregate::Min)
    }

    async fn max(&self) -> Option<f64> {
        self.of(data::Aggregate::Max)
    }

    async fn sum(&self) -> Option<f64> {
        self.of(data::Aggregate::Sum)
    }

    /// Rounded to a whole number; only a mean over a group or `LINEAR` can be fractional.
    async fn count(&self) -> Option<Long> {
        self.of(data::Aggregate::Count)
            .map(|count| Long(count.round() as i64))
    }

    async fn first(&self) -> Option<f64> {
        self.of(data::Aggregate::First)
    }

    async fn last(&self) -> Option<f64> {
        self.of(data::Aggregate::Last)
    }

    async fn stddev(&self) -> Option<f64> {
        self.of(data::Aggregate::Stddev)
    }

    async fn rate(&self) -> Option<f64> {
        self.of(data::Aggregate::Rate)
    }

    async fn increase(&self) -> Option<f64> {
        self.of(data::Aggregate::Increase)
    }

    async fn delta(&self) -> Option<f64> {
        self.of(data::Aggregate::Delta)
    }

    /// In the order of the argument `percentiles`; null without the argument.
    async fn percentiles(&self) -> Option<Vec<Option<f64>>> {
        let asked = self.line.asked.iter().enumerate();
        let values = asked.filter(|(_, asked)| matches!(asked, data::Aggregate::Percentile(_)));
        let values: Vec<_> = values.map(|(column, _)| self.column(column)).collect();
        (!values.is_empty()).then_some(values)
    }
}

impl SeriesHistory {
    /// `asked`: what the columns are; empty for stored points.
    pub fn of(AnswerLine { subject, line }: AnswerLine, asked: &Arc<[data::Aggregate]>) -> Self {
        let (series, group) = match subject {
            Subject::Series(series) => (Some(Series(series)), None),
            Subject::Group(group) => (None, Some(SeriesGroup(group))),
        };
        let rows = line.len();
        let line = Arc::new(AskedLine {
            asked: asked.clone(),
            line,
        });
        let point = |row| HistoryPoint {
            row,
            line: line.clone(),
        };
        Self {
            series,
            group,
            points: (0..rows).map(point).collect(),
        }
    }
}
