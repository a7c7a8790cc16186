//! Who asks, and a question together with what its viewer may see.

#[cfg(test)]
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use super::{LabelMatcher, METRIC_NAME, Scope, Selector};
use crate::data::{Code, Grant, Installation, Operation, Problem, Seal, Series, StoredSeries, Streams};

/// Somebody who asks, and what they may do.
#[derive(Clone, Debug)]
pub struct Viewer {
    subject: Arc<str>,
    grant: Arc<Grant>,
    seal: Seal,
}

impl Viewer {
    /// Whoever asks over HTTP where no access control is configured.
    pub fn everyone() -> Self {
        Self::new("everyone", Arc::new(Grant::everything()))
    }

    /// The program itself, and whoever runs it on the command line: always sees everything.
    pub fn operator() -> Self {
        Self::new("operator", Arc::new(Grant::everything()))
    }

    /// Who was not let in.
    pub fn nobody() -> Self {
        Self::new("nobody", Arc::new(Grant::nothing()))
    }

    /// `subject` names one principal for ever, such as `key:x7` or an issuer with its subject.
    pub fn new(subject: impl Into<Arc<str>>, grant: Arc<Grant>) -> Self {
        Self {
            subject: subject.into(),
            grant,
            seal: Seal::default(),
        }
    }

    /// The same, with cursors that are useless to others and cannot be made up.
    pub fn with_sealed_cursors(self, key: Arc<Installation>) -> Self {
        Self {
            seal: Seal::of(key, Arc::clone(&self.subject)),
            ..self
        }
    }

    /// Who reads nothing but these series.
    #[cfg(test)]
    pub fn of(scope: Scope) -> Self {
        let grant = Grant {
            operations: BTreeSet::from([Operation::Read]),
            read: Arc::new(scope),
            ..Grant::nothing()
        };
        Self::new("reader", Arc::new(grant))
    }

    pub fn subject(&self) -> &Arc<str> {
        &self.subject
    }

    pub fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    pub fn scope(&self) -> &Scope {
        &self.grant.read
    }

    /// The only way to a [`Scoped`].
    pub fn select(&self, selector: Selector) -> Scoped {
        Scoped {
            selector,
            scope: Arc::clone(&self.grant.read),
        }
    }

    /// # Errors
    /// `FORBIDDEN`: the role does not allow it.
    pub fn may(&self, operation: Operation) -> Result<(), Problem> {
        match self.grant.allows(operation) {
            true => Ok(()),
            false => Err(Problem::new(
                Code::Forbidden,
                format!("your role does not allow this; it needs '{operation}'"),
            )),
        }
    }

    /// Whose dead letters and state the viewer may see, and to which it may send.
    pub fn streams(&self) -> &Streams {
        &self.grant.streams
    }

    pub fn sees_stream(&self, stream: &str) -> bool {
        self.grant.streams.contain(stream)
    }

    pub fn may_write(&self, series: &Series) -> bool {
        self.grant.write.matches(series)
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
