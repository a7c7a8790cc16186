//! The public keys of an issuer: a JSON Web Key Set behind a URL or in a file, kept and read again.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::issuer_url::{self, Secured};

/// A set is read again after this time.
const REFRESH: Duration = Duration::from_secs(300);
/// A token with an unknown key makes the set be read again, at most this often.
const UNKNOWN: Duration = Duration::from_secs(60);
/// The same while there is no set.
const RETRY: Duration = Duration::from_secs(5);
/// Keys are not believed longer than this when nothing newer can be read.
const BELIEVED: Duration = Duration::from_secs(24 * 3_600);
const PATIENCE: Duration = Duration::from_secs(10);
const BYTES_MAX: usize = 256 * 1024;
/// RSA keys of less than 2,048 bits are not used.
const MODULUS_MIN: usize = 256;

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    Url(Secured),
    File(PathBuf),
}

impl KeySource {
    /// A URL, or else the path of a file.
    ///
    /// # Errors
    /// In words, for a URL that nobody should trust.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.contains("://") {
            true => Secured::parse(text).map(Self::Url),
            false => Ok(Self::File(text.into())),
        }
    }
}

/// One key, with all that decides whether a token may be signed with it.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: Option<KeyAlgorithm>,
    shape: Shape,
    pub decoding: DecodingKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Key {
    /// `None` for what is no public key that we verify with.
    fn of(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let operations = jwk.common.key_operations.as_deref();
        if !is_for_signatures || operations.is_some_and(|all| !all.contains(&KeyOperations::Verify)) {
            return None;
        }
        let shape = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Shape::Rsa,
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => Shape::P256,
                EllipticCurve::P384 => Shape::P384,
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Shape::Ed25519,
            _ => return None,
        };
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        if let jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, .. } = decoding.kind()
            && n.iter().skip_while(|byte| **byte == 0).count() < MODULUS_MIN
        {
            return None;
        }
        Some(Self {
            id: jwk.common.key_id,
            algorithm: jwk.common.key_algorithm,
            shape,
            decoding,
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let by_shape = match self.shape {
            Shape::Rsa => algorithm.family() == AlgorithmFamily::Rsa,
            Shape::P256 => algorithm == Algorithm::ES256,
            Shape::P384 => algorithm == Algorithm::ES384,
            Shape::Ed25519 => algorithm == Algorithm::EdDSA,
        };
        let named = self.algorithm.map(|own| own.to_string());
        by_shape && named.is_none_or(|own| own == format!("{algorithm:?}"))
    }
}

/// A set as it was read.
#[derive(Debug, Default)]
struct Keys {
    keys: Vec<Arc<Key>>,
    /// As it was read; the version changes with it.
    text: Vec<u8>,
    version: u64,
}

impl Keys {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
        let found = match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)),
            // Without an id the only key is meant.
            None => fitting.next().filter(|_| fitting.next().is_none()),
        };
        found.cloned()
    }
}

#[derive(Debug, Default)]
struct State {
    keys: Option<Arc<Keys>>,
    read: Option<Instant>,
    tried: Option<Instant>,
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    Unknown,
    /// No keys could be read.
    Unavailable,
}

/// The keys of one issuer.
pub(super) struct Jwks {
    source: KeySource,
    client: reqwest::Client,
    state: Mutex<State>,
    /// Held while the set is read.
    turn: tokio::sync::Mutex<()>,
}

impl Jwks {
    pub fn new(source: KeySource) -> Result<Self, String> {
        Ok(Self {
            client: issuer_url::client().map_err(|error| error.to_string())?,
            source,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Changes when a key was added or withdrawn.
    pub fn version(&self) -> u64 {
        self.current().map_or(0, |keys| keys.version)
    }

    /// The key by which a token says it is signed, and the version it was found in.
    pub async fn key(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<(Arc<Key>, u64), NoKey> {
        let find = || {
            let keys = self.current()?;
            Some((keys.find(id, algorithm)?, keys.version))
        };
        if let Some(found) = find() {
            return Ok(found);
        }
        // On its own: a client that goes away while it waits must not take the one attempt of a minute
        // with it.
        let own = Arc::clone(self);
        let reading = tokio::spawn(async move { own.read_if_older(UNKNOWN).await });
        reading.await.map_err(|_| NoKey::Unavailable)?;
        let missing = || match self.current() {
            Some(_) => NoKey::Unknown,
            None => NoKey::Unavailable,
        };
        find().ok_or_else(missing)
    }

    /// Reads the set again when it is due.
    pub async fn refresh(&self) {
        self.read_if_older(REFRESH).await;
    }

    /// The next token with an unknown key makes the set be read.
    #[cfg(test)]
    pub fn forget_last_try(&self) {
        self.state.lock().tried = None;
    }

    fn current(&self) -> Option<Arc<Keys>> {
        let state = self.state.lock();
        let believed = state.read.is_some_and(|read| read.elapsed() < BELIEVED);
        state.keys.clone().filter(|_| believed)
    }

    /// One reads, the others wait for what it finds.
    async fn read_if_older(&self, age: Duration) {
        let _turn = self.turn.lock().await;
        let age = self.current().map_or(RETRY, |_| age);
        {
            let mut state = self.state.lock();
            if state.tried.is_some_and(|tried| tried.elapsed() < age) {
                return;
            }
            state.tried = Some(Instant::now());
        }
        let read = timeout(PATIENCE, self.read()).await;
        match read.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            Ok(text) => self.take(text),
            Err(error) => {
                tracing::warn!(source = %self.source, error, "cannot read the keys of an issuer");
            }
        }
    }

    fn take(&self, text: Vec<u8>) {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let Ok(set) = serde_json::from_slice::<Set>(&text) else {
            tracing::warn!(source = %self.source, "the keys of an issuer are no JSON Web Key Set");
            return;
        };
        let keys: Vec<_> = set.keys.into_iter().filter_map(Key::of).map(Arc::new).collect();
        if keys.is_empty() {
            tracing::warn!(source = %self.source, "an issuer has no key that a token may be signed with");
        }
        let mut state = self.state.lock();
        state.read = Some(Instant::now());
        let old = state.keys.as_ref();
        if old.is_none_or(|old| old.text != text) {
            let version = old.map_or(0, |old| old.version) + 1;
            state.keys = Some(Arc::new(Keys { keys, text, version }));
        }
    }

    async fn read(&self) -> Result<Vec<u8>, String> {
        match &self.source {
            KeySource::Url(url) => issuer_url::read(&self.client, url, BYTES_MAX).await,
            KeySource::File(path) => {
                let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
                if size > BYTES_MAX as u64 {
                    return Err(format!("it is larger than {BYTES_MAX} bytes"));
                }
                std::fs::read(path).map_err(|error| error.to_string())
            }
        }
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}
