//! A gate for tests, which says what it is told to.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use super::gate::{Found, Gate};
use crate::access::{Credential, Denied, Identity, Principal};
use crate::data::{ClientKey, Grant, Operation, Scope, Selector, Viewer};

/// Credentials are the names of principals, perhaps with something behind a colon. It knows everybody who
/// is not called `nobody`.
#[derive(Clone)]
pub struct Doorman {
    said: Arc<Mutex<HashMap<String, Found>>>,
    changes: watch::Sender<u64>,
    /// Each answer takes a permit, if it is closed to more than these.
    answers: Arc<Semaphore>,
}

impl Default for Doorman {
    fn default() -> Self {
        Self {
            said: Arc::default(),
            changes: watch::Sender::new(0),
            answers: Arc::new(Semaphore::new(1_000)),
        }
    }
}

impl Doorman {
    pub fn gate(&self) -> Arc<dyn Gate> {
        Arc::new(self.clone())
    }

    /// From now on, and to everybody who looks again.
    pub fn says(&self, name: &str, found: Found) {
        self.said.lock().insert(name.to_owned(), found);
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Credentials are not answered before [`Self::answer`].
    pub fn hesitate(&self) {
        self.answers.forget_permits(1_000);
    }

    pub fn answer(&self) {
        self.answers.add_permits(1);
    }
}

impl Gate for Doorman {
    fn authenticate(&self, _: ClientKey, credential: Credential) -> LocalBoxFuture<'static, Found> {
        let (said, answers) = (Arc::clone(&self.said), Arc::clone(&self.answers));
        async move {
            if let Ok(answer) = answers.acquire().await {
                answer.forget();
            }
            let (Credential::Key(text) | Credential::Token(text)) = credential else {
                return Err(Denied::Invalid);
            };
            let name = text.split(':').next().unwrap_or_default();
            let said = said.lock().get(name).cloned();
            match (name, said) {
                ("nobody", _) => Err(Denied::Invalid),
                (name, said) => said.unwrap_or_else(|| Ok(named(name))),
            }
        }
        .boxed_local()
    }

    fn renew(&self, principal: &Arc<Principal>) -> Found {
        let said = self.said.lock().get(&*principal.name).cloned();
        said.unwrap_or_else(|| Ok(Arc::clone(principal)))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn is_controlled(&self) -> bool {
        true
    }
}

/// Who may do everything.
pub fn named(name: &str) -> Arc<Principal> {
    granted(name, Grant::everything())
}

/// Who may read these metrics.
pub fn with_role(name: &str, metrics: &[&str]) -> Arc<Principal> {
    let selectors = metrics
        .iter()
        .map(|metric| Selector::new(Some((*metric).to_owned()), Vec::new()));
    let grant = Grant {
        operations: BTreeSet::from([Operation::Read]),
        read: Arc::new(Scope::any_of(selectors)),
        ..Grant::nothing()
    };
    granted(name, grant)
}

fn granted(name: &str, grant: Grant) -> Arc<Principal> {
    Arc::new(Principal {
        viewer: Viewer::new(format!("key:{name}"), Arc::new(grant)),
        identity: Identity::Key {
            id: name.into(),
            version: 1,
        },
        name: name.into(),
        role: "reader".into(),
        expires: None,
    })
}
