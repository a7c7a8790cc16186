//! Access control as it is configured, and what a node knows of keys and sessions.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use super::credential::Certificate;
use super::limits::Entry;
use super::principal::{Denied, Identity, Principal};
use super::roles::Roles;
use super::sessions::known::{By, KnownSession};
use super::sessions::{self, SessionId};
use super::snapshot::{KnownKey, Snapshot};
use super::tokens::{Claims, Issuers};
use crate::data::{ClientKey, Grant, Micros, Viewer};
use crate::store::access::sessions::SignedIn;
use crate::store::connect::DatabaseUrl;

/// How often it is looked whether the issuers' keys are due to be read again.
const REFRESH_KEYS: Duration = Duration::from_secs(60);
const TURN_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Control {
    pub database: DatabaseUrl,
    pub roles: RwLock<Arc<Roles>>,
    pub issuers: RwLock<Arc<Issuers>>,
    pub known: Arc<Snapshot>,
    /// One administrator at a time has a connection.
    pub changing: Semaphore,
    pub signing_in: Semaphore,
    pub entry: Entry,
}

impl Control {
    /// The same principal, whose use is counted.
    pub fn metered(&self, principal: Arc<Principal>, address: ClientKey) -> Arc<Principal> {
        let allowance = self.roles.read().allowance(&principal.role);
        self.entry.metered(principal, address, allowance)
    }

    /// Who has no credential.
    pub fn anonymous(&self) -> Result<Arc<Principal>, Denied> {
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
    pub fn of_key(&self, known: &KnownKey) -> Result<Arc<Principal>, Denied> {
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

    /// `Missing` where certificates give no role. One whose authority was removed is as a revoked key. It may have
    /// expired.
    pub fn of_certificate(&self, shown: &Certificate) -> Result<Arc<Principal>, Denied> {
        let roles = Arc::clone(&self.roles.read());
        let role = roles.certificates().ok_or(Denied::Missing)?;
        let grant = roles.fixed(role).ok_or(Denied::Missing)?;
        if !shown.is_trusted() {
            return Err(Denied::Invalid);
        }
        Ok(Arc::new(Principal {
            viewer: self.viewer(format!("cert:{}", shown.name), grant)?,
            identity: Identity::Certificate(shown.clone()),
            name: Arc::clone(&shown.name),
            role: Arc::clone(role),
            expires: Some(shown.expires),
        }))
    }

    /// Nobody is let in before it is known by what cursors are sealed.
    fn viewer(&self, subject: impl Into<Arc<str>>, grant: Arc<Grant>) -> Result<Viewer, Denied> {
        let installation = self.known.installation().ok_or(Denied::Unavailable)?;
        Ok(Viewer::new(subject, grant).with_sealed_cursors(installation))
    }

    /// Claims that give no role let nobody in. They may have expired.
    pub fn of_claims(&self, claims: &Arc<Claims>) -> Result<Arc<Principal>, Denied> {
        let roles = Arc::clone(&self.roles.read());
        let (role, name) = self.issuers().role(claims, &roles)?;
        let granted = || roles.grant(&role, &claims.all).map(Arc::new);
        let grant = roles.fixed(&role).or_else(granted).ok_or(Denied::Invalid)?;
        Ok(Arc::new(Principal {
            viewer: self.viewer(format!("{}|{}", claims.issuer, claims.subject), grant)?,
            identity: Identity::Token(Arc::clone(claims)),
            name: name.into(),
            role: role.into(),
            expires: Some(claims.expires),
        }))
    }

    /// Whoever has the key or the token that the session began with.
    pub fn of_session(&self, hash: &[u8; 32]) -> Result<Arc<Principal>, Denied> {
        self.of_known_session(hash, &*self.known.session(hash, Micros::now())?)
    }

    /// The same, also if the session has expired lately.
    pub fn of_recent_session(&self, hash: &[u8; 32]) -> Result<Arc<Principal>, Denied> {
        self.of_known_session(hash, &*self.known.recent_session(hash)?)
    }

    fn of_known_session(&self, hash: &[u8; 32], session: &KnownSession) -> Result<Arc<Principal>, Denied> {
        let principal = match &session.by {
            By::Key { id, version } => {
                let key = self.known.still(id, Micros::now())?;
                match key.key.version == *version {
                    true => self.of_key(&key)?,
                    false => return Err(Denied::Invalid),
                }
            }
            By::Token(claims) => self.of_claims(claims)?,
        };
        Ok(Arc::new(Principal {
            identity: Identity::Session(*hash),
            expires: Some(session.expires),
            ..(*principal).clone()
        }))
    }

    /// A browser's session for this principal.
    pub async fn begin(
        &self,
        principal: &Principal,
        by: SignedIn,
        refresh: Option<String>,
    ) -> Result<(Arc<Principal>, SessionId), Denied> {
        let _turn = self.turn().await?;
        let subject = principal.viewer.subject();
        let id = sessions::begin(&self.database, subject, by, principal.expires, refresh).await?;
        self.known.catch_up().await;
        Ok((self.of_session(&id.hash())?, id))
    }

    /// A turn to sign in or out, which many at once wait for a short time only.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, Denied> {
        let turn = timeout(TURN_WITHIN, self.signing_in.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or(Denied::Unavailable)
    }

    pub fn issuers(&self) -> Arc<Issuers> {
        Arc::clone(&self.issuers.read())
    }

    /// Reads the issuers' keys again, for as long as the program runs.
    pub async fn follow_issuers(&self) {
        loop {
            self.issuers().tokens.refresh().await;
            sleep(REFRESH_KEYS).await;
        }
    }

    fn role(&self, name: &str) -> Option<(Arc<str>, Arc<Grant>)> {
        let roles = self.roles.read();
        Some((Arc::clone(roles.named(name)?), roles.fixed(name)?))
    }
}
