//! The types of a question about the past and of its answer.

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;

use crate::data::words::words;
use crate::data::{self, Aggregate, Columns, Micros, Scoped, StoredSeries};

/// The range of `maxPoints`.
const POINTS: RangeInclusive<usize> = 2..=100_000;
const AGGREGATES_MAX: usize = 32;
const GROUP_BY_MAX: usize = 32;

#[derive(Clone, Debug)]
pub struct Question {
    pub scoped: Scoped,
    /// `from <= ts < to`.
    pub from: Micros,
    pub to: Micros,
    pub what: What,
    /// Lines of one group become one line; only with buckets.
    pub group: Option<Group>,
    /// The value of buckets without points; only with buckets.
    pub fill: Fill,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The stored points; at most `max` of each series, chosen so that the line looks the same.
    Points { max: Option<usize> },
    Buckets {
        step: Step,
        /// At least one.
        aggregates: Vec<Aggregate>,
    },
}

/// How long a bucket is.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Aligned to 1970-01-01T00:00Z.
    Even(data::Step),
    /// A number of days, weeks (from Monday), months or years of a time zone, counted from January 1970.
    Calendar {
        unit: CalendarUnit,
        count: u32,
        zone: TimeZone,
    },
    /// The shortest round width with which a span of this length has at most this many buckets, wherever
    /// it lies; days and weeks are those of UTC.
    Fit(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    Day,
    Week,
    Month,
    Year,
}

/// Series that agree in these labels become one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// If empty, all series become one line.
    pub by: Vec<String>,
    pub across: Across,
}

words! {
    /// How the series of a group become one value in each bucket. A series without a value in a bucket
    /// is ignored there.
    pub enum Across, name, from_name {
        Sum = "sum",
        Avg = "avg",
        Min = "min",
        Max = "max",
        /// How many series have a value.
        Count = "count",
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fill {
    /// Buckets without points are left out.
    #[default]
    None,
    Null,
    /// The value before.
    Previous,
    /// On the line between the values before and after.
    Linear,
    Value(f64),
}

/// The lines of an answer, in order of their keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Names of the columns: `value` for points, else those of the aggregates.
    pub columns: Vec<String>,
    pub lines: Vec<AnswerLine>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AnswerLine {
    pub subject: Subject,
    pub line: Columns,
}

/// Whose line it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    Series(StoredSeries),
    /// The metric if all series of the group have the same, and the labels they were grouped by.
    Group(data::Series),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadQuestion(pub String);

impl What {
    /// From a client's arguments: buckets if there is a step or there are aggregates (`AVG` is the
    /// default), else points.
    pub fn of(
        step: Option<Step>,
        aggregates: Option<Vec<Aggregate>>,
        max: Option<usize>,
    ) -> Result<Self, BadQuestion> {
        let bad = |why: &str| Err(BadQuestion(why.to_owned()));
        let step = match (step, max) {
            (Some(_), Some(_)) => return bad("either step or maxPoints, not both"),
            (None, max) if aggregates.is_none() => return Ok(Self::Points { max }),
            (None, None) => return bad("aggregate needs step or maxPoints"),
            (None, Some(most)) => Step::Fit(most),
            (Some(step), None) => step,
        };
        let aggregates = aggregates.unwrap_or_else(|| vec![Aggregate::Avg]);
        Ok(Self::Buckets { step, aggregates })
    }

    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Points { .. } => vec!["value".to_owned()],
            Self::Buckets { aggregates, .. } => aggregates.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Question {
    /// # Errors
    /// The question has no answer, whatever is stored.
    pub fn check(&self) -> Result<(), BadQuestion> {
        let bad = |why: String| Err(BadQuestion(why));
        if self.from >= self.to {
            return bad("from must be before to".to_owned());
        }
        let most = match &self.what {
            What::Points { max } => *max,
            What::Buckets {
                step: Step::Fit(most),
                ..
            } => Some(*most),
            What::Buckets { .. } => None,
        };
        if most.is_some_and(|most| !POINTS.contains(&most)) {
            let (least, most) = (POINTS.start(), POINTS.end());
            return bad(format!("maxPoints must be between {least} and {most}"));
        }
        let group = self.group.as_ref();
        let What::Buckets { aggregates, .. } = &self.what else {
            return match self.fill {
                _ if group.is_some() => bad("groupBy needs step or aggregate".to_owned()),
                Fill::None => Ok(()),
                _ => bad("fill needs step or aggregate".to_owned()),
            };
        };
        if !(1..=AGGREGATES_MAX).contains(&aggregates.len()) {
            return bad(format!(
                "aggregate must name at least one and at most {AGGREGATES_MAX}"
            ));
        }
        let is_wrong = |aggregate: &Aggregate| matches!(aggregate, Aggregate::Percentile(percent) if !(0.0..=100.0).contains(percent));
        if aggregates.iter().any(is_wrong) {
            return bad("percentiles must be between 0 and 100".to_owned());
        }
        if group.is_some_and(|group| group.by.len() > GROUP_BY_MAX) {
            return bad(format!("groupBy takes at most {GROUP_BY_MAX} labels"));
        }
        match self.fill {
            Fill::Value(value) if !value.is_finite() => bad("fillValue must be finite".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Subject {
    pub fn series(&self) -> &data::Series {
        match self {
            Self::Series(stored) => &stored.series,
            Self::Group(group) => group,
        }
    }
}
