//! Who may use the server: credentials become principals, and principals have what their role allows.
//!
//! Knows nothing of HTTP. `http/authenticate.rs` and the WebSockets bring credentials; everything that
//! is read, sent or done then asks the principal's
//! [`Viewer`].

pub mod audit;
pub mod config;
mod control;
mod credential;
pub mod keys;
mod limits;
mod principal;
mod roles;
mod sessions;
mod sign_in;
mod snapshot;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod tokens;

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

pub use audit::Audit;
pub use credential::{Authority, Certificate, Credential};
pub use principal::{Denied, Ended, Identity, Principal};
pub use roles::Roles;
pub use sessions::SessionId;
pub use tokens::{Claims, Issuers};

use crate::data::{ClientKey, Micros, Operation, Viewer};
use crate::store::access::keys::StoredKey;
use crate::store::connect::DatabaseUrl;
use crate::telemetry::{Metrics, Status};
use config::AuthConfig;
use control::Control;
use keys::ApiKey;
use keys::changes::{KeyError, Wanted};
use limits::Entry;
use snapshot::{STALE_AFTER, Snapshot};

/// So many may sign in or out at a time: each has a connection to Postgres.
const SIGNING_IN: usize = 4;

/// Decides who somebody is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    everyone: Arc<Principal>,
    /// `None`: everyone may do everything.
    control: Option<Control>,
    /// Counts the changes of keys, roles and sessions.
    changes: watch::Sender<u64>,
}

impl Access {
    /// No access control: everyone may do everything.
    pub fn open() -> Self {
        Self::with(None)
    }

    /// Roles and keys decide, of which nothing is known before [`Self::follow`].
    ///
    /// # Errors
    /// All that is wrong with the configuration.
    pub fn controlled(config: &AuthConfig, database: DatabaseUrl) -> Result<Self, Vec<String>> {
        let roles = Roles::of(config)?;
        let issuers = Issuers::of(config, &roles)?;
        Ok(Self::with(Some(Control {
            database,
            roles: RwLock::new(Arc::new(roles)),
            issuers: RwLock::new(Arc::new(issuers)),
            known: Snapshot::new(STALE_AFTER),
            changing: Semaphore::new(1),
            signing_in: Semaphore::new(SIGNING_IN),
            entry: Entry::new(),
        })))
    }

    fn with(control: Option<Control>) -> Self {
        Self(Arc::new(Inner {
            everyone: Arc::new(Principal::everyone()),
            control,
            changes: watch::Sender::new(0),
        }))
    }

    /// Follows what Postgres knows of keys and sessions, and the issuers' keys, for as long as the program runs.
    pub async fn follow(self, status: Arc<Status>) {
        if let Some(control) = &self.0.control {
            let known = Arc::clone(&control.known);
            let database = control.database.clone();
            let following = known.follow(database, status, || self.changed());
            tokio::join!(following, control.follow_issuers());
        }
    }

    /// Other roles and issuers, for whoever comes in and for who is there.
    ///
    /// # Errors
    /// All that is wrong with them; those before stay then.
    pub fn reload(&self, config: &AuthConfig) -> Result<(), Vec<String>> {
        if let Some(control) = &self.0.control {
            let roles = Arc::new(Roles::of(config)?);
            let issuers = Arc::new(Issuers::of(config, &roles)?);
            *control.roles.write() = roles;
            *control.issuers.write() = issuers;
            self.changed();
        }
        Ok(())
    }

    /// False where everyone may do everything.
    pub fn is_controlled(&self) -> bool {
        self.0.control.is_some()
    }

    /// Who asks with this credential, or without one.
    ///
    /// # Errors
    /// The credential is not valid, or one is needed.
    pub async fn authenticate(&self, credential: Option<&Credential>) -> Result<Arc<Principal>, Denied> {
        let Some(control) = &self.0.control else {
            return Ok(Arc::clone(&self.0.everyone));
        };
        match credential {
            None => control.anonymous(),
            Some(Credential::Key(text)) => {
                let key = ApiKey::parse(text).ok_or(Denied::Invalid)?;
                control.of_key(&*control.known.holder(&key, Micros::now())?)
            }
            Some(Credential::Certificate(shown)) => match control.of_certificate(shown) {
                // Browsers show certificates that were not meant for us.
                Err(Denied::Missing) => control.anonymous(),
                found => unexpired(found?),
            },
            Some(Credential::Token(text)) => {
                let issuers = control.issuers();
                control.of_claims(&issuers.tokens.verify(text).await?)
            }
            Some(Credential::Session(text)) => {
                let id = SessionId::parse(text).ok_or(Denied::Invalid)?;
                control.of_session(&id.hash())
            }
            Some(Credential::Malformed) => Err(Denied::Invalid),
        }
    }

    /// What a principal is now, after a change; needs no I/O.
    ///
    /// # Errors
    /// It is no longer let in.
    pub fn renew(&self, principal: &Arc<Principal>) -> Result<Arc<Principal>, Denied> {
        unexpired(self.renew_expired(principal)?)
    }

    /// Another role holds for what its `viewer` asks from now on.
    ///
    /// # Errors
    /// The principal is no longer let in, or the role forbids what its `viewer` has used.
    pub fn still_allows(&self, principal: &Arc<Principal>, viewer: &Viewer) -> Result<(), Ended> {
        match viewer.change(&self.renew(principal)?.viewer.grant()) {
            true => Ok(()),
            false => Err(Ended::Forbidden),
        }
    }

