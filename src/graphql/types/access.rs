//! Who asks, and API keys.

use async_graphql::{Enum, ID, SimpleObject};

use crate::access::Principal;
use crate::access::keys::ApiKey as NewKey;
use crate::data::{Operation, Scope, Streams};
use crate::graphql::scalars::DateTime;
use crate::store::access::keys::StoredKey;

/// What a role may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Operation", name = "Operation")]
pub enum OperationName {
    /// Series and points; state and dead letters of the role's streams.
    Read,
    /// Sending points.
    Publish,
    /// Redriving dead letters, resuming streams, metrics of the process.
    Operate,
    /// API keys and the audit log.
    Admin,
}

/// Who asks, and what they may do.
#[derive(Clone, Debug, SimpleObject)]
pub struct Me {
    /// Names one principal for ever, such as `key:…`.
    pub subject: String,
    pub name: String,
    pub role: String,
    pub operations: Vec<OperationName>,
    /// Selectors of the series that may be read: those that at least one of them selects.
    pub read: Vec<String>,
    /// Selectors of the series that may be published.
    pub write: Vec<String>,
    /// Names of streams; `*` for all.
    pub streams: Vec<String>,
    /// When the credential ends; `null`: never.
    pub expires: Option<DateTime>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, SimpleObject)]
pub struct ApiKey {
    pub id: ID,
    pub name: String,
    pub role: String,
    pub created: DateTime,
    /// The subject of whoever made it.
    pub created_by: String,
    /// `null`: never.
    pub expires: Option<DateTime>,
    /// When it was revoked; `null`: it was not.
    pub revoked: Option<DateTime>,
    /// To a minute or two; `null`: never.
    pub last_used: Option<DateTime>,
}

/// An API key with its secret.
#[derive(Clone, Debug, SimpleObject)]
pub struct NewApiKey {
    pub key: ApiKey,
    /// The whole key. It cannot be shown again.
    pub secret: String,
}

impl From<&Principal> for Me {
    fn from(principal: &Principal) -> Self {
        let grant = principal.viewer.grant();
        let allowed = Operation::ALL
            .into_iter()
            .filter(|operation| grant.allows(*operation));
        Self {
            subject: principal.viewer.subject().to_string(),
            name: principal.name.to_string(),
            role: principal.role.to_string(),
            operations: allowed.map(OperationName::from).collect(),
            read: texts(&grant.read),
            write: texts(&grant.write),
            streams: match &grant.streams {
                Streams::All => vec!["*".to_owned()],
                Streams::Named(names) => names.iter().cloned().collect(),
            },
            expires: principal.expires.map(DateTime),
        }
    }
}

impl From<StoredKey> for ApiKey {
    fn from(stored: StoredKey) -> Self {
        Self {
            id: stored.id.into(),
            name: stored.name,
            role: stored.role,
            created: DateTime(stored.created),
            created_by: stored.created_by,
            expires: stored.expires.map(DateTime),
            revoked: stored.revoked.map(DateTime),
            last_used: stored.last_used.map(DateTime),
        }
    }
}

impl From<(StoredKey, NewKey)> for NewApiKey {
    fn from((stored, key): (StoredKey, NewKey)) -> Self {
        Self {
            key: stored.into(),
            secret: key.text().to_owned(),
        }
    }
}

fn texts(scope: &Scope) -> Vec<String> {
    scope.selectors().iter().map(ToString::to_string).collect()
}
