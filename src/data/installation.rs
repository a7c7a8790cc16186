//! One installation: the nodes that share a Postgres, and how they authenticate each other in a Redis
//! that others may use too.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Kept in Postgres; every node that can read it there belongs to it. Cheap to clone.
#[derive(Clone)]
pub struct Installation {
    /// Part of every name in Redis.
    pub id: String,
    /// Already keyed with the secret.
    key: Hmac<Sha256>,
}

/// The length of the HMAC-SHA-256 of a purpose and a message.
pub const TAG: usize = 32;

/// What a message is for. A tag for one purpose is not valid for another.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    Batch = 0,
    Latest = 1,
    Cursor = 2,
    /// What is stored of keys is made for this number.
    ApiKey = 3,
    SignIn = 4,
}

impl Installation {
    /// `None` for a secret that cannot be a key.
    pub fn new(id: String, secret: &[u8]) -> Option<Self> {
        let key = Hmac::new_from_slice(secret).ok().filter(|_| secret.len() >= 16)?;
        Some(Self { id, key })
    }

    pub fn tag(&self, purpose: Purpose, message: &[u8]) -> [u8; TAG] {
        self.mac(purpose, message).finalize().into_bytes().into()
    }

    /// Whether this installation made the tag, or the beginning of it that was kept. Takes the same time
    /// for all tags of one length.
    pub fn made(&self, purpose: Purpose, message: &[u8], tag: &[u8]) -> bool {
        self.mac(purpose, message).verify_truncated_left(tag).is_ok()
    }

    fn mac(&self, purpose: Purpose, message: &[u8]) -> Hmac<Sha256> {
        let key = self.key.clone();
        key.chain_update([purpose as u8]).chain_update(message)
    }
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installation")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_holds_for_its_message_its_purpose_and_its_installation_alone() {
        let of = |secret: u8| Installation::new("id".to_owned(), &[secret; 32]).unwrap();
        let ours = of(1);
        let tag = ours.tag(Purpose::Batch, b"message");
        assert!(ours.made(Purpose::Batch, b"message", &tag));
        assert!(ours.made(Purpose::Batch, b"message", &tag[..8]));
        assert!(!ours.made(Purpose::Batch, b"another", &tag));
        assert!(!ours.made(Purpose::Latest, b"message", &tag));
        assert!(!of(2).made(Purpose::Batch, b"message", &tag));
        assert!(!ours.made(Purpose::Batch, b"message", b""));
        assert!(Installation::new("id".to_owned(), b"short").is_none());
        assert!(!format!("{ours:?}").contains("key"));
    }
}
