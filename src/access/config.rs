//! `[auth]` as the configuration file has it. `config/auth.rs` checks it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::data::{Allowance, Operation};
use crate::transform::humantime_text;

/// Where it is set, nobody is let in without a role.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// The role of requests without a credential; unset: they are refused.
    pub anonymous: Option<String>,
    /// So long after its expiry an open connection may send a new token.
    #[serde(with = "humantime_text")]
    pub grace: Duration,
    pub roles: BTreeMap<String, RoleConfig>,
    #[serde(rename = "issuer")]
    pub issuers: Vec<IssuerConfig>,
    pub sign_in: Option<SignInConfig>,
    pub limits: Allowance,
    /// Unset: client certificates give nothing.
    pub certificates: Option<CertificatesConfig>,
}

/// Who shows a client certificate that TLS has verified.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertificatesConfig {
    pub role: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleConfig {
    pub operations: BTreeSet<Operation>,
    /// Selectors of the series that it may read.
    pub read: Vec<String>,
    /// Selectors of the series that it may publish.
    pub write: Vec<String>,
    /// Names of streams, or `*`.
    pub streams: BTreeSet<String>,
    pub limits: Allowance,
}

/// Whose tokens are taken.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerConfig {
    pub issuer: String,
    pub audience: String,
    pub algorithms: Vec<String>,
    /// A URL or a file.
    pub jwks: String,
    /// A role's name, or a template that makes it of claims.
    pub role: String,
    /// A template that makes the name shown to people.
    pub name: Option<String>,
}

/// How people sign in to the dashboard with OpenID Connect.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignInConfig {
    /// One of the issuers.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<String>,
    pub client_secret_file: Option<String>,
    /// Where browsers reach this server.
    pub public_url: String,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            anonymous: None,
            grace: Duration::from_secs(30),
            roles: BTreeMap::new(),
            issuers: Vec::new(),
            sign_in: None,
            limits: Allowance::default(),
            certificates: None,
        }
    }
}

/// Without the secret.
impl fmt::Debug for SignInConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}
