//! Where principals come in: credentials that fail are slowed and counted, and each principal gets the
//! meter of what it uses.

mod attempts;
mod meters;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::credential::Credential;
use super::principal::{Denied, Identity, Principal};
use crate::data::meter::OnRefusal;
use crate::data::{Allowance, ClientKey};
use crate::telemetry::Metrics;
use attempts::Attempts;
use meters::Meters;

/// Shared by all who bring credentials to this node.
#[derive(Debug)]
pub(super) struct Entry {
    attempts: Attempts,
    meters: Meters,
    metrics: Arc<OnceLock<Arc<Metrics>>>,
}

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
            attempts: Attempts::new(),
            meters: Meters::new(on_refusal),
            metrics,
        }
    }

    /// Only the first call counts.
    pub fn count_in(&self, metrics: &Arc<Metrics>) {
        self.metrics.get_or_init(|| Arc::clone(metrics));
    }

    /// # Errors
    /// The credential must not be looked at.
    pub fn may(&self, address: ClientKey, credential: Option<&Credential>) -> Result<(), Denied> {
        let may = |credential| self.attempts.may(address, credential, Instant::now());
        let denied = credential.map_or(Ok(()), may);
        denied.map_err(|_| self.failed(Denied::TooMany))
    }

    pub fn found(
        &self,
        address: ClientKey,
        credential: Option<&Credential>,
        found: &Result<Arc<Principal>, Denied>,
    ) {
        match (found, credential) {
            (Ok(_), Some(credential)) => self.attempts.succeeded(credential),
            (Ok(_), None) => {}
            (Err(denied), credential) => {
                // A token that has expired was good before, and its client gets a new one.
                if *denied == Denied::Invalid && credential.is_some() {
                    self.attempts.failed(address, Instant::now());
                }
                self.failed(*denied);
            }
        }
    }

    /// Whole seconds for which credentials of this address are refused.
    pub fn pause(&self, address: ClientKey) -> u64 {
        let pause = self.attempts.pause(address, Instant::now());
        pause.as_secs() + 1
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
            Denied::TooMany => "too_many",
            Denied::Unavailable => "unavailable",
        };
        if let Some(metrics) = self.metrics.get() {
            metrics.add(&metrics.auth_failures, &[("reason", reason)], 1);
        }
        why
    }
}
