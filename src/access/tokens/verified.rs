//! Tokens that were verified, for a while: verifying a signature costs a hundred times more.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::claims::Claims;

/// Of each half. The claims of a token take a few times its length.
const TOKENS_MAX: usize = 4_096;
const BYTES_MAX: usize = 4 << 20;

/// By the token's SHA-256: the token itself is not kept.
type Half = HashMap<[u8; 32], (u64, Arc<Claims>)>;

/// The tokens used last. When the newer half is full, it becomes the older one, which is forgotten.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    newer: Half,
    older: Half,
    /// The length of the tokens in the newer half.
    bytes: usize,
}

impl Remembered {
    /// With the version of the keys it was verified by.
    pub fn get(&mut self, token: &str) -> Option<(u64, Arc<Claims>)> {
        let hash = Sha256::digest(token).into();
        if let Some((version, claims)) = self.newer.get(&hash) {
            return Some((*version, Arc::clone(claims)));
        }
        let (version, claims) = self.older.remove(&hash)?;
        self.put(hash, token.len(), version, Arc::clone(&claims));
        Some((version, claims))
    }

    pub fn insert(&mut self, token: &str, version: u64, claims: &Arc<Claims>) {
        self.put(
            Sha256::digest(token).into(),
            token.len(),
            version,
            Arc::clone(claims),
        );
    }

    fn put(&mut self, hash: [u8; 32], bytes: usize, version: u64, claims: Arc<Claims>) {
        if self.newer.len() >= TOKENS_MAX || self.bytes + bytes > BYTES_MAX {
            self.older = std::mem::take(&mut self.newer);
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.newer.insert(hash, (version, claims));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::data::Micros;

    #[test]
    fn what_is_used_stays_and_memory_is_bounded() {
        let claims = Arc::new(Claims {
            issuer: "i".into(),
            subject: "s".into(),
            all: Map::new(),
            expires: Micros::LAST,
        });
        let mut remembered = Remembered::default();
        remembered.insert("used", 7, &claims);
        for token in 0..3 * TOKENS_MAX {
            remembered.insert(&token.to_string(), 1, &claims);
            assert_eq!(remembered.get("used").map(|(version, _)| version), Some(7));
        }
        assert!(remembered.newer.len() + remembered.older.len() <= 2 * TOKENS_MAX);
        assert!(remembered.get("0").is_none());
        for long in 0..2_000 {
            remembered.insert(&format!("{long:08000}"), 1, &claims);
        }
        assert!(remembered.newer.len() <= BYTES_MAX / 8_000);
    }
}
