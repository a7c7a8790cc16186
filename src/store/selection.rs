//! A [`Scoped`] as SQL: conditions on the table `series`, and its rows in pages by key.
//!
//! Regular expressions are Rust's, so Postgres cannot evaluate them. Either each row is checked here, or
//! the matching values were looked up before and Postgres compares with those ([`Conditions::of`]).

use std::collections::HashMap;
use std::sync::Arc;

use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Text};
use serde_json::{Map, Value};

use crate::data::{
    LabelMatcher, METRIC_NAME, MatchOp, Matched, Scoped, Selector, Series, SeriesId, StoredSeries,
};
use crate::store::prepared::Statement;

#[cfg(test)]
mod tests;

/// How many series one statement reads: where a regular expression is checked here, and at most.
const CHUNK: usize = 2_000;
const CHUNK_MAX: usize = 20_000;

/// The values that match each regular expression that was looked up.
pub(super) type Values<'a> = HashMap<&'a LabelMatcher, Vec<String>>;

/// The `where` of a statement so far, and its parameters.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    all: Vec<String>,
    parameters: Vec<Parameter>,
    /// A regular expression has to be checked row by row.
    open: bool,
    /// The text depends on what a client or its scope asks: it has more than a metric and labels that
    /// the index finds.
    rare: bool,
}

#[derive(Clone, Debug)]
enum Parameter {
    Text(String),
    Texts(Vec<String>),
    Labels(Map<String, Value>),
    Number(i64),
}

impl Conditions {
    /// What a series must meet; `None` if no series can. Regular expressions without `values` are left
    /// out.
    pub fn of(scoped: &Scoped, values: &Values<'_>) -> Option<Self> {
        let scope = scoped.scope();
        let mut conditions = Self {
            rare: !scope.is_everything(),
            ..Self::default()
        };
        conditions.all = conditions.all_of(scoped.selector(), values)?;
        if !scope.is_everything() {
            let selectors = scope.selectors().iter();
            let any = selectors.filter_map(|selector| conditions.all_of(selector, values));
            let any: Vec<String> = any.map(|all| conjunction(&all)).collect();
            if any.is_empty() {
                return None;
            }
            conditions.push(format!("({})", any.join(" or ")));
        }
        Some(conditions)
    }

    /// The placeholder of a new parameter.
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

    /// The same parameters without conditions.
    pub fn cleared(self) -> Self {
        Self {
            all: Vec::new(),
            ..self
        }
    }

    pub fn sql(&self) -> String {
        conjunction(&self.all)
    }

    /// A statement with these parameters.
    pub fn query(&self, sql: &str) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
        let query = diesel::sql_query(sql).into_boxed::<Pg>();
        let parameters = self.parameters.iter().cloned();
        parameters.fold(query, |query, parameter| match parameter {
            Parameter::Text(text) => query.bind::<Text, _>(text),
            Parameter::Texts(texts) => query.bind::<Array<Text>, _>(texts),
            Parameter::Labels(labels) => query.bind::<Jsonb, _>(Value::Object(labels)),
            Parameter::Number(number) => query.bind::<BigInt, _>(number),
        })
    }

    /// The metric or a label. A label that a series lacks is empty.
    pub fn value_of(&mut self, name: &str) -> String {
        match name {
            METRIC_NAME => "metric".to_owned(),
            _ => format!("coalesce(labels ->> {}, '')", self.text(name)),
        }
    }

    fn all_of(&mut self, selector: &Selector, values: &Values<'_>) -> Option<Vec<String>> {
        let mut all = Vec::new();
        // One look into the index for all of them.
        let mut labels = Map::new();
        if let Some(metric) = &selector.metric {
            all.push(format!("metric = {}", self.storable_text(metric)?));
        }
        for matcher in &selector.labels {
            let LabelMatcher { name, op, value, .. } = matcher;
            if !storable(name) {
                // No series has such a label.
                matcher.matches("").then_some(())?;
                continue;
            }
            let condition = match op {
                MatchOp::Equal
                    if name != METRIC_NAME
                        && !value.is_empty()
                        && storable(value)
                        && !labels.contains_key(name) =>
                {
                    labels.insert(name.clone(), Value::from(value.as_str()));
                    continue;
                }
                MatchOp::Equal => format!("{} = {}", self.value_of(name), self.storable_text(value)?),
                // No value that is stored has a NUL.
                MatchOp::NotEqual if !storable(value) => continue,
                MatchOp::NotEqual => format!("{} <> {}", self.value_of(name), self.text(value)),
                MatchOp::StartsWith => {
                    format!(
                        "starts_with({}, {})",
                        self.value_of(name),
                        self.storable_text(value)?
                    )
                }
                MatchOp::Matches | MatchOp::NotMatches => {
                    let Some(matching) = values.get(matcher) else {
                        self.open = true;
                        continue;
                    };
                    let matching = self.parameter(Parameter::Texts(matching.clone()));
                    format!("{} = any({matching})", self.value_of(name))
                }
            };
            self.rare = true;
            all.push(condition);
        }
        if !labels.is_empty() {
            all.push(format!("labels @> {}", self.parameter(Parameter::Labels(labels))));
        }
        Some(all)
    }

    fn storable_text(&mut self, text: &str) -> Option<String> {
        storable(text).then(|| self.text(text))
    }
}

