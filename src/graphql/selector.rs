//! `SeriesSelector`: which series a question is about.

use async_graphql::{Context, Enum, InputObject, Result};

use super::services::viewer;
use crate::data::selection::{Condition, LIVE_REGEX_MAX, REGEX_MAX};
use crate::data::{MatchOp, Problem, Scoped, Selector};

/// All conditions must hold; an empty selector selects every series.
#[derive(Clone, Debug, Default, InputObject)]
pub struct SeriesSelector {
    /// The exact metric name.
    pub metric: Option<String>,
    pub labels: Option<Vec<LabelMatcher>>,
}

/// A condition on one label. A missing label counts as the empty string.
#[derive(Clone, Debug, InputObject)]
pub struct LabelMatcher {
    pub name: String,
    #[graphql(default)]
    pub op: LabelOp,
    pub value: String,
}

/// The matchers of Prometheus; regular expressions are anchored at both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(remote = "MatchOp")]
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
    /// The value begins so; of the metric with the name `__name__`.
    StartsWith,
}

impl SeriesSelector {
    /// The question, and whoever asks it.
    pub fn scoped(self, ctx: &Context<'_>) -> Result<Scoped> {
        self.with_expressions(ctx, REGEX_MAX)
    }

    /// For a subscription.
    pub fn scoped_live(self, ctx: &Context<'_>) -> Result<Scoped> {
        self.with_expressions(ctx, LIVE_REGEX_MAX)
    }

    fn with_expressions(self, ctx: &Context<'_>, most: usize) -> Result<Scoped> {
        let conditions = self.labels.unwrap_or_default().into_iter();
        let conditions = conditions.map(|m| Condition {
            name: m.name,
            op: m.op.into(),
            value: m.value,
        });
        let selector = Selector::checked(self.metric, conditions.collect(), most);
        Ok(viewer(ctx)?.select(selector.map_err(Problem::from)?))
    }
}
