//! Who uses a live connection, and until when.

use std::sync::Arc;
use std::time::Duration;

use super::gate::{Found, Gate};
use crate::access::{Denied, Identity, Principal};
use crate::data::{Micros, Usage, Viewer};

#[allow(missing_debug_implementations, reason = "the gate has none")]
pub struct Standing {
    gate: Arc<dyn Gate>,
    /// How long it goes on with a credential that has expired.
    grace: Duration,
    principal: Option<Arc<Principal>>,
    /// Since when its credential has been expired.
    expired: Option<Micros>,
}

/// What looking again has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Same,
    /// The principal may do something else than before.
    Changed,
    Out(Denied),
}

/// Why a credential is not taken in place of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("the credential is another principal's than the one this connection is for")]
    Another,
}

impl Standing {
    /// `principal`: who was let in with the request. Since then it may have been let go.
    pub fn new(gate: Arc<dyn Gate>, principal: Option<Arc<Principal>>, grace: Duration) -> Self {
        Self {
            gate,
            grace,
            principal,
            expired: None,
        }
    }

    pub fn gate(&self) -> &Arc<dyn Gate> {
        &self.gate
    }

    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    pub fn expires(&self) -> Option<Micros> {
        self.principal.as_ref()?.expires
    }

    /// The viewer of a new operation, and what tells it of changes where there can be some. Nothing begins
    /// with a credential that has expired.
    pub fn viewer(&self) -> (Viewer, Option<Arc<Usage>>) {
        let Some(principal) = self.principal.as_ref().filter(|_| self.expired.is_none()) else {
            return (Viewer::nobody(), None);
        };
        match self.gate.is_controlled() {
            true => {
                let (viewer, usage) = principal.viewer.may_change();
                (viewer, Some(usage))
            }
            false => (principal.viewer.clone(), None),
        }
    }

    /// Looks again once the credential has expired.
    pub fn on_time(&mut self, now: Micros) -> Look {
        let expires = self.expires();
        match self.expired.is_some() || expires.is_some_and(|at| now >= at) {
            true => self.look(now),
            false => Look::Same,
        }
    }

    /// Who it is after a change.
    pub fn look(&mut self, now: Micros) -> Look {
        let Some(principal) = &self.principal else {
            return Look::Same;
        };
        match self.gate.renew(principal) {
            Ok(renewed) => {
                let changed = renewed.viewer.grant() != principal.viewer.grant();
                self.expired = renewed.expires.filter(|at| now >= *at);
                self.principal = Some(renewed);
                match changed {
                    _ if self.is_over(now) => Look::Out(Denied::Expired),
                    true => Look::Changed,
                    false => Look::Same,
                }
            }
            // An API key that has expired is not known any longer.
            Err(Denied::Invalid) if principal.expires.is_some_and(|at| now >= at) => {
                Look::Out(Denied::Expired)
            }
            Err(denied) => Look::Out(denied),
        }
    }

    /// Takes what was found of a credential that came over the connection. `begins`: nothing has been done
    /// on it yet, so that anybody may go on; later it must be the same principal, or the first with a name.
    ///
    /// # Errors
    /// The connection goes on as it was.
    pub fn admit(&mut self, found: Found, begins: bool, now: Micros) -> Result<Look, Refused> {
        let found = found?;
        let before = self.principal.as_ref();
        let same = |before: &Arc<Principal>| {
            before.identity == Identity::Anonymous || before.viewer.subject() == found.viewer.subject()
        };
        if !begins && !before.is_none_or(same) {
            return Err(Refused::Another);
        }
        // What changed while the credential was looked at.
        let renewed = self.gate.renew(&found)?;
        if renewed.expires.is_some_and(|at| now >= at) {
            return Err(Denied::Expired.into());
        }
        let changed = before.is_some_and(|before| before.viewer.grant() != renewed.viewer.grant());
        self.principal = Some(renewed);
        self.expired = None;
        Ok(match changed {
            true => Look::Changed,
            false => Look::Same,
        })
    }

    fn is_over(&self, now: Micros) -> bool {
        self.expired.is_some_and(|since| now >= since.plus(self.grace))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Doorman, named, with_role};
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    fn at(second: i64) -> Micros {
        Micros::from_millis(1_000 * second)
    }

    fn expiring(name: &str, second: i64) -> Arc<Principal> {
        Arc::new(Principal {
            expires: Some(at(second)),
            ..(*named(name)).clone()
        })
    }

