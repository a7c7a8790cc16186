//! PromQL's selectors.

use promql_parser::label::{MatchOp as Op, Matcher};
use promql_parser::parser::{Expr, Offset, VectorSelector};

use super::PromqlError;
use super::parse::{parsed, unsupported};
use crate::data::selection::{BadSelector, Condition, METRIC_NAME, MatchOp, REGEX_MAX, Selector};
use crate::store::read::ReadError;

/// Which series, and the offset before the evaluation's time; a negative one is after it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selection {
    pub selector: Selector,
    pub offset_micros: i64,
}

/// The selector of a `match[]`.
pub fn selector(text: &str) -> Result<Selector, PromqlError> {
    match parsed(text)? {
        Expr::VectorSelector(vector) if vector.offset.is_none() => Ok(Selection::of(&vector)?.selector),
        _ => Err(PromqlError::Refused(format!("'{text}' is not a series selector"))),
    }
}

impl Selection {
    pub(super) fn of(vector: &VectorSelector) -> Result<Self, PromqlError> {
        if vector.at.is_some() || !vector.matchers.or_matchers.is_empty() {
            return Err(unsupported(&Expr::VectorSelector(vector.clone())));
        }
        let mut metric = vector.name.clone();
        let mut conditions = Vec::new();
        for matcher in &vector.matchers.matchers {
            let is_name = matcher.name == METRIC_NAME && matches!(matcher.op, Op::Equal);
            // The index on metrics serves one name; further matchers on it are conditions.
            if is_name && metric.is_none() {
                metric = Some(matcher.value.clone());
            } else {
                conditions.push(condition(matcher));
            }
        }
        let micros = |span: std::time::Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Ok(Self {
            selector: Selector::checked(metric, conditions, REGEX_MAX).map_err(refused)?,
            offset_micros: match vector.offset {
                None => 0,
                Some(Offset::Pos(span)) => micros(span),
                Some(Offset::Neg(span)) => -micros(span),
            },
        })
    }
}

fn condition(matcher: &Matcher) -> Condition {
    Condition {
        name: matcher.name.clone(),
        op: match matcher.op {
            Op::Equal => MatchOp::Equal,
            Op::NotEqual => MatchOp::NotEqual,
            Op::Re(_) => MatchOp::Matches,
            Op::NotRe(_) => MatchOp::NotMatches,
        },
        value: matcher.value.clone(),
    }
}

fn refused(bad: BadSelector) -> PromqlError {
    match bad {
        BadSelector::Overloaded(_) => PromqlError::Read(ReadError::Overloaded { own_share: false }),
        bad => PromqlError::Refused(bad.to_string()),
    }
}
