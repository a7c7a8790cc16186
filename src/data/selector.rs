//! Which series a question is about: a metric and label matchers, as in Prometheus.
//!
//! Regular expressions are anchored and run here, in Rust, for history and live alike, so that
//! both select the same series. A label that a series lacks counts as the empty string.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::expression::{Expression, Unusable};
use super::series::Series;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Matches,
    NotMatches,
}

impl MatchOp {
    /// The name, operator and value of `name=value`, `name!=value`, `name=~regex` or `name!~regex`.
    pub fn split(text: &str) -> Option<(&str, Self, &str)> {
        let operators = [
            ("=~", Self::Matches),
            ("!~", Self::NotMatches),
            ("!=", Self::NotEqual),
            ("=", Self::Equal),
        ];
        let (sign, op) = operators
            .into_iter()
            .filter_map(|operator| Some((text.find(operator.0)?, operator)))
            .min_by_key(|(at, (sign, _))| (*at, usize::MAX - sign.len()))?
            .1;
        let (name, value) = text.split_once(sign)?;
        Some((name, op, value))
    }

    /// Whether [`Self::split`] finds a label's whole name before every operator.
    pub fn splits_behind(name: &str) -> bool {
        !name.contains('=') && !name.contains("!~") && !name.ends_with('!')
    }
}

#[derive(Clone, Debug)]
pub struct LabelMatcher {
    pub name: String,
    pub op: MatchOp,
    pub value: String,
    expression: Option<Arc<Expression>>,
}

/// A matcher of this name is about the metric, as in Prometheus.
pub const METRIC_NAME: &str = "__name__";

/// All matchers must hold; an empty selector selects every series.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selector {
    pub metric: Option<String>,
    pub labels: Vec<LabelMatcher>,
}

// What is compiled follows from the rest.
impl LabelMatcher {
    fn words(&self) -> (&str, MatchOp, &str) {
        (&self.name, self.op, &self.value)
    }
}

impl PartialEq for LabelMatcher {
    fn eq(&self, other: &Self) -> bool {
        self.words() == other.words()
    }
}

impl Eq for LabelMatcher {}

impl Hash for LabelMatcher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.words().hash(state);
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMatcher {
    #[error("the matcher for label '{label}' is not a usable regular expression: {why}")]
    Unusable { label: String, why: String },
    #[error(transparent)]
    Overloaded(Unusable),
}

impl LabelMatcher {
    /// # Errors
    /// For a regular expression that is none or too costly, or when too many are in use.
    pub fn new(name: String, op: MatchOp, value: String) -> Result<Self, BadMatcher> {
        let expression = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Matches | MatchOp::NotMatches => Some(Expression::shared(&value)),
        };
        let expression = expression.transpose().map_err(|unusable| match unusable {
            Unusable::Refused(why) => BadMatcher::Unusable {
                label: name.clone(),
                why,
            },
            Unusable::Overloaded => BadMatcher::Overloaded(unusable),
        })?;
        Ok(Self {
            name,
            op,
            value,
            expression,
        })
    }

    pub fn matches(&self, value: &str) -> bool {
        let by_regex = || self.expression.as_ref().is_some_and(|e| e.is_match(value));
        match self.op {
            MatchOp::Equal => value == self.value,
            MatchOp::NotEqual => value != self.value,
            MatchOp::Matches => by_regex(),
            MatchOp::NotMatches => !by_regex(),
        }
    }
}

impl Selector {
    /// All of them must hold, so their order means nothing: equal selectors are written alike.
    pub fn new(metric: Option<String>, mut labels: Vec<LabelMatcher>) -> Self {
        labels.sort_by(|a, b| a.words().cmp(&b.words()));
        labels.dedup();
        Self { metric, labels }
    }

