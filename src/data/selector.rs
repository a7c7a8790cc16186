//! Which series a question is about: a metric and label matchers, as in Prometheus.
//!
//! Regular expressions are anchored and run here, in Rust, for history and live alike, so that
//! both select the same series. A label that a series lacks counts as the empty string.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::pattern;
use super::series::Series;

/// The longest regular expression accepted, in bytes, and the most memory its program may take, and
/// again what it remembers of its work.
const REGEX_MAX_BYTES: usize = 1_024;
const REGEX_MAX_PROGRAM: usize = 1 << 18;

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
        let (name, rest) = text.split_at(text.find(['=', '!'])?);
        let operators = [
            ("=~", Self::Matches),
            ("!~", Self::NotMatches),
            ("!=", Self::NotEqual),
            ("=", Self::Equal),
        ];
        let found = operators
            .into_iter()
            .find_map(|(sign, op)| Some((rest.strip_prefix(sign)?, op)));
        found.map(|(value, op)| (name, op, value))
    }
}

#[derive(Clone, Debug)]
pub struct LabelMatcher {
    pub name: String,
    pub op: MatchOp,
    pub value: String,
    regex: Option<Arc<Regex>>,
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

#[derive(Debug, thiserror::Error)]
#[error("the matcher for label '{label}' is not a usable regular expression: {why}")]
pub struct BadMatcher {
    pub label: String,
    pub why: String,
}

impl LabelMatcher {
    pub fn new(name: String, op: MatchOp, value: String) -> Result<Self, BadMatcher> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Matches | MatchOp::NotMatches => Some(compile(&name, &value)?),
        };
        Ok(Self {
            name,
            op,
            value,
            regex,
        })
    }

    pub fn matches(&self, value: &str) -> bool {
        let by_regex = || self.regex.as_ref().is_some_and(|r| r.is_match(value));
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

fn compile(label: &str, pattern: &str) -> Result<Arc<Regex>, BadMatcher> {
    let refuse = |why: String| BadMatcher {
        label: label.to_owned(),
        why,
    };
    if pattern.len() > REGEX_MAX_BYTES {
        return Err(refuse(format!("longer than {REGEX_MAX_BYTES} bytes")));
    }
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(REGEX_MAX_PROGRAM)
            .dfa_size_limit(REGEX_MAX_PROGRAM)
            .build()
            .map_err(|error| refuse(error.to_string()))
    };
    let pattern = &pattern::from_re2(pattern);
    // By itself first: `a)|(b` would escape from the anchors.
    build(pattern)?;
    build(&format!("^(?s:{pattern})$")).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_value_and_cannot_leave_its_anchors() {
        let matcher = |pattern: &str| LabelMatcher::new("l".to_owned(), MatchOp::Matches, pattern.to_owned());
        let either = matcher("a|b").unwrap();
        assert!(either.matches("a") && either.matches("b"));
        assert!(!either.matches("axyz") && !either.matches("xyzb"));
        assert!(matcher("a)|(b").is_err());
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
