//! An answer as a chart needs it: times, and one column of values for each aggregate.

use super::time::Micros;

/// Columns of equal length. Of stored points there is one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// Ascending: the points' times, or the starts of buckets.
    pub times: Vec<Micros>,
    /// One column for each aggregate asked for, in that order; `None` where there is no value.
    pub columns: Vec<Vec<Option<f64>>>,
}

impl Columns {
    /// Without rows, for `columns` columns.
    pub fn new(columns: usize) -> Self {
        Self {
            times: Vec::new(),
            columns: vec![Vec::new(); columns],
        }
    }

    pub fn len(&self) -> usize {
        self.times.len()
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Appends a row; `values` has one for each column.
    pub fn push(&mut self, ts: Micros, values: impl IntoIterator<Item = Option<f64>>) {
        self.times.push(ts);
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(value);
        }
    }

    /// Keeps the first rows and returns those from `at` on.
    pub fn split_off(&mut self, at: usize) -> Self {
        let columns = self.columns.iter_mut().map(|column| column.split_off(at));
        Self {
            columns: columns.collect(),
            times: self.times.split_off(at),
        }
    }
}
