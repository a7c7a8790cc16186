//! `SeriesSelector`: which series a question is about.

use async_graphql::{Enum, InputObject, Result};

use super::errors::Code;
use super::services::overloaded;
use crate::data::{self, BadMatcher, MatchOp};

/// The most label matchers one selector may have, and how many of them may be regular expressions.
const MATCHERS_MAX: usize = 32;
const REGEX_MAX: usize = 8;
/// The same for a subscription, whose expressions stay in memory.
const LIVE_REGEX_MAX: usize = 4;
/// Bytes of all its texts: no series has a longer key.
const TEXT_MAX: usize = 4_096;

/// All conditions must hold; an empty selector selects every series.
#[derive(Clone, Debug, Default, InputObject)]
pub struct SeriesSelector {
    /// The exact metric name.
    pub metric: Option<String>,
    pub labels: Option<Vec<LabelMatcher>>,
}

/// A condition on one label. A label that a series lacks counts as the empty string.
#[derive(Clone, Debug, InputObject)]
pub struct LabelMatcher {
    pub name: String,
    #[graphql(default)]
    pub op: LabelOp,
    pub value: String,
}

/// The matchers of Prometheus; regular expressions are anchored at both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub enum LabelOp {
    /// `=`
    #[default]
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

impl SeriesSelector {
    pub fn into_selector(self) -> Result<data::Selector> {
        self.with_expressions(REGEX_MAX)
    }

    /// For a subscription.
    pub fn into_live_selector(self) -> Result<data::Selector> {
        self.with_expressions(LIVE_REGEX_MAX)
    }

    fn with_expressions(self, most: usize) -> Result<data::Selector> {
        let matchers = self.labels.unwrap_or_default();
        if matchers.len() > MATCHERS_MAX {
            return Err(Code::BadUserInput.error(format!("more than {MATCHERS_MAX} label matchers")));
        }
        let regexes = matchers.iter().filter(|m| m.op.is_regex()).count();
        if regexes > most {
            return Err(Code::BadUserInput.error(format!("more than {most} regular expressions")));
        }
        let texts = matchers.iter().map(|m| m.name.len() + m.value.len());
        if texts.sum::<usize>() + self.metric.as_ref().map_or(0, String::len) > TEXT_MAX {
            return Err(Code::BadUserInput.error(format!("a selector of more than {TEXT_MAX} bytes")));
        }
        let labels = matchers
            .into_iter()
            .map(|m| data::LabelMatcher::new(m.name, m.op.into(), m.value))
            .collect::<std::result::Result<_, _>>()
            .map_err(|bad| match bad {
                BadMatcher::Unusable { .. } => Code::BadUserInput.error(bad.to_string()),
                BadMatcher::Overloaded(_) => overloaded(&bad.to_string()),
            })?;
        Ok(data::Selector::new(self.metric, labels))
    }
}

impl LabelOp {
    const fn is_regex(self) -> bool {
        matches!(self, Self::Matches | Self::NotMatches)
    }
}

impl From<LabelOp> for MatchOp {
    fn from(op: LabelOp) -> Self {
        match op {
            LabelOp::Equal => Self::Equal,
            LabelOp::NotEqual => Self::NotEqual,
            LabelOp::Matches => Self::Matches,
            LabelOp::NotMatches => Self::NotMatches,
        }
    }
}

impl From<MatchOp> for LabelOp {
    fn from(op: MatchOp) -> Self {
        match op {
            MatchOp::Equal => Self::Equal,
            MatchOp::NotEqual => Self::NotEqual,
            MatchOp::Matches => Self::Matches,
            MatchOp::NotMatches => Self::NotMatches,
        }
    }
}
