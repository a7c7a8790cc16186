//! JSON Web Tokens of the configured issuers.
//!
//! A token chooses nothing but which of an issuer's keys it was signed with. The issuer must be one that
//! is configured, and its algorithms are those of the configuration: all of them asymmetric, so that
//! a public key is never taken for a secret. What was verified is remembered until it expires.

mod claims;
mod issuer_url;
mod issuers;
pub mod jwks;
pub mod oidc;
pub mod pending;
#[cfg(test)]
mod tests;
mod verified;

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, dangerous, decode, decode_header};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use claims::Claims;
pub use issuers::Issuers;

use super::principal::Denied;
use crate::data::{Micros, TimeUnit};
use jwks::{Jwks, KeySource, NoKey};
use verified::Remembered;

/// Clocks may differ by this much.
const LEEWAY: Duration = Duration::from_secs(30);
/// Longer tokens are not looked at.
const TOKEN_MAX: usize = 8_192;
const SUBJECT_MAX: usize = 255;

/// The algorithms that an issuer may use.
pub const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// Whose tokens are accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedIssuer {
    /// Equal to the tokens' `iss`, to the letter.
    pub issuer: String,
    /// Among the tokens' `aud`.
    pub audience: String,
    pub algorithms: Vec<Algorithm>,
    pub keys: KeySource,
}

#[derive(Debug)]
struct Issuer {
    trusted: TrustedIssuer,
    name: Arc<str>,
    keys: Arc<Jwks>,
}

/// Verifies tokens.
#[derive(Debug)]
pub struct Tokens {
    issuers: Vec<Issuer>,
    remembered: Mutex<Remembered>,
}

/// Read before the signature is verified, to know by whose keys.
#[derive(Deserialize)]
struct Unverified {
    iss: String,
}

impl Tokens {
    /// # Errors
    /// In words: the system's TLS cannot be used.
    pub fn new(issuers: Vec<TrustedIssuer>) -> Result<Self, String> {
        let issuers = issuers.into_iter().map(|trusted| {
            Ok(Issuer {
                name: trusted.issuer.as_str().into(),
                keys: Arc::new(Jwks::new(trusted.keys.clone())?),
                trusted,
            })
        });
        Ok(Self {
            issuers: issuers.collect::<Result<_, String>>()?,
            remembered: Mutex::default(),
        })
    }

    /// # Errors
    /// `Invalid` for everything that is wrong, `Expired` only where nothing else is, `Unavailable` when
    /// the issuer's keys cannot be read.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, Denied> {
        if token.len() > TOKEN_MAX {
            return Err(Denied::Invalid);
        }
        if let Some(claims) = self.recall(token) {
            return match claims.expires > Micros::now() {
                true => Ok(claims),
                false => Err(Denied::Expired),
            };
        }
        let issuer = self.issuer_of(token)?;
        let (claims, version) = issuer.verify(token).await?;
        let claims = Arc::new(claims);
        self.remembered.lock().insert(token, version, &claims);
        Ok(claims)
    }

    /// Whether the token was verified before.
    pub fn knows(&self, token: &str) -> bool {
        token.len() <= TOKEN_MAX && self.recall(token).is_some()
    }

    /// Reads the keys of all issuers again that are due.
    pub async fn refresh(&self) {
        for issuer in &self.issuers {
            issuer.keys.refresh().await;
        }
    }

    /// The claims of a token that was verified, if the issuer's keys are still the same.
    fn recall(&self, token: &str) -> Option<Arc<Claims>> {
        let (version, claims) = self.remembered.lock().get(token)?;
        let mut issuers = self.issuers.iter();
        let issuer = issuers.find(|issuer| issuer.name == claims.issuer)?;
        (issuer.keys.version() == version).then_some(claims)
    }

    fn issuer_of(&self, token: &str) -> Result<&Issuer, Denied> {
        let unverified: Unverified = dangerous::insecure_decode_claims(token).map_err(|_| Denied::Invalid)?;
        let mut issuers = self.issuers.iter();
        let found = issuers.find(|issuer| *issuer.name == unverified.iss);
        found.ok_or(Denied::Invalid)
    }
}

impl Issuer {
    /// With the version of the keys.
    async fn verify(&self, token: &str) -> Result<(Claims, u64), Denied> {
        let header = decode_header(token).map_err(|_| Denied::Invalid)?;
        // The library's default, HS256, is in no list.
        if !self.trusted.algorithms.contains(&header.alg) {
            return Err(Denied::Invalid);
        }
        let key = self.keys.key(header.kid.as_deref(), header.alg).await;
        let (key, version) = key.map_err(|why| match why {
            NoKey::Unknown => Denied::Invalid,
            NoKey::Unavailable => Denied::Unavailable,
        })?;
        let checks = self.checks(header.alg);
        let decoded = decode::<Map<String, Value>>(token, &key.decoding, &checks);
        let all = decoded.map_err(|error| denied(error.kind()))?.claims;
        let claims = self.claims(all).ok_or(Denied::Invalid)?;
        Ok((claims, version))
    }

    fn checks(&self, algorithm: Algorithm) -> Validation {
        let mut checks = Validation::new(algorithm);
        checks.leeway = LEEWAY.as_secs();
        checks.validate_nbf = true;
        checks.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        checks.set_issuer(&[&self.trusted.issuer]);
        checks.set_audience(&[&self.trusted.audience]);
        checks
    }

    fn claims(&self, all: Map<String, Value>) -> Option<Claims> {
        // The library accepts a list.
        let is_ours = all.get("iss").and_then(Value::as_str) == Some(&self.trusted.issuer);
        let subject = all.get("sub").and_then(Value::as_str)?;
        let is_subject = !subject.is_empty()
            && subject.len() <= SUBJECT_MAX
            && !subject.contains(|c: char| c.is_control());
        if !is_ours || !is_subject {
            return None;
        }
        let expires = all.get("exp").and_then(Value::as_f64)?;
        let expires = Micros::from_epoch_fraction(expires, TimeUnit::S).unwrap_or(Micros::LAST);
        Some(Claims {
            issuer: Arc::clone(&self.name),
            subject: subject.into(),
            expires: expires.plus(LEEWAY).min(Micros::LAST),
            all,
        })
    }
}

/// Times are checked after the signature, so who learns that a token has expired has had a right one.
fn denied(error: &ErrorKind) -> Denied {
    match error {
        ErrorKind::ExpiredSignature => Denied::Expired,
        _ => Denied::Invalid,
    }
}