    pub fn matches(&self, series: &Series) -> bool {
        let value = |name: &str| match name {
            METRIC_NAME => &*series.metric,
            _ => series.label(name).unwrap_or(""),
        };
        self.metric.as_deref().is_none_or(|m| m == &*series.metric)
            && self.labels.iter().all(|m| m.matches(value(&m.name)))
    }

    /// Bytes that its regular expressions take; 0 without any.
    pub fn expression_bytes(&self) -> usize {
        let expressions = self.labels.iter().filter_map(|m| m.expression.as_ref());
        expressions.map(|expression| expression.weight()).sum()
    }

    /// How many of its matchers are regular expressions.
    pub fn expressions(&self) -> usize {
        self.labels.iter().filter(|m| m.expression.is_some()).count()
    }

    /// What every selected series has: its metric as [`METRIC_NAME`], and labels.
    pub fn demands(&self) -> impl Iterator<Item = (&str, &str)> {
        let equal = |m: &&LabelMatcher| m.op == MatchOp::Equal && !m.value.is_empty();
        let labels = self.labels.iter().filter(equal);
        let metric = self.metric.iter().map(|metric| (METRIC_NAME, metric.as_str()));
        metric.chain(labels.map(|m| (m.name.as_str(), m.value.as_str())))
    }

    pub fn selects_all(&self) -> bool {
        self.metric.is_none() && self.labels.is_empty()
    }

    /// False where no series can match: Postgres holds no text with a NUL in it, and refuses to look
    /// for one.
    pub fn can_match(&self) -> bool {
        let storable = |text: &str| !text.contains('\0');
        self.metric.as_deref().is_none_or(storable)
            && self
                .required_labels()
                .all(|(name, value)| storable(name) && storable(value))
    }

    /// The label values that any selected series must carry: what a database can look up.
    pub fn required_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels
            .iter()
            .filter(|m| m.op == MatchOp::Equal && !m.value.is_empty() && m.name != METRIC_NAME)
            .map(|m| (m.name.as_str(), m.value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_cut_at_its_operator_and_not_in_its_name() {
        for (text, expected) in [
            ("a=b", ("a", MatchOp::Equal, "b")),
            ("a!=b=c", ("a", MatchOp::NotEqual, "b=c")),
            ("a=~b!~c", ("a", MatchOp::Matches, "b!~c")),
            ("a!~=b", ("a", MatchOp::NotMatches, "=b")),
            ("wow!such=b!=c", ("wow!such", MatchOp::Equal, "b!=c")),
            ("wow!such!=b", ("wow!such", MatchOp::NotEqual, "b")),
            ("a=!b", ("a", MatchOp::Equal, "!b")),
            ("=b", ("", MatchOp::Equal, "b")),
        ] {
            assert_eq!(MatchOp::split(text), Some(expected), "{text}");
        }
        assert_eq!(MatchOp::split("a!b"), None);
        for name in ["a", "a!b", "!a", "a~", "!"] {
            let cut = ["=", "!=", "=~", "!~"].map(|op| {
                let text = format!("{name}{op}x");
                MatchOp::split(&text).map(|(name, ..)| name.to_owned())
            });
            let whole = cut.iter().all(|cut| cut.as_deref() == Some(name));
            assert_eq!(whole, MatchOp::splits_behind(name), "{name}");
        }
    }

    #[test]
    fn a_matcher_named_name_is_about_the_metric_whatever_labels_there_are() {
        let selector = |op, value: &str| {
            let matcher = LabelMatcher::new(METRIC_NAME.to_owned(), op, value.to_owned()).unwrap();
            Selector::new(None, vec![matcher])
        };
        let series = Series::new("temperature", [(METRIC_NAME, "pressure")]);
        assert!(selector(MatchOp::Matches, "temp.*").matches(&series));
        assert!(selector(MatchOp::Equal, "temperature").matches(&series));
        assert!(!selector(MatchOp::Equal, "pressure").matches(&series));
        assert_eq!(selector(MatchOp::Equal, "pressure").required_labels().count(), 0);
    }
}
