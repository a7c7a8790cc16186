//! The parts of a guess, each with what it rests on.

use crate::transform::{Envelope, Label, MetricField, TimeField, ValueField, ValueSource};

/// A setting, and on what it rests.
#[derive(Clone, Debug)]
pub struct Line<T> {
    pub item: T,
    pub why: String,
}

impl<T> Line<T> {
    pub fn new(item: T, why: impl Into<String>) -> Self {
        Self {
            item,
            why: why.into(),
        }
    }
}

#[derive(Debug, Default)]
pub struct Guess {
    pub envelope: Option<Line<Envelope>>,
    pub each: Option<Line<String>>,
    /// Unset where records say it themselves, in the unit of their format.
    pub time: Option<Line<TimeField>>,
    pub metric: Option<Line<MetricField>>,
    pub labels: Vec<Line<Label>>,
    /// None where records name all they have.
    pub values: Vec<Line<ValueField>>,
    /// Texts of CSV that stand for a value that is not there.
    pub null: Vec<String>,
    /// Fields that are not used, and why.
    pub left_out: Vec<(String, String)>,
    /// How many points the sample gives, about.
    pub points: usize,
}

/// All values that an object names are in it.
pub fn all_in(field: &str) -> ValueField {
    ValueField::new(ValueSource::All(field.to_owned()))
}
