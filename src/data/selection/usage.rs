//! What an operation that runs for long has used of its viewer's grant, and the grant it has now.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::containment::contains;
use super::{Scoped, Selector};
use crate::data::{Grant, Operation, Series, Streams};

#[derive(Debug)]
pub struct Usage(Mutex<Used>);

#[derive(Debug)]
struct Used {
    grant: Arc<Grant>,
    scoped: Vec<Scoped>,
    operations: BTreeSet<Operation>,
    streams: BTreeSet<String>,
    /// It has asked for all that there are.
    all_streams: bool,
    has_written: bool,
}

impl Usage {
    pub(super) fn new(grant: Arc<Grant>) -> Self {
        Self(Mutex::new(Used {
            grant,
            scoped: Vec::new(),
            operations: BTreeSet::new(),
            streams: BTreeSet::new(),
            all_streams: false,
            has_written: false,
        }))
    }

    /// The operation has this grant from now on. False if it has used what this grant does not allow:
    /// then it must end.
    #[must_use]
    pub fn change(&self, grant: &Arc<Grant>) -> bool {
        let mut used = self.0.lock();
        let goes_on = used.is_allowed_by(grant);
        used.grant = Arc::clone(grant);
        goes_on
    }

    pub(super) fn grant(&self) -> Arc<Grant> {
        Arc::clone(&self.0.lock().grant)
    }

    pub(super) fn select(&self, scoped: impl FnOnce(&Grant) -> Scoped) -> Scoped {
        let mut used = self.0.lock();
        let scoped = scoped(&used.grant);
        if !used.scoped.contains(&scoped) {
            used.scoped.reserve_exact(1);
            used.scoped.push(scoped.clone());
        }
        scoped
    }

    pub(super) fn allows(&self, operation: Operation) -> bool {
        let mut used = self.0.lock();
        let allowed = used.grant.allows(operation);
        if allowed {
            used.operations.insert(operation);
        }
        allowed
    }

    pub(super) fn streams(&self) -> Streams {
        let mut used = self.0.lock();
        used.all_streams = true;
        used.grant.streams.clone()
    }

    pub(super) fn sees_stream(&self, stream: &str) -> bool {
        let mut used = self.0.lock();
        let seen = used.grant.streams.contain(stream);
        if seen && !used.streams.contains(stream) {
            used.streams.insert(stream.to_owned());
        }
        seen
    }

    pub(super) fn may_write(&self, series: &Series) -> bool {
        let mut used = self.0.lock();
        used.has_written = true;
        used.grant.write.matches(series)
    }
}

impl Used {
    fn is_allowed_by(&self, grant: &Grant) -> bool {
        let everything = Selector::default();
        self.operations.iter().all(|operation| grant.allows(*operation))
            && self.streams.iter().all(|stream| grant.streams.contain(stream))
            && (!self.all_streams || grant.streams.contain_all(&self.grant.streams))
            && (!self.has_written || contains(&grant.write, &everything, &self.grant.write))
            && (self.scoped.iter()).all(|scoped| contains(&grant.read, scoped.selector(), scoped.scope()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Scope, Viewer};

    fn metric(name: &str) -> Selector {
        Selector::new(Some(name.to_owned()), Vec::new())
    }

    fn grant(metrics: &[&str], streams: &[&str]) -> Arc<Grant> {
        let scope = Arc::new(Scope::any_of(metrics.iter().map(|name| metric(name))));
        Arc::new(Grant {
            operations: BTreeSet::from([Operation::Read]),
            read: Arc::clone(&scope),
            write: scope,
            streams: Streams::Named(streams.iter().map(|name| (*name).to_owned()).collect()),
        })
    }

    #[test]
    fn an_operation_goes_on_as_long_as_all_that_it_used_is_allowed() {
        type Use = fn(&Viewer);
        let nothing: Use = |_| {};
        let reads: Use = |viewer| drop(viewer.select(metric("a")));
        let reads_all: Use = |viewer| drop(viewer.select(Selector::default()));
        let asks_scope: Use = |viewer| drop(viewer.scope());
        let sees: Use = |viewer| assert!(viewer.sees_stream("s") && !viewer.sees_stream("other"));
        let may: Use =
            |viewer| assert!(viewer.may(Operation::Read).is_ok() && viewer.may(Operation::Publish).is_err());
        let writes: Use = |viewer| assert!(viewer.may_write(&Series::new("a", Vec::<(&str, &str)>::new())));
        let lists: Use = |viewer| assert!(!viewer.streams().are_all());
        let none = Arc::new(Grant::nothing());
        for (what, used, to, goes_on) in [
            ("nothing", nothing, &none, true),
            ("a read", reads, &none, false),
            ("a read", reads, &grant(&["a"], &[]), true),
            ("a read", reads, &grant(&["b"], &["s"]), false),
            ("a read of all", reads_all, &grant(&["a"], &["s"]), false),
            ("a read of all", reads_all, &grant(&["a", "b", "c"], &[]), true),
            ("the scope", asks_scope, &grant(&["a"], &["s"]), false),
            ("a stream", sees, &grant(&["a"], &["s", "other"]), true),
            ("a stream", sees, &grant(&["a", "b"], &["other"]), false),
            ("the streams", lists, &grant(&["a"], &["s", "other"]), true),
            ("the streams", lists, &grant(&["a"], &["other"]), false),
            ("an operation", may, &none, false),
            ("an operation", may, &grant(&[], &[]), true),
            ("a write", writes, &grant(&["a"], &["s"]), false),
            ("a write", writes, &grant(&["b", "a"], &[]), true),
            ("a write", writes, &Arc::new(Grant::everything()), true),
        ] {
            let (viewer, usage) = Viewer::new("x", grant(&["a", "b"], &["s"])).may_change();
            used(&viewer);
            assert_eq!(usage.change(to), goes_on, "{what}: {to:?}");
            // What it asks for later is held to the new grant.
            let a = Series::new("a", Vec::<(&str, &str)>::new());
            assert_eq!(viewer.select(metric("a")).matches(&a), to.read.matches(&a));
            assert_eq!(viewer.grant(), *to);
        }
    }
}
