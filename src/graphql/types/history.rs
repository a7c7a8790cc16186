//! `SeriesHistory`: the points of a series over a span of time, or aggregates of them.

use async_graphql::{Enum, SimpleObject};

use super::Series;
use crate::data::Bucket;
use crate::graphql::scalars::{DateTime, Long};
use crate::store::read::Wanted;

/// How the points of a bucket become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Aggregate {
    /// The mean of the values, each counted once however long it lasted.
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
}

/// One series and its points or buckets, oldest first.
#[derive(Clone, Debug, SimpleObject)]
pub struct SeriesHistory {
    pub series: Series,
    pub points: Vec<HistoryPoint>,
}

/// A stored point or, with `step`, a bucket. An aggregate that was not asked for is null; for a
/// stored point all are.
#[derive(Clone, Debug, PartialEq, SimpleObject)]
pub struct HistoryPoint {
    /// The point's time, or the start of the bucket (buckets are aligned to 1970-01-01T00:00Z).
    pub ts: DateTime,
    /// The point's value, or the first of the aggregates asked for (`AVG` if none was named).
    pub value: f64,
    pub avg: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub sum: Option<f64>,
    pub count: Option<Long>,
    pub first: Option<f64>,
    pub last: Option<f64>,
}

/// What the store must compute for these aggregates.
pub fn wanted(aggregates: &[Aggregate]) -> Wanted {
    let any = |of: [Aggregate; 2]| aggregates.iter().any(|a| of.contains(a));
    Wanted {
        sum: any([Aggregate::Avg, Aggregate::Sum]),
        first_last: any([Aggregate::First, Aggregate::Last]),
    }
}

impl HistoryPoint {
    pub fn stored(row: &Bucket) -> Self {
        Self {
            ts: DateTime(row.ts),
            value: row.min,
            avg: None,
            min: None,
            max: None,
            sum: None,
            count: None,
            first: None,
            last: None,
        }
    }

    /// `aggregates` is not empty and `row` was read with what is [`wanted`] for them.
    pub fn bucket(row: &Bucket, aggregates: &[Aggregate]) -> Self {
        let get = |aggregate: Aggregate| match aggregate {
            Aggregate::Avg => row.avg(),
            Aggregate::Min => Some(row.min),
            Aggregate::Max => Some(row.max),
            Aggregate::Sum => row.sum,
            // Exact up to 2^53.
            Aggregate::Count => Some(row.count as f64),
            Aggregate::First => row.first,
            Aggregate::Last => row.last,
        };
        let asked = |aggregate| aggregates.contains(&aggregate).then(|| get(aggregate))?;
        let main = aggregates.first().copied().unwrap_or(Aggregate::Count);
        Self {
            ts: DateTime(row.ts),
            // A sum beyond what a double can hold is shown as null.
            value: get(main).unwrap_or(f64::NAN),
            avg: asked(Aggregate::Avg),
            min: asked(Aggregate::Min),
            max: asked(Aggregate::Max),
            sum: asked(Aggregate::Sum),
            count: aggregates.contains(&Aggregate::Count).then_some(Long(row.count)),
            first: asked(Aggregate::First),
            last: asked(Aggregate::Last),
        }
    }
}
