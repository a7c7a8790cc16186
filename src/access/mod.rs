//! Who may use the server: credentials become principals, and principals have what their role allows.
//!
//! Knows nothing of HTTP. `http/authenticate.rs` and the WebSockets bring credentials; everything that
//! is read, sent or done then asks the principal's [`Viewer`].

mod claims;
pub mod config;
mod credential;
pub mod issuer_url;
pub mod jwks;
pub mod key_changes;
pub mod keys;
mod pattern;
mod principal;
mod roles;
mod snapshot;
mod template;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod tokens;
mod verified;

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{Semaphore, watch};

pub use claims::Claims;
pub use credential::Credential;
pub use principal::{Denied, Identity, Principal};
pub use roles::{Roles, SELECTORS_MAX};
pub use template::Template;

use crate::data::{Grant, Micros, Viewer};
use crate::store::access::keys::StoredKey;
use crate::store::connect::DatabaseUrl;
use crate::telemetry::Status;
use config::AuthConfig;
use key_changes::{KeyError, Wanted};
use keys::ApiKey;
use snapshot::{KnownKey, STALE_AFTER, Snapshot};

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

#[derive(Debug)]
struct Control {
    database: DatabaseUrl,
    roles: RwLock<Arc<Roles>>,
    known: Arc<Snapshot>,
    /// One administrator at a time has a connection.
    changing: Semaphore,
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
        Ok(Self::with(Some(Control {
            database,
            roles: RwLock::new(Arc::new(Roles::of(config)?)),
            known: Snapshot::new(STALE_AFTER),
            changing: Semaphore::new(1),
        })))
    }

    fn with(control: Option<Control>) -> Self {
        Self(Arc::new(Inner {
            everyone: Arc::new(Principal::everyone()),
            control,
            changes: watch::Sender::new(0),
        }))
    }

    /// Follows what Postgres knows of keys, for as long as the program runs.
    pub async fn follow(self, status: Arc<Status>) {
        if let Some(control) = &self.0.control {
            let known = Arc::clone(&control.known);
            let database = control.database.clone();
            known.follow(database, status, || self.changed()).await;
        }
    }

    /// Other roles, for whoever comes in and for who is there.
    ///
    /// # Errors
    /// All that is wrong with them; those before stay then.
    pub fn reload(&self, config: &AuthConfig) -> Result<(), Vec<String>> {
        if let Some(control) = &self.0.control {
            let roles = Arc::new(Roles::of(config)?);
            *control.roles.write() = roles;
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
            Some(Credential::Token(_) | Credential::Session(_) | Credential::Malformed) => {
                Err(Denied::Invalid)
            }
        }
    }

    /// What a principal is now, after a change; needs no I/O.
    ///
    /// # Errors
    /// It is no longer let in.
    pub fn renew(&self, principal: &Arc<Principal>) -> Result<Arc<Principal>, Denied> {
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
            Identity::Everyone | Identity::Token { .. } => Err(Denied::Invalid),
        }
    }

    /// Counts up at each change after which open connections must [`Self::renew`].
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Counts the changes of keys and sessions on all nodes. Part of what an answer depends on.
    pub fn epoch(&self) -> i64 {
        self.0.control.as_ref().map_or(0, |control| control.known.epoch())
    }

    fn changed(&self) {
        self.0.changes.send_modify(|count| *count += 1);
    }

    /// # Errors
    /// Those of [`key_changes::create`].
    pub async fn create_key(&self, wanted: &Wanted, actor: &str) -> Result<(StoredKey, ApiKey), KeyError> {
        let control = self.control()?;
        let _one = control.changing.acquire().await;
        let roles = Arc::clone(&control.roles.read());
        let made = key_changes::create(&control.database, &roles, wanted, actor).await?;
        control.known.catch_up().await;
        Ok(made)
    }

    /// # Errors
    /// Those of [`key_changes::list`].
    pub async fn keys(&self) -> Result<Vec<StoredKey>, KeyError> {
        let control = self.control()?;
        let _one = control.changing.acquire().await;
        key_changes::list(&control.database).await
    }

    /// # Errors
    /// Those of [`key_changes::revoke`].
    pub async fn revoke_key(&self, id: &str) -> Result<StoredKey, KeyError> {
        let control = self.control()?;
        let _one = control.changing.acquire().await;
        let revoked = key_changes::revoke(&control.database, id).await?;
        control.known.catch_up().await;
        Ok(revoked)
    }

    /// # Errors
    /// Those of [`key_changes::rotate`].
    pub async fn rotate_key(&self, id: &str) -> Result<(StoredKey, ApiKey), KeyError> {
        let control = self.control()?;
        let _one = control.changing.acquire().await;
        let rotated = key_changes::rotate(&control.database, id).await?;
        control.known.catch_up().await;
        Ok(rotated)
    }

    fn control(&self) -> Result<&Control, KeyError> {
        self.0.control.as_ref().ok_or(KeyError::Open)
    }

    /// The principal of a server without access control, for tests.
    pub fn everyone(&self) -> &Viewer {
        &self.0.everyone.viewer
    }
}

impl Control {
    fn anonymous(&self) -> Result<Arc<Principal>, Denied> {
        let roles = Arc::clone(&self.roles.read());
        let role = roles.anonymous().ok_or(Denied::Missing)?;
        let grant = roles.fixed(role).ok_or(Denied::Missing)?;
        Ok(Arc::new(Principal {
            viewer: self.viewer("anonymous", grant)?,
            identity: Identity::Anonymous,
            name: "anonymous".into(),
            role: Arc::clone(role),
            expires: None,
        }))
    }

    /// A key whose role is gone, or has become one that needs claims, lets nobody in.
    fn of_key(&self, known: &KnownKey) -> Result<Arc<Principal>, Denied> {
        let (role, grant) = self.role(&known.key.role).ok_or(Denied::Invalid)?;
        Ok(Arc::new(Principal {
            viewer: self.viewer(Arc::clone(&known.subject), grant)?,
            identity: Identity::Key {
                id: Arc::clone(&known.id),
                version: known.key.version,
            },
            name: Arc::clone(&known.name),
            role,
            expires: known.key.expires,
        }))
    }

    /// Nobody is let in before it is known by what cursors are sealed.
    fn viewer(&self, subject: impl Into<Arc<str>>, grant: Arc<Grant>) -> Result<Viewer, Denied> {
        let installation = self.known.installation().ok_or(Denied::Unavailable)?;
        Ok(Viewer::new(subject, grant).with_sealed_cursors(installation))
    }

    fn role(&self, name: &str) -> Option<(Arc<str>, Arc<Grant>)> {
        let roles = self.roles.read();
        Some((Arc::clone(roles.named(name)?), roles.fixed(name)?))
    }
}