    #[test]
    fn a_credential_that_expires_has_its_grace_and_is_over_then() {
        let gate = Doorman::default();
        let mut standing = Standing::new(gate.gate(), Some(expiring("a", 100)), GRACE);
        for (second, look) in [
            (99, Look::Same),
            (100, Look::Same),
            (129, Look::Same),
            (130, Look::Out(Denied::Expired)),
        ] {
            assert_eq!(standing.on_time(at(second)), look, "{second}");
        }
        gate.says("a", Err(Denied::Invalid));
        let mut key = Standing::new(gate.gate(), Some(expiring("a", 100)), GRACE);
        assert_eq!(key.on_time(at(100)), Look::Out(Denied::Expired));
    }

    #[test]
    fn a_change_reaches_who_goes_on_with_a_credential_that_has_expired() {
        let gate = Doorman::default();
        let mut standing = Standing::new(gate.gate(), Some(expiring("a", 100)), GRACE);
        assert_eq!(standing.on_time(at(110)), Look::Same);
        let narrower = Principal {
            expires: Some(at(100)),
            ..(*with_role("a", &["m"])).clone()
        };
        gate.says("a", Ok(Arc::new(narrower)));
        assert_eq!(standing.look(at(111)), Look::Changed);
        assert_eq!(standing.on_time(at(112)), Look::Same);
        gate.says("a", Err(Denied::Invalid));
        assert_eq!(standing.look(at(113)), Look::Out(Denied::Expired));
    }

    #[test]
    fn a_new_credential_or_a_longer_session_ends_the_grace() {
        let gate = Doorman::default();
        let mut standing = Standing::new(gate.gate(), Some(expiring("a", 100)), GRACE);
        assert_eq!(standing.on_time(at(110)), Look::Same);
        assert_eq!(
            standing.admit(Ok(expiring("a", 200)), false, at(120)),
            Ok(Look::Same)
        );
        assert_eq!(standing.on_time(at(150)), Look::Same);
        gate.says("a", Ok(expiring("a", 300)));
        assert_eq!(standing.on_time(at(210)), Look::Same);
        assert_eq!(standing.expires(), Some(at(300)));
        assert_eq!(standing.on_time(at(290)), Look::Same);
        let late = standing.admit(Ok(expiring("b", 50)), true, at(290));
        // Renewed by the gate, which knows nothing of b.
        assert_eq!(late, Err(Refused::Denied(Denied::Expired)));
    }

    #[test]
    fn only_the_same_principal_goes_on_with_a_connection_that_is_in_use() {
        let gate = Doorman::default();
        let mut standing = Standing::new(gate.gate(), Some(named("a")), GRACE);
        assert_eq!(
            standing.admit(Ok(named("b")), false, at(0)),
            Err(Refused::Another)
        );
        assert_eq!(
            standing.admit(Err(Denied::Invalid), false, at(0)),
            Err(Refused::Denied(Denied::Invalid))
        );
        assert_eq!(&*standing.principal().unwrap().name, "a");
        assert_eq!(
            standing.admit(Ok(with_role("a", &["m"])), false, at(0)),
            Ok(Look::Changed)
        );
        assert_eq!(standing.admit(Ok(named("b")), true, at(0)), Ok(Look::Changed));
        let anonymous = Principal {
            identity: Identity::Anonymous,
            ..(*named("anonymous")).clone()
        };
        let mut standing = Standing::new(gate.gate(), Some(Arc::new(anonymous)), GRACE);
        assert_eq!(standing.admit(Ok(named("a")), false, at(0)), Ok(Look::Same));
        assert_eq!(
            standing.admit(Ok(named("b")), false, at(0)),
            Err(Refused::Another)
        );
    }

    #[test]
    fn who_is_let_go_is_out_at_once_even_while_its_new_credential_is_looked_at() {
        let gate = Doorman::default();
        let mut standing = Standing::new(gate.gate(), Some(named("a")), GRACE);
        assert_eq!(standing.look(at(0)), Look::Same);
        gate.says("a", Ok(with_role("a", &["m"])));
        assert_eq!(standing.look(at(0)), Look::Changed);
        assert_eq!(standing.look(at(0)), Look::Same);
        gate.says("a", Err(Denied::Invalid));
        assert_eq!(standing.look(at(0)), Look::Out(Denied::Invalid));
        let refused = standing.admit(Ok(named("a")), false, at(0));
        assert_eq!(refused, Err(Refused::Denied(Denied::Invalid)));
        gate.says("a", Err(Denied::Unavailable));
        assert_eq!(standing.look(at(0)), Look::Out(Denied::Unavailable));
    }
}
