//! Where principals come in: credentials that fail are slowed and counted, and each principal gets the
//! meter of what it uses.

mod attempts;
mod meters;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::credential::Credential;
use super::principal::{Denied, Identity, Principal};
use crate::data::meter::OnRefusal;
use crate::data::{Allowance, ClientKey, Meter, OverLimit};
use crate::telemetry::Metrics;
use attempts::Attempts;
use meters::Meters;

/// Shared by all who bring credentials to this node.
#[derive(Debug)]
pub(super) struct Entry {
    attempts: Attempts,
    meters: Meters,
    /// Of all addresses.
    at_issuers: Meter,
    metrics: Arc<OnceLock<Arc<Metrics>>>,
}

/// Sign-ins of which an issuer has still to say whose they are.
const OF_ADDRESS: Allowance = Allowance::of_sign_ins(100);
const OF_ALL: Allowance = Allowance::of_sign_ins(3_000);

impl Entry {
    pub fn new() -> Self {
        let metrics: Arc<OnceLock<Arc<Metrics>>> = Arc::default();
        let counted = Arc::clone(&metrics);
        let on_refusal: OnRefusal = Arc::new(move |limit| {
            if let Some(metrics) = counted.get() {
                metrics.over_limit(limit.as_str());
            }
        });
        Self {
            attempts: Attempts::default(),
            at_issuers: Meter::new(ClientKey::UNKNOWN, OF_ALL, Arc::clone(&on_refusal)),
            meters: Meters::new(on_refusal),
            metrics,
        }
    }

    /// Only the first call counts.
    pub fn count_in(&self, metrics: &Arc<Metrics>) {
        self.metrics.get_or_init(|| Arc::clone(metrics));
    }

    /// Whether a token of this address may be verified.
    ///
    /// # Errors
    /// Too many were not valid.
    pub fn may_verify(&self, address: ClientKey, is_known: impl FnOnce() -> bool) -> Result<(), Denied> {
        let waits = self.attempts.waits(address, Instant::now());
        let may = !waits || is_known() || self.attempts.may_verify(address);
        may.then_some(()).ok_or_else(|| self.failed(Denied::TooMany(1)))
    }

    /// Counts who was not let in.
    ///
    /// # Errors
    /// As it was, or that there were too many.
    pub fn found(
        &self,
        address: ClientKey,
        credential: Option<&Credential>,
        found: Result<Arc<Principal>, Denied>,
    ) -> Result<Arc<Principal>, Denied> {
        found.map_err(|denied| {
            // A token that has expired was good before, and its client gets a new one.
            let has_failed = denied == Denied::Invalid && credential.is_some();
            let pause = has_failed.then(|| self.attempts.failed(address, Instant::now()));
            self.failed(match pause.flatten() {
                Some(pause) => Denied::TooMany(pause.as_secs()),
                None => denied,
            })
        })
    }

    /// Counts a sign-in of this principal.
    ///
    /// # Errors
    /// There were too many.
    pub fn sign_in(&self, principal: &Principal) -> Result<(), OverLimit> {
        principal.viewer.meter().map_or(Ok(()), |meter| meter.sign_in())
    }

    /// Counts a sign-in at an issuer from this address.
    ///
    /// # Errors
    /// There were too many.
    pub fn sign_in_at_issuer(&self, address: ClientKey) -> Result<(), OverLimit> {
        self.meters.of(address, OF_ADDRESS).sign_in()?;
        self.at_issuers.sign_in()
    }

    /// Those without a name are told apart by their address.
    pub fn metered(
        &self,
        principal: Arc<Principal>,
        address: ClientKey,
        allowance: Allowance,
    ) -> Arc<Principal> {
        let client = match &principal.identity {
            Identity::Everyone => return principal,
            Identity::Anonymous => address,
            _ => ClientKey::of_subject(principal.viewer.subject()),
        };
        let meter = self.meters.of(client, allowance);
        let mut own = Arc::unwrap_or_clone(principal);
        own.viewer = own.viewer.metered(meter);
        Arc::new(own)
    }

    fn failed(&self, why: Denied) -> Denied {
        let reason = match why {
            Denied::Missing => "missing",
            Denied::Invalid => "invalid",
            Denied::Expired => "expired",
            Denied::TooMany(_) | Denied::OverLimit(_) => "too_many",
            Denied::Unavailable => "unavailable",
        };
        if let Some(metrics) = self.metrics.get() {
            metrics.add(&metrics.auth_failures, &[("reason", reason)], 1);
        }
        why
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_ins_at_issuers_are_bounded_for_an_address_and_in_all() {
        let entry = Entry::new();
        let done = |client: &ClientKey| entry.sign_in_at_issuer(*client).is_ok();
        let of = |n: u32| ClientKey::of_subject(&n.to_string());
        // The buckets fill while this runs.
        let first = (0..1_000).filter(|_| done(&of(0))).count();
        assert!((100..200).contains(&first), "{first}");
        let clients: Vec<ClientKey> = (1..100).map(of).collect();
        let all = clients
            .iter()
            .cycle()
            .take(9_900)
            .filter(|client| done(client))
            .count();
        assert!((2_800..5_000).contains(&all), "{all}");
    }
}