fn conjunction(all: &[String]) -> String {
    match all.is_empty() {
        true => "true".to_owned(),
        false => all.join(" and "),
    }
}

/// Postgres cannot store a NUL in a text, and refuses one as a parameter.
pub(super) fn storable(text: &str) -> bool {
    !text.contains('\0')
}

/// The metric and the labels to look up, as an object for `@>`; `None` without a metric, and where
/// nothing can match. Where two values are demanded for one label, either will do: the selector itself
/// then refuses every series.
pub(super) fn demanded(scoped: &Scoped) -> Option<(&str, Value)> {
    let metric = scoped.metric()?;
    let mut demands = scoped.demands();
    if !demands.all(|(name, value)| storable(name) && storable(value)) {
        return None;
    }
    let labels = scoped.demands().filter(|(name, _)| *name != METRIC_NAME);
    let labels: Map<_, _> = labels
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    Some((metric, Value::Object(labels)))
}

#[derive(Debug, QueryableByName)]
pub(super) struct SeriesRow {
    #[diesel(sql_type = Integer)]
    pub id: SeriesId,
    #[diesel(sql_type = Text)]
    pub metric: String,
    #[diesel(sql_type = Jsonb)]
    pub labels: Value,
}

impl From<SeriesRow> for StoredSeries {
    fn from(row: SeriesRow) -> Self {
        let labels = match row.labels {
            Value::Object(labels) => labels,
            _ => Map::new(),
        };
        let labels = labels.into_iter().filter_map(|(name, value)| match value {
            Value::String(value) => Some((name, value)),
            _ => None,
        });
        Self {
            id: row.id,
            series: Arc::new(Series::new(row.metric, labels)),
        }
    }
}

/// A walk over the matching series by key, chunk by chunk, so that a regular expression that selects
/// ten of a hundred thousand series never holds all of them in memory.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    scoped: &'a Scoped,
    /// Where the next chunk begins: after a key, or at it.
    place: Option<(&'static str, String)>,
    asked: usize,
    done: bool,
}

impl<'a> Walk<'a> {
    pub fn new(scoped: &'a Scoped, after: Option<&str>) -> Self {
        Self {
            scoped,
            place: after.map(|key| (">", key.to_owned())),
            asked: 0,
            done: false,
        }
    }

    /// The series with this very key, if it still exists and matches.
    pub fn at(scoped: &'a Scoped, key: &str) -> Self {
        Self {
            place: Some(("=", key.to_owned())),
            ..Self::new(scoped, None)
        }
    }

    /// The statement for the next chunk; `None` at the end. The caller needs `wanted` more matches.
    pub fn next(&mut self, wanted: usize) -> Option<Statement> {
        let mut conditions = Conditions::of(self.scoped, &Values::new()).filter(|_| !self.done)?;
        self.asked = match conditions.open {
            true => CHUNK,
            false => wanted.clamp(1, CHUNK_MAX),
        };
        if let Some((relation, key)) = &self.place {
            let key = conditions.text(key);
            conditions.push(format!("key {relation} {key}"));
        }
        let limit = i64::try_from(self.asked).unwrap_or(i64::MAX);
        let limit = conditions.parameter(Parameter::Number(limit));
        let sql = format!(
            "select id, metric, labels from series where {} order by key limit {limit}",
            conditions.sql()
        );
        Some(Statement::new(conditions.query(&sql), !conditions.rare))
    }

    /// The selected series of a chunk, possibly none.
    pub fn matched(&mut self, chunk: Vec<SeriesRow>) -> Vec<Matched> {
        self.done = chunk.len() < self.asked;
        let chunk: Vec<StoredSeries> = chunk.into_iter().map(StoredSeries::from).collect();
        if let Some(last) = chunk.last() {
            self.place = Some((">", last.series.key.to_string()));
        }
        let picked = chunk.into_iter().filter_map(|found| self.scoped.pick(found));
        picked.collect()
    }
}
