//! Somebody who was let in, and why somebody was not.

use std::net::IpAddr;
use std::sync::Arc;

use super::credential::Certificate;
use super::tokens::Claims;
use crate::data::audit::Actor;
use crate::data::{Code, Micros, OverLimit, Problem, Viewer};
use crate::store::access::sessions::SignedIn;

/// How a principal came in; what is looked at again when something changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// There is no access control.
    Everyone,
    /// Without a credential, where a role for that is configured.
    Anonymous,
    /// An API key by its id; the version counts its secrets.
    Key { id: Arc<str>, version: i32 },
    /// A client certificate.
    Certificate(Certificate),
    /// A token that says this.
    Token(Arc<Claims>),
    /// A browser's session, by its hash.
    Session([u8; 32]),
}

impl Identity {
    /// What a session begins with; `None` for who cannot begin one.
    pub fn signs_in(&self) -> Option<SignedIn> {
        match self {
            Self::Key { id, version } => Some(SignedIn::Key {
                id: id.to_string(),
                version: *version,
            }),
            Self::Token(claims) => Some(SignedIn::Token(claims.all.clone())),
            Self::Certificate(_) | Self::Session(_) | Self::Anonymous | Self::Everyone => None,
        }
    }
}

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub struct Principal {
    pub viewer: Viewer,
    pub identity: Identity,
    /// As people know it: the name of a key, the name in a token.
    pub name: Arc<str>,
    pub role: Arc<str>,
    pub expires: Option<Micros>,
}

impl Principal {
    pub fn everyone() -> Self {
        Self {
            viewer: Viewer::everyone(),
            identity: Identity::Everyone,
            name: "everyone".into(),
            role: "admin".into(),
            expires: None,
        }
    }

    /// For the audit.
    pub fn actor(&self, address: Option<IpAddr>) -> Actor {
        Actor::new(Arc::clone(self.viewer.subject()), Arc::clone(&self.role), address)
    }
}

/// Why a credential is refused. The words help whoever has a right to come in, and nobody else: a key
/// that never was and one with a wrong secret are refused alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("a credential is needed: an API key or a token")]
    Missing,
    #[error("the credential is not valid")]
    Invalid,
    #[error("the credential has expired")]
    Expired,
    #[error("too many failed attempts; try again in {0} s")]
    TooMany(u64),
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    #[error("credentials cannot be checked at the moment; try again soon")]
    Unavailable,
}

/// Why somebody who was let in may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The role no longer allows what was used.
    #[error("your role does not allow this operation any longer")]
    Forbidden,
}

impl From<Ended> for Problem {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Denied(denied) => denied.into(),
            Ended::Forbidden => Self::new(Code::Forbidden, ended.to_string()),
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Missing | Denied::Invalid | Denied::Expired => {
                Self::new(Code::Unauthenticated, denied.to_string())
            }
            Denied::TooMany(after) => Self::overloaded(denied.to_string()).with("retryAfter", after),
            Denied::OverLimit(over) => over.into(),
            Denied::Unavailable => Self::new(Code::Unavailable, denied.to_string()),
        }
    }
}
