//! A browser that is signed in, as a node knows it.

use std::sync::Arc;

use crate::access::tokens::Claims;
use crate::data::Micros;
use crate::store::access::sessions::{SignedIn, StoredSession};

#[derive(Clone, Debug, PartialEq)]
pub struct KnownSession {
    pub by: By,
    pub expires: Micros,
}

#[derive(Clone, Debug, PartialEq)]
pub enum By {
    /// An API key, with this many secrets so far.
    Key {
        id: String,
        version: i32,
    },
    Token(Arc<Claims>),
}

impl KnownSession {
    /// `None` for claims without issuer or subject, which nobody signs in with.
    pub fn of(stored: StoredSession) -> Option<Self> {
        let expires = stored.expires;
        let by = match stored.by {
            SignedIn::Key { id, version } => By::Key { id, version },
            SignedIn::Token(all) => {
                let text = |name| all.get(name).and_then(serde_json::Value::as_str);
                By::Token(Arc::new(Claims {
                    issuer: text("iss")?.into(),
                    subject: text("sub")?.into(),
                    expires,
                    all,
                }))
            }
        };
        Some(Self { by, expires })
    }
}
