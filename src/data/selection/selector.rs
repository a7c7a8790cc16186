//! Which series a question is about: a metric and label matchers, as in Prometheus.
//!
//! Regular expressions are anchored and run here, in Rust, for history and live alike, so that
//! both select the same series. A label that a series lacks counts as the empty string.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{self, AtomicU64};

use crate::data::expression::{Expression, Unusable};
use crate::data::{Code, Problem, Series};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Matches,
    NotMatches,
    /// The value begins so. Scopes write it `machines_*`; a text of a matcher cannot say it.
    StartsWith,
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

/// A condition on one label as a client writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub name: String,
    pub op: MatchOp,
    pub value: String,
}

#[derive(Clone)]
pub struct LabelMatcher {
    pub name: String,
    pub op: MatchOp,
    pub value: String,
    expression: Option<Arc<Expression>>,
}

/// A matcher of this name is about the metric, as in Prometheus.
pub const METRIC_NAME: &str = "__name__";

/// The most label matchers one selector may have, and how many of them may be regular expressions.
const MATCHERS_MAX: usize = 32;
pub const REGEX_MAX: usize = 8;
/// The same for a subscription, whose expressions stay in memory.
pub const LIVE_REGEX_MAX: usize = 4;
/// Bytes of all its texts: no series has a longer key.
const TEXT_MAX: usize = 4_096;

/// All matchers must hold; an empty selector selects every series.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl PartialOrd for LabelMatcher {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LabelMatcher {
    fn cmp(&self, other: &Self) -> Ordering {
        self.words().cmp(&other.words())
    }
}

impl fmt::Debug for LabelMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words().fmt(f)
    }
}

impl Hash for LabelMatcher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.words().hash(state);
    }
}

/// How many selectors had no room for their expressions, in the whole process.
pub static REFUSED: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSelector {
    #[error("more than {MATCHERS_MAX} label matchers")]
    TooManyMatchers,
    #[error("more than {0} regular expressions")]
    TooManyExpressions(usize),
    #[error("a selector of more than {TEXT_MAX} bytes")]
    TooLong,
    #[error("the matcher for label '{label}' is not a usable regular expression: {why}")]
    Unusable { label: String, why: String },
    #[error(transparent)]
    Overloaded(Unusable),
}

impl From<BadSelector> for Problem {
    fn from(bad: BadSelector) -> Self {
        match bad {
            BadSelector::Overloaded(_) => Self::overloaded(bad.to_string()),
            bad => Self::new(Code::BadUserInput, bad.to_string()),
        }
    }
}

impl LabelMatcher {
    /// # Errors
    /// For a regular expression that is none or too costly, or when too many are in use.
    pub fn new(name: String, op: MatchOp, value: String) -> Result<Self, BadSelector> {
        let expression = match op {
            MatchOp::Equal | MatchOp::NotEqual | MatchOp::StartsWith => None,
            MatchOp::Matches | MatchOp::NotMatches => Some(Expression::shared(&value)),
        };
        let expression = expression.transpose().map_err(|unusable| match unusable {
            Unusable::Refused(why) => BadSelector::Unusable {
                label: name.clone(),
                why,
            },
            Unusable::Overloaded => {
                REFUSED.fetch_add(1, atomic::Ordering::Relaxed);
                BadSelector::Overloaded(unusable)
            }
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
            MatchOp::StartsWith => value.starts_with(&self.value),
        }
    }
}

impl Selector {
    /// All of them must hold, so their order means nothing: equal selectors are written alike.
    pub fn new(metric: Option<String>, mut labels: Vec<LabelMatcher>) -> Self {
        labels.sort();
        labels.dedup();
        Self { metric, labels }
    }

    /// As a client asks for it, with at most so many regular expressions.
    ///
    /// # Errors
    /// Beyond the limits, before anything is compiled; and those of [`LabelMatcher::new`].
    pub fn checked(
        metric: Option<String>,
        conditions: Vec<Condition>,
        expressions: usize,
    ) -> Result<Self, BadSelector> {
        if conditions.len() > MATCHERS_MAX {
            return Err(BadSelector::TooManyMatchers);
        }
        let is_regex = |c: &&Condition| matches!(c.op, MatchOp::Matches | MatchOp::NotMatches);
        if conditions.iter().filter(is_regex).count() > expressions {
            return Err(BadSelector::TooManyExpressions(expressions));
        }
        let texts = conditions.iter().map(|c| c.name.len() + c.value.len());
        if texts.sum::<usize>() + metric.as_ref().map_or(0, String::len) > TEXT_MAX {
            return Err(BadSelector::TooLong);
        }
        let matchers = conditions
            .into_iter()
            .map(|Condition { name, op, value }| LabelMatcher::new(name, op, value));
        Ok(Self::new(metric, matchers.collect::<Result<_, _>>()?))
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

    /// Those of its matchers that are regular expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &LabelMatcher> {
        self.labels.iter().filter(|m| m.expression.is_some())
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
}

#[cfg(test)]
impl Selector {
    /// For tests.
    pub fn of(metric: Option<&str>, labels: &[(&str, MatchOp, &str)]) -> Self {
        let matcher = |(name, op, value): &(&str, MatchOp, &str)| {
            LabelMatcher::new((*name).to_owned(), *op, (*value).to_owned()).unwrap()
        };
        Self::new(metric.map(str::to_owned), labels.iter().map(matcher).collect())
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
        let selector = |op, value: &str| Selector::of(None, &[(METRIC_NAME, op, value)]);
        let series = Series::new("temperature", [(METRIC_NAME, "pressure")]);
        assert!(selector(MatchOp::Matches, "temp.*").matches(&series));
        assert!(selector(MatchOp::Equal, "temperature").matches(&series));
        assert!(!selector(MatchOp::Equal, "pressure").matches(&series));
        let equal = selector(MatchOp::Equal, "pressure");
        assert_eq!(Vec::from_iter(equal.demands()), [(METRIC_NAME, "pressure")]);
    }
}
