//! Conditions on series as Postgres decides them: a selector and what is searched for.
//!
//! Regular expressions are Rust's: they are decided here, once for each value that the label has,
//! and Postgres gets the values that match.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Jsonb, Text};
use serde_json::{Value, json};

use super::series::storable;
use super::{ReadError, Reader};
use crate::data::{Class, LabelMatcher, METRIC_NAME, MatchOp, Selector};

/// A name or value, and how many series have it.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Counted {
    #[diesel(sql_type = Text)]
    pub text: String,
    #[diesel(sql_type = BigInt)]
    pub series: i64,
}

/// A text that is contained in others, in upper or lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(String);

impl Search {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// An expression of Postgres that says the same in every locale. In the C locale its own
    /// functions know the upper case of ASCII only.
    fn pattern(&self) -> String {
        let mut pattern = String::new();
        for c in self.0.chars() {
            let lower = c.to_lowercase().filter(|_| c.to_lowercase().count() == 1);
            let upper = c.to_uppercase().filter(|_| c.to_uppercase().count() == 1);
            match c.is_alphanumeric() {
                true => pattern.extend(
                    ['[']
                        .into_iter()
                        .chain([c])
                        .chain(lower)
                        .chain(upper)
                        .chain([']']),
                ),
                false => pattern.extend(['\\', c]),
            }
        }
        pattern
    }
}

/// What of a statement's `where` is known so far, and its parameters.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    all: Vec<String>,
    parameters: Vec<Parameter>,
}

#[derive(Clone, Debug)]
enum Parameter {
    Text(String),
    Texts(Vec<String>),
    Labels(Value),
}

impl Conditions {
    /// The place of a new parameter.
    pub fn text(&mut self, text: &str) -> String {
        self.parameter(Parameter::Text(text.to_owned()))
    }

    fn parameter(&mut self, parameter: Parameter) -> String {
        self.parameters.push(parameter);
        format!("${}", self.parameters.len())
    }

    pub fn push(&mut self, condition: String) {
        self.all.push(condition);
    }

    /// The text expression contains what is searched for.
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

    /// The same parameters with no condition on them yet.
    pub fn cleared(self) -> Self {
        Self {
            all: Vec::new(),
            ..self
        }
    }

    pub fn sql(&self) -> String {
        match self.all.is_empty() {
            true => "true".to_owned(),
            false => self.all.join(" and "),
        }
    }

    /// A statement with these parameters.
    pub fn query(&self, sql: &str) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
        let query = diesel::sql_query(sql).into_boxed::<Pg>();
        let parameters = self.parameters.iter().cloned();
        parameters.fold(query, |query, parameter| match parameter {
            Parameter::Text(text) => query.bind::<Text, _>(text),
            Parameter::Texts(texts) => query.bind::<Array<Text>, _>(texts),
            Parameter::Labels(labels) => query.bind::<Jsonb, _>(labels),
        })
    }

    /// The metric or a label; one that a series lacks is empty.
    fn value_of(&mut self, name: &str) -> String {
        match name {
            METRIC_NAME => "metric".to_owned(),
            _ => format!("coalesce(labels ->> {}, '')", self.text(name)),
        }
    }

    /// Whether the value is this one; looked up by index where there is one.
    fn equals(&mut self, matcher: &LabelMatcher) {
        let LabelMatcher { name, value, .. } = matcher;
        let condition = if name != METRIC_NAME && !value.is_empty() {
            let labels = self.parameter(Parameter::Labels(json!({ name: value })));
            format!("labels @> {labels}")
        } else {
            format!("{} = {}", self.value_of(name), self.text(value))
        };
        self.push(condition);
    }

    fn differs(&mut self, matcher: &LabelMatcher) {
        // No value that is stored has a NUL.
        if storable(&matcher.value) {
            let condition = format!(
                "{} <> {}",
                self.value_of(&matcher.name),
                self.text(&matcher.value)
            );
            self.push(condition);
        }
    }
}

impl Reader {
    /// The conditions that the selector comes to; `None` if no series can meet them.
    ///
    /// # Errors
    /// `TooManyRows` where a regular expression meets more values than the row limit.
    pub(super) async fn conditions(&self, selector: &Selector) -> Result<Option<Conditions>, ReadError> {
        let mut conditions = Conditions::default();
        if !selector.can_match() {
            return Ok(None);
        }
        if let Some(metric) = &selector.metric {
            let metric = conditions.text(metric);
            conditions.push(format!("metric = {metric}"));
        }
        let mut regexes = Vec::new();
        for matcher in &selector.labels {
            if !storable(&matcher.name) {
                // Every series lacks it.
                if !matcher.matches("") {
                    return Ok(None);
                }
                continue;
            }
            match matcher.op {
                MatchOp::Equal if !storable(&matcher.value) => return Ok(None),
                MatchOp::Equal => conditions.equals(matcher),
                MatchOp::NotEqual => conditions.differs(matcher),
                MatchOp::Matches | MatchOp::NotMatches => regexes.push(matcher),
            }
        }
        for matcher in regexes {
            let value = conditions.value_of(&matcher.name);
            let limit = self.one_too_many();
            let sql = format!(
                "select {value} as text, count(*) as series from series where {} group by 1 limit {limit}",
                conditions.sql()
            );
            let values: Vec<Counted> = self.load_as(Class::Heavy, conditions.query(&sql)).await?;
            let values = self.whole(values)?.into_iter().map(|value| value.text);
            let matching = values.filter(|value| matcher.matches(value)).collect();
            let matching = conditions.parameter(Parameter::Texts(matching));
            conditions.push(format!("{value} = any({matching})"));
        }
        Ok(Some(conditions))
    }
}
