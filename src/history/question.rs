//! The words of a question about the past and of its answer.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::data::{self, Aggregate, Grid, Line, Micros, Selector, StoredSeries};

#[derive(Clone, Debug)]
pub struct Question {
    pub selector: Selector,
    /// `from <= ts < to`.
    pub from: Micros,
    pub to: Micros,
    pub what: What,
    /// Lines of one group become one line; only with buckets.
    pub group: Option<Group>,
    /// What stands in buckets without points; only with buckets.
    pub fill: Fill,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The stored points; of each series at most so many, chosen so that the line looks the same.
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
    /// So many days, weeks (from Monday) or months of a time zone, counted from January 1970.
    Calendar {
        unit: CalendarUnit,
        count: u32,
        zone: TimeZone,
    },
    /// The shortest round width that gives at most so many buckets.
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
    /// None of them: all series become one line.
    pub by: Vec<String>,
    pub across: Across,
}

/// How the series of a group become one value in each bucket. A series without a value in a
/// bucket does not count there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Across {
    Sum,
    Avg,
    Min,
    Max,
    /// How many series have a value.
    Count,
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

/// What the lines of an answer are, in order of their keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Names of the columns: `value` for points, else those of the aggregates.
    pub columns: Vec<String>,
    pub lines: Vec<AnswerLine>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AnswerLine {
    pub subject: Subject,
    pub line: Line,
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
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Points { .. } => vec!["value".to_owned()],
            Self::Buckets { aggregates, .. } => aggregates.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Step {
    /// From a duration such as `5m`, or days, weeks, months or years of a time zone: `1d`, `2w`,
    /// `1mo`, `1y`.
    pub fn parse(text: &str, _zone: &str) -> Result<Self, BadQuestion> {
        let width: Duration = humantime::parse_duration(text)
            .map_err(|error| BadQuestion(format!("step: not a duration: {error}")))?;
        data::Step::new(width)
            .map(Self::Even)
            .ok_or_else(|| BadQuestion("step must be 1us to 100 years".to_owned()))
    }

    /// The buckets that cover `from..to`.
    pub fn grid(&self, _from: Micros, _to: Micros) -> Result<Grid, BadQuestion> {
        match self {
            Self::Even(step) => Ok(Grid::Even(*step)),
            _ => Err(BadQuestion("calendar steps are to come".to_owned())),
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
