//! The secret in the cookie of a signed-in browser, and what is made of it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use sha2::{Digest, Sha256};

const BYTES: usize = 32;
/// Of AES-256-GCM.
const NONCE: usize = 12;
const TAG: usize = 16;

/// 256 random bits. Cookie and memory of one request hold it; Postgres has a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId([u8; BYTES]);

impl SessionId {
    /// # Errors
    /// The system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// As [`Self::text`] wrote it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// By which the session is found.
    pub fn hash(&self) -> [u8; 32] {
        self.derived("session")
    }

    /// What a page of ours must send besides the cookie to change anything. Only who knows the session
    /// can compute it, and it does not tell the session.
    pub fn csrf_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.derived("csrf"))
    }

    /// Takes the same time for all tokens of one length.
    pub fn has_csrf_token(&self, token: &str) -> bool {
        let own = self.csrf_token();
        own.len() == token.len() && openssl::memcmp::eq(own.as_bytes(), token.as_bytes())
    }

    /// What only who has the session can read.
    pub fn encrypt(&self, text: &str) -> Option<Vec<u8>> {
        let (mut nonce, mut tag) = ([0; NONCE], [0; TAG]);
        getrandom::fill(&mut nonce).ok()?;
        let (cipher, key) = (Cipher::aes_256_gcm(), self.derived("refresh"));
        let encrypted = encrypt_aead(cipher, &key, Some(&nonce), &[], text.as_bytes(), &mut tag).ok()?;
        Some([&nonce, &tag[..], &encrypted].concat())
    }

    /// As [`Self::encrypt`] wrote it.
    pub fn decrypt(&self, encrypted: &[u8]) -> Option<String> {
        let (nonce, rest) = encrypted.split_at_checked(NONCE)?;
        let (tag, encrypted) = rest.split_at_checked(TAG)?;
        let (cipher, key) = (Cipher::aes_256_gcm(), self.derived("refresh"));
        let text = decrypt_aead(cipher, &key, Some(nonce), &[], encrypted, tag).ok()?;
        String::from_utf8(text).ok()
    }

    fn derived(&self, purpose: &str) -> [u8; 32] {
        let hash = Sha256::new().chain_update(purpose).chain_update([0]);
        hash.chain_update(self.0).finalize().into()
    }
}

/// Never shows the secret.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_random_and_what_is_made_of_it_does_not_tell_it() {
        let (one, two) = (SessionId::random().unwrap(), SessionId::random().unwrap());
        assert_ne!(one, two);
        assert_eq!(SessionId::parse(&one.text()), Some(one.clone()));
        assert!(one.has_csrf_token(&one.csrf_token()));
        for wrong in ["", &one.text(), &two.csrf_token(), &one.csrf_token()[1..]] {
            assert!(!one.has_csrf_token(wrong), "{wrong}");
        }
        assert_ne!(one.hash(), two.hash());
        assert_ne!(one.csrf_token(), URL_SAFE_NO_PAD.encode(one.hash()));
        for malformed in ["", "?", "AAAA", &format!("{}A", one.text())] {
            assert_eq!(SessionId::parse(malformed), None, "{malformed}");
        }
        assert_eq!(format!("{one:?}"), "SessionId");
    }

    #[test]
    fn what_a_session_encrypts_it_alone_can_read() {
        let (one, two) = (SessionId::random().unwrap(), SessionId::random().unwrap());
        let encrypted = one.encrypt("secret").unwrap();
        assert_ne!(encrypted, one.encrypt("secret").unwrap());
        assert_eq!(one.decrypt(&encrypted).as_deref(), Some("secret"));
        assert_eq!(two.decrypt(&encrypted), None);
        for length in [0, NONCE, NONCE + TAG, encrypted.len() - 1] {
            assert_eq!(one.decrypt(&encrypted[..length]), None);
        }
    }
}
