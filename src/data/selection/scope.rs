//! The series that a viewer may see.

use super::Selector;
use crate::data::Series;

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

    pub fn matches(&self, series: &Series) -> bool {
        self.0.iter().any(|selector| selector.matches(series))
    }
}
