//! Searching the catalogue: by a selection and by a text.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::{ReadError, Reader};
use crate::data::{Class, Scoped};
use crate::store::selection::{Conditions, Values, storable};

/// A name or value, and how many series have it.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Counted {
    #[diesel(sql_type = Text)]
    pub text: String,
    #[diesel(sql_type = BigInt)]
    pub series: i64,
}

/// A text to find in other texts, in upper or lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(String);

impl Search {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// A regular expression for Postgres that matches alike in every locale. In the C locale its own
    /// functions only know the upper case of ASCII.
    fn pattern(&self) -> String {
        let mut pattern = String::new();
        for c in self.0.chars() {
            let lower = c.to_lowercase().filter(|_| c.to_lowercase().count() == 1);
            let upper = c.to_uppercase().filter(|_| c.to_uppercase().count() == 1);
            match c.is_alphanumeric() {
                true => pattern.extend(['[', c].into_iter().chain(lower).chain(upper).chain([']'])),
                false => pattern.extend(['\\', c]),
            }
        }
        pattern
    }
}

impl Conditions {
    /// Demands that the SQL expression contains the text.
    pub fn contains(&mut self, expression: &str, search: &Search) {
        let condition = if !storable(&search.0) {
            "false".to_owned()
        } else if search.0.is_ascii() {
            let text = self.text(&search.0.to_ascii_lowercase());
            format!("position({text} in lower({expression} collate \"C\")) > 0")
        } else {
            let pattern = self.text(&search.pattern());
            format!("{expression} ~ {pattern}")
        };
        self.push(condition);
    }
}

impl Reader {
    /// The conditions of the selection; `None` if no series can meet them. Regular expressions are
    /// evaluated here, once for each value of the label.
    ///
    /// # Errors
    /// `TooManyRows` where a label with a regular expression has more values than the row limit.
    pub(super) async fn conditions(&self, scoped: &Scoped) -> Result<Option<Conditions>, ReadError> {
        let mut known = Values::new();
        for matcher in scoped.expressions().filter(|matcher| storable(&matcher.name)) {
            let Some(mut conditions) = Conditions::of(scoped, &known) else {
                return Ok(None);
            };
            let value = conditions.value_of(&matcher.name);
            let sql = format!(
                "select {value} as text, count(*) as series from series where {} group by 1 limit {}",
                conditions.sql(),
                self.one_too_many()
            );
            let values: Vec<Counted> = self.load_as(Class::Heavy, conditions.query(&sql)).await?;
            let values = self.whole(values)?.into_iter().map(|value| value.text);
            known.insert(matcher, values.filter(|value| matcher.matches(value)).collect());
        }
        Ok(Conditions::of(scoped, &known))
    }
}
