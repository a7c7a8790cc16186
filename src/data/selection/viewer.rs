//! Who asks: what a viewer may see, and a question together with it.

use std::ops::Deref;
use std::sync::Arc;

use super::{LabelMatcher, METRIC_NAME, Selector};
use crate::data::{Series, StoredSeries};

/// The series that at least one of these selectors selects. Equal scopes are written alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(Vec<Selector>);

impl Scope {
    pub fn everything() -> Self {
        Self::any_of([Selector::default()])
    }

    /// Nothing at all without a selector.
    pub fn any_of(selectors: impl IntoIterator<Item = Selector>) -> Self {
        let mut selectors: Vec<_> = selectors.into_iter().collect();
        // The shortest of all comes first.
        selectors.sort();
        selectors.dedup();
        if selectors.first().is_some_and(Selector::selects_all) {
            selectors.truncate(1);
        }
        Self(selectors)
    }

    pub fn selectors(&self) -> &[Selector] {
        &self.0
    }

    pub fn is_everything(&self) -> bool {
        self.0.first().is_some_and(Selector::selects_all)
    }

    fn matches(&self, series: &Series) -> bool {
        self.0.iter().any(|selector| selector.matches(series))
    }
}

/// Somebody who asks.
#[derive(Clone, Debug)]
pub struct Viewer {
    scope: Arc<Scope>,
}

impl Viewer {
    /// Whoever asks over HTTP. There is no access control yet: everyone sees everything.
    pub fn everyone() -> Self {
        Self::of(Scope::everything())
    }

    /// The program itself, and whoever runs it on the command line: always sees everything.
    pub fn operator() -> Self {
        Self::of(Scope::everything())
    }

    pub fn of(scope: Scope) -> Self {
        Self {
            scope: Arc::new(scope),
        }
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The only way to a [`Scoped`].
    pub fn select(&self, selector: Selector) -> Scoped {
        Scoped {
            selector,
            scope: Arc::clone(&self.scope),
        }
    }
}

/// A selector and the scope of the viewer who asks: selects the series that both select.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scoped {
    selector: Selector,
    scope: Arc<Scope>,
}

impl Scoped {
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    pub fn scope(&self) -> &Scope {
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
