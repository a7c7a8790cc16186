//! A browser that is signed in, as a node knows it.

use std::sync::Arc;

use crate::access::tokens::Claims;
use crate::data::{Micros, TimeUnit};
use crate::store::access::sessions::{SignedIn, StoredSession};

#[derive(Clone, Debug, PartialEq)]
pub struct KnownSession {
    pub by: By,
    pub expires: Micros,
    /// There is a refresh token.
    pub refreshes: bool,
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
        let (expires, refreshes) = (stored.expires, stored.refreshes);
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
        Some(Self {
            by,
            expires,
            refreshes,
        })
    }

    /// From when on the issuer may be asked whether it goes on: after half of its time.
    pub fn refreshes_from(&self) -> Option<Micros> {
        let By::Token(claims) = &self.by else {
            return None;
        };
        let begun = claims.all.get("iat")?.as_f64()?;
        let begun = Micros::from_epoch_fraction(begun, TimeUnit::S)?;
        self.refreshes.then_some(Micros(begun.0.midpoint(self.expires.0)))
    }
}
