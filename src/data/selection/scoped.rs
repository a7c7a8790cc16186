//! A question together with what its viewer may see, and the series that it finds.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use super::containment::has_all_of;
use super::{LabelMatcher, METRIC_NAME, Scope, Selector};
use crate::data::{Series, StoredSeries};

static EVERYTHING: LazyLock<Arc<Scope>> = LazyLock::new(|| Arc::new(Scope::everything()));

/// A selector and the scope of the viewer who asks: selects the series that both select. A scope that has
/// everything that the selector selects is left out, since a condition more costs every read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scoped {
    selector: Selector,
    scope: Arc<Scope>,
}

impl Scoped {
    /// Only [`Viewer::select`](super::Viewer::select) may call it.
    pub(super) fn new(selector: Selector, scope: Arc<Scope>) -> Self {
        let scope = match has_all_of(&scope, &[&selector]) {
            true => Arc::clone(&EVERYTHING),
            false => scope,
        };
        Self { selector, scope }
    }

    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn shared_scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    pub fn matches(&self, series: &Series) -> bool {
        self.selector.matches(series) && self.scope.matches(series)
    }

    /// The series, if the viewer asked for it and may see it.
    pub fn pick(&self, found: StoredSeries) -> Option<Matched> {
        self.matches(&found.series).then_some(Matched(found))
    }

    pub fn selects_all(&self) -> bool {
        self.selector.selects_all() && self.scope.is_everything()
    }

    /// What every selected series has: its metric as [`METRIC_NAME`], and labels.
    pub fn demands(&self) -> impl Iterator<Item = (&str, &str)> {
        // What all of several selectors demand is not looked for.
        let scope = match self.scope.selectors() {
            [only] => Some(only),
            _ => None,
        };
        let scope = scope.into_iter().flat_map(Selector::demands);
        self.selector.demands().chain(scope)
    }

    /// The metric that every selected series has, if there is one.
    pub fn metric(&self) -> Option<&str> {
        let mut demands = self.demands();
        demands.find_map(|(name, value)| (name == METRIC_NAME).then_some(value))
    }

    /// The regular expressions: those of the question, then those of the scope.
    pub fn expressions(&self) -> impl Iterator<Item = &LabelMatcher> {
        let scope = self.scope.selectors().iter();
        let all = std::iter::once(&self.selector).chain(scope);
        all.flat_map(Selector::expressions)
    }
}

/// A series that a viewer asked for and may see.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched(StoredSeries);

impl Deref for Matched {
    type Target = StoredSeries;

    fn deref(&self) -> &StoredSeries {
        &self.0
    }
}

impl From<Matched> for StoredSeries {
    fn from(matched: Matched) -> Self {
        matched.0
    }
}

#[cfg(test)]
impl Matched {
    /// For tests of what comes after the choice of series.
    pub fn of_ids(ids: impl IntoIterator<Item = crate::data::SeriesId>) -> Vec<Self> {
        let series = |id| StoredSeries {
            id,
            series: Arc::new(Series::new(format!("m{id}"), Vec::<(&str, &str)>::new())),
        };
        ids.into_iter().map(|id| Self(series(id))).collect()
    }
}
