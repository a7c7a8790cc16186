//! API keys, `ss_<id>_<secret>`: how they are made, read and compared.

pub mod changes;

use std::fmt;
use std::fmt::Write;

use crate::data::Installation;
use crate::data::installation::{Purpose, TAG};

pub const PREFIX: &str = "ss_";
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;

/// A whole key, with its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    text: String,
}

impl ApiKey {
    /// A new key, with an id of its own.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        Self::with_id(&random::<ID_BYTES>()?)
    }

    /// A new secret for the key with this id.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn with_id(id: &str) -> Result<Self, getrandom::Error> {
        let secret = random::<SECRET_BYTES>()?;
        Ok(Self {
            text: format!("{PREFIX}{id}_{secret}"),
        })
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let whole = id.len() == 2 * ID_BYTES && secret.len() == 2 * SECRET_BYTES;
        (whole && is_hex(id) && is_hex(secret)).then(|| Self {
            text: text.to_owned(),
        })
    }

    pub fn id(&self) -> &str {
        let end = PREFIX.len() + 2 * ID_BYTES;
        self.text.get(PREFIX.len()..end).unwrap_or_default()
    }

    /// To be shown once, to whoever made it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is stored of it.
    pub fn hash(&self, installation: &Installation) -> [u8; TAG] {
        installation.tag(Purpose::ApiKey, self.text.as_bytes())
    }

    /// Whether this was stored of it. Takes the same time whatever was stored.
    pub fn has_hash(&self, installation: &Installation, hash: &[u8; TAG]) -> bool {
        installation.made(Purpose::ApiKey, self.text.as_bytes(), hash)
    }
}

fn random<const N: usize>() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Never shows the secret.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiKey").field(&self.id()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_256_random_bits_and_is_read_as_it_was_written() {
        let key = ApiKey::random().unwrap();
        assert_eq!(ApiKey::parse(key.text()), Some(key.clone()));
        let (id, secret) = key.text().strip_prefix("ss_").unwrap().split_once('_').unwrap();
        assert_eq!((id, id.len(), secret.len()), (key.id(), 12, 64));
        let again = ApiKey::with_id(key.id()).unwrap();
        assert!(again.id() == key.id() && again != key);
        assert!(!format!("{key:?}").contains(secret));
    }

    #[test]
    fn nothing_else_is_a_key() {
        let text = ApiKey::random().unwrap().text().to_owned();
        let upper = text.to_uppercase().replace("SS_", "ss_");
        for bad in [
            "",
            "ss_",
            "ss__",
            "ss_a_b",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}0"),
            &format!("{text}\n"),
            &text.replacen("ss_", "ss__", 1),
            &upper,
            &"ss_é".repeat(40),
        ] {
            assert!(ApiKey::parse(bad).is_none_or(|key| key.text() != text), "{bad}");
        }
        assert_eq!(ApiKey::parse("ss_a_b"), None);
    }

    #[test]
    fn what_is_stored_holds_for_one_key_and_one_installation() {
        let of = |secret: u8| Installation::new("id".to_owned(), &[secret; 32]).unwrap();
        let key = ApiKey::random().unwrap();
        let hash = key.hash(&of(1));
        assert!(key.has_hash(&of(1), &hash));
        assert!(!key.has_hash(&of(2), &hash));
        assert!(!key.has_hash(&of(1), &[0; TAG]));
        assert!(!ApiKey::with_id(key.id()).unwrap().has_hash(&of(1), &hash));
    }
}
