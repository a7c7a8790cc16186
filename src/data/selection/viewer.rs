//! Who asks.

#[cfg(test)]
use std::collections::BTreeSet;
use std::sync::Arc;

use super::usage::Usage;
use super::{Scope, Scoped, Selector};
use crate::data::{ClientKey, Code, Grant, Installation, Meter, Operation, Problem, Seal, Series, Streams};

/// Somebody who asks, and what they may do.
#[derive(Clone, Debug)]
pub struct Viewer {
    subject: Arc<str>,
    grant: Arc<Grant>,
    seal: Seal,
    /// Of a viewer who [`Viewer::may_change`].
    usage: Option<Arc<Usage>>,
    /// Where there is access control.
    meter: Option<Arc<Meter>>,
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
            usage: None,
            meter: None,
        }
    }

    /// The same, with cursors that are useless to others and cannot be made up.
    pub fn with_sealed_cursors(self, key: Arc<Installation>) -> Self {
        Self {
            seal: Seal::of(key, Arc::clone(&self.subject)),
            ..self
        }
    }

    /// The same, and what it uses is counted.
    #[must_use]
    pub fn metered(self, meter: Arc<Meter>) -> Self {
        let meter = Some(meter);
        Self { meter, ..self }
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

    /// The same for one operation that goes on for long: what it uses is noted, and its grant can change
    /// while it runs.
    #[must_use]
    pub fn may_change(&self) -> (Self, Arc<Usage>) {
        let usage = Arc::new(Usage::new(self.grant()));
        let viewer = Self {
            usage: Some(Arc::clone(&usage)),
            ..self.clone()
        };
        (viewer, usage)
    }

    /// Somebody who sees everything, whose cursors are of use to nobody else.
    #[cfg(test)]
    pub fn sealed(subject: &str) -> Self {
        let key = Installation::new("id".to_owned(), &[1; 32]).unwrap();
        Self::new(subject, Arc::new(Grant::everything())).with_sealed_cursors(Arc::new(key))
    }

    pub fn subject(&self) -> &Arc<str> {
        &self.subject
    }

    pub fn meter(&self) -> Option<&Arc<Meter>> {
        self.meter.as_ref()
    }

    /// The principal as shares tell clients apart, where there is access control.
    pub fn client(&self) -> Option<ClientKey> {
        self.meter.as_ref().map(|meter| meter.client())
    }

    /// This is what is allowed from now on. False if something was used that it does not allow: then the
    /// operation must end.
    #[must_use]
    pub fn change(&self, grant: &Arc<Grant>) -> bool {
        match &self.usage {
            Some(usage) => usage.change(grant),
            None => self.grant == *grant,
        }
    }

    /// What is allowed at this moment.
    pub fn grant(&self) -> Arc<Grant> {
        match &self.usage {
            Some(usage) => usage.grant(),
            None => Arc::clone(&self.grant),
        }
    }

    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    pub fn scope(&self) -> Arc<Scope> {
        Arc::clone(self.select(Selector::default()).shared_scope())
    }

    /// The only way to a [`Scoped`].
    pub fn select(&self, selector: Selector) -> Scoped {
        let scoped = |grant: &Grant| Scoped::new(selector, Arc::clone(&grant.read));
        match &self.usage {
            Some(usage) => usage.select(scoped),
            None => scoped(&self.grant),
        }
    }

    /// # Errors
    /// `FORBIDDEN`: the role does not allow it.
    pub fn may(&self, operation: Operation) -> Result<(), Problem> {
        let allowed = match &self.usage {
            Some(usage) => usage.allows(operation),
            None => self.grant.allows(operation),
        };
        match allowed {
            true => Ok(()),
            false => Err(Problem::new(
                Code::Forbidden,
                format!("your role does not allow this; it needs '{operation}'"),
            )),
        }
    }

    /// Whose dead letters and state the viewer may see, and to which it may send.
    pub fn streams(&self) -> Streams {
        match &self.usage {
            Some(usage) => usage.streams(),
            None => self.grant.streams.clone(),
        }
    }

    pub fn sees_stream(&self, stream: &str) -> bool {
        match &self.usage {
            Some(usage) => usage.sees_stream(stream),
            None => self.grant.streams.contain(stream),
        }
    }

    pub fn may_write(&self, series: &Series) -> bool {
        match &self.usage {
            Some(usage) => usage.may_write(series),
            None => self.grant.write.matches(series),
        }
    }
}
