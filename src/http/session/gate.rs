//! Who decides who may use a live connection.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;

use crate::access::{Access, Credential, Denied, Principal};
use crate::data::ClientKey;

/// What is found out about a credential.
pub type Found = Result<Arc<Principal>, Denied>;

/// [`Access`] but for tests.
pub trait Gate: Send + Sync {
    fn authenticate(&self, address: ClientKey, credential: Credential) -> LocalBoxFuture<'static, Found>;

    /// What a principal is now; it may have expired.
    fn renew(&self, principal: &Arc<Principal>) -> Found;

    fn changes(&self) -> watch::Receiver<u64>;

    /// False where everyone may do everything, for ever.
    fn is_controlled(&self) -> bool;
}

impl Gate for Access {
    fn authenticate(&self, address: ClientKey, credential: Credential) -> LocalBoxFuture<'static, Found> {
        let access = self.clone();
        async move { access.admit(address, Some(&credential)).await }.boxed_local()
    }

    fn renew(&self, principal: &Arc<Principal>) -> Found {
        self.readmit(principal)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        Self::changes(self)
    }

    fn is_controlled(&self) -> bool {
        Self::is_controlled(self)
    }
}