    /// As [`Self::renew`], for who may go on for a while with a credential that has expired.
    fn renew_expired(&self, principal: &Arc<Principal>) -> Result<Arc<Principal>, Denied> {
        let Some(control) = &self.0.control else {
            return Ok(Arc::clone(principal));
        };
        match &principal.identity {
            Identity::Anonymous => control.anonymous(),
            Identity::Key { id, version } => {
                let key = control.known.still(id, Micros::now())?;
                match key.key.version == *version {
                    true => control.of_key(&key),
                    false => Err(Denied::Invalid),
                }
            }
            Identity::Certificate(shown) => control.of_certificate(shown),
            Identity::Token(claims) => control.of_claims(claims),
            Identity::Session(hash) => control.of_recent_session(hash),
            Identity::Everyone => Err(Denied::Invalid),
        }
    }

    /// Counts up at each change after which open connections must [`Self::renew`].
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Whoever is connected is looked at again.
    pub fn changed(&self) {
        self.0.changes.send_modify(|count| *count += 1);
    }

    /// # Errors
    /// Those of [`keys::changes::create`], or `by` is no administrator any longer.
    pub async fn create_key(
        &self,
        wanted: &Wanted,
        by: &Arc<Principal>,
    ) -> Result<(StoredKey, ApiKey), KeyError> {
        let (control, _turn) = self.administering(by).await?;
        let roles = Arc::clone(&control.roles.read());
        let made = keys::changes::create(&control.database, &roles, wanted, by.viewer.subject()).await?;
        control.known.catch_up().await;
        Ok(made)
    }

    /// # Errors
    /// Those of [`keys::changes::list`], or `by` is no administrator any longer.
    pub async fn keys(&self, by: &Arc<Principal>) -> Result<Vec<StoredKey>, KeyError> {
        let (control, _turn) = self.administering(by).await?;
        keys::changes::list(&control.database).await
    }

    /// # Errors
    /// Those of [`keys::changes::revoke`], or `by` is no administrator any longer.
    pub async fn revoke_key(&self, id: &str, by: &Arc<Principal>) -> Result<StoredKey, KeyError> {
        let (control, _turn) = self.administering(by).await?;
        let revoked = keys::changes::revoke(&control.database, id).await?;
        control.known.catch_up().await;
        Ok(revoked)
    }

    /// # Errors
    /// Those of [`keys::changes::rotate`], or `by` is no administrator any longer.
    pub async fn rotate_key(&self, id: &str, by: &Arc<Principal>) -> Result<(StoredKey, ApiKey), KeyError> {
        let (control, _turn) = self.administering(by).await?;
        let rotated = keys::changes::rotate(&control.database, id).await?;
        control.known.catch_up().await;
        Ok(rotated)
    }

    /// The issuers of the configuration.
    pub fn issuers(&self) -> Option<Arc<Issuers>> {
        self.0.control.as_ref().map(Control::issuers)
    }

    /// Whether requests without a credential are let in.
    pub fn lets_anonymous_in(&self) -> bool {
        let control = self.0.control.as_ref();
        control.is_none_or(|control| control.roles.read().anonymous().is_some())
    }

    /// The turn of an administrator, who must still be one after the wait.
    async fn administering(
        &self,
        by: &Arc<Principal>,
    ) -> Result<(&Control, Option<SemaphorePermit<'_>>), KeyError> {
        let control = self.0.control.as_ref().ok_or(KeyError::Open)?;
        let turn = control.changing.acquire().await.ok();
        let now = self
            .renew(by)
            .map_err(|denied| KeyError::Refused(denied.into()))?;
        now.viewer.may(Operation::Admin).map_err(KeyError::Refused)?;
        Ok((control, turn))
    }

    /// Lets in who asks from this address, and counts it.
    ///
    /// # Errors
    /// Those of [`Self::authenticate`], or too many credentials of this address were not valid.
    pub async fn admit(
        &self,
        address: ClientKey,
        credential: Option<&Credential>,
    ) -> Result<Arc<Principal>, Denied> {
        let Some(control) = &self.0.control else {
            return self.authenticate(credential).await;
        };
        if let Some(Credential::Token(text)) = credential {
            let knows = || control.issuers().tokens.knows(text);
            control.entry.may_verify(address, knows)?;
        }
        let found = self.authenticate(credential).await;
        let principal = control.entry.found(address, credential, found)?;
        Ok(control.metered(principal, address))
    }

    /// As [`Self::renew`], for a principal that was admitted. The caller looks whether it has expired, and
    /// gives it time for a new credential.
    ///
    /// # Errors
    /// It is no longer let in.
    pub fn readmit(&self, principal: &Arc<Principal>) -> Result<Arc<Principal>, Denied> {
        let renewed = self.renew_expired(principal)?;
        Ok(match (&self.0.control, principal.viewer.client()) {
            (Some(control), Some(client)) => control.metered(renewed, client),
            _ => renewed,
        })
    }

    /// Refusals are counted there from now on.
    pub fn count_in(&self, metrics: &Arc<Metrics>) {
        if let Some(control) = &self.0.control {
            control.entry.count_in(metrics);
        }
    }
}

fn unexpired(principal: Arc<Principal>) -> Result<Arc<Principal>, Denied> {
    match principal.expires.is_some_and(|expires| expires <= Micros::now()) {
        true => Err(Denied::Expired),
        false => Ok(principal),
    }
}
