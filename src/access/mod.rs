//! Who may use the server: credentials become principals, and principals have what their role allows.
//!
//! Knows nothing of HTTP. `http/authenticate.rs` and the WebSockets bring credentials; everything that
//! is read, sent or done then asks the principal's [`Viewer`](crate::data::Viewer).

mod claims;
pub mod config;
mod credential;
pub mod issuer_url;
pub mod jwks;
mod pattern;
mod principal;
mod roles;
mod template;
#[cfg(test)]
mod testing;
pub mod tokens;
mod verified;

use std::sync::Arc;

use tokio::sync::watch;

pub use claims::Claims;
pub use credential::Credential;
pub use principal::{Denied, Identity, Principal};
pub use roles::{Roles, SELECTORS_MAX};
pub use template::Template;

use crate::data::Viewer;

/// Decides who somebody is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access {
    everyone: Arc<Principal>,
    /// Counts the changes of keys, roles and sessions.
    changes: watch::Sender<u64>,
}

impl Access {
    /// No access control: everyone may do everything.
    pub fn open() -> Self {
        Self {
            everyone: Arc::new(Principal::everyone()),
            changes: watch::Sender::new(0),
        }
    }

    /// False where everyone may do everything.
    pub fn is_controlled(&self) -> bool {
        false
    }

    /// Who asks with this credential, or without one.
    ///
    /// # Errors
    /// The credential is not valid, or one is needed.
    pub async fn authenticate(&self, _credential: Option<&Credential>) -> Result<Arc<Principal>, Denied> {
        Ok(Arc::clone(&self.everyone))
    }

    /// What a principal is now, after a change; needs no I/O.
    ///
    /// # Errors
    /// It is no longer let in.
    pub fn renew(&self, principal: &Arc<Principal>) -> Result<Arc<Principal>, Denied> {
        Ok(Arc::clone(principal))
    }

    /// Counts up at each change after which open connections must [`Self::renew`].
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The principal of a server without access control, for tests.
    pub fn everyone(&self) -> &Viewer {
        &self.everyone.viewer
    }
}
