//! Making, listing, revoking and rotating API keys, for the terminal and for administrators.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

use super::ApiKey;
use crate::access::roles::Roles;
use crate::data::{Code, Micros, Problem};
use crate::store::WriteError;
use crate::store::access::connect_to_change;
use crate::store::access::keys::{self, NewKey, StoredKey};
use crate::store::connect::DatabaseUrl;
use crate::store::installation::installation_of;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const NAME_MAX: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("there is no access control: [auth] is not configured")]
    Open,
    #[error("a name has 1 to {NAME_MAX} characters, and no control characters")]
    BadName,
    #[error("there is no role '{0}'")]
    NoRole(String),
    #[error("role '{0}' needs claims, which only a token has")]
    NeedsClaims(String),
    #[error("the expiry is in the past")]
    Past,
    #[error("another key has this name")]
    Taken,
    #[error("no key in use has this id")]
    Unknown,
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("postgres is unavailable; try again in a moment")]
    Unavailable,
    /// Whoever asked may not do it any longer.
    #[error("{}", .0.message)]
    Refused(Problem),
    #[error(transparent)]
    Store(#[from] WriteError),
}

/// What a new key is for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub name: String,
    pub role: String,
    pub expires: Option<Micros>,
}

/// # Errors
/// The role is none that a key can have, the name is taken, or Postgres is away.
pub async fn create(
    database: &DatabaseUrl,
    roles: &Roles,
    wanted: &Wanted,
    actor: &str,
) -> Result<(StoredKey, ApiKey), KeyError> {
    let characters = wanted.name.chars().count();
    if !(1..=NAME_MAX).contains(&characters) || wanted.name.chars().any(char::is_control) {
        return Err(KeyError::BadName);
    }
    if roles.named(&wanted.role).is_none() {
        return Err(KeyError::NoRole(wanted.role.clone()));
    }
    if roles.needs_claims(&wanted.role) {
        return Err(KeyError::NeedsClaims(wanted.role.clone()));
    }
    if wanted.expires.is_some_and(|expires| expires <= Micros::now()) {
        return Err(KeyError::Past);
    }
    within(database, async |client| {
        let key = ApiKey::random()?;
        let hash = key.hash(&installation_of(client).await?);
        let new = NewKey {
            id: key.id(),
            name: &wanted.name,
            role: &wanted.role,
            hash: &hash,
            created_by: actor,
            expires: wanted.expires,
        };
        let stored = keys::insert(client, &new).await?;
        Ok((stored.ok_or(KeyError::Taken)?, key))
    })
    .await
}

/// # Errors
/// Postgres is away.
pub async fn list(database: &DatabaseUrl) -> Result<Vec<StoredKey>, KeyError> {
    within(database, async |client| Ok(keys::list(client).await?)).await
}

/// # Errors
/// No such key is in use, or Postgres is away.
pub async fn revoke(database: &DatabaseUrl, id: &str) -> Result<StoredKey, KeyError> {
    let revoked = async |client: &mut Client| keys::revoke(client, id).await?.ok_or(KeyError::Unknown);
    within(database, revoked).await
}

/// The same key with another secret; the one before lets nobody in any more.
///
/// # Errors
/// No such key is in use, or Postgres is away.
pub async fn rotate(database: &DatabaseUrl, id: &str) -> Result<(StoredKey, ApiKey), KeyError> {
    within(database, async |client| {
        let key = ApiKey::with_id(id)?;
        let hash = key.hash(&installation_of(client).await?);
        let stored = keys::rotate(client, id, &hash).await?;
        Ok((stored.ok_or(KeyError::Unknown)?, key))
    })
    .await
}

async fn within<T>(
    database: &DatabaseUrl,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let work = async {
        let mut client = connect_to_change(database).await?;
        work(&mut client).await
    };
    timeout(ANSWER_WITHIN, work)
        .await
        .unwrap_or(Err(KeyError::Unavailable))
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let code = match &error {
            KeyError::Refused(problem) => return problem.clone(),
            KeyError::Unknown => Code::NotFound,
            KeyError::Random(_) | KeyError::Unavailable | KeyError::Store(_) => {
                tracing::warn!(%error, "cannot read or change API keys");
                return Self::new(Code::Unavailable, KeyError::Unavailable.to_string());
            }
            _ => Code::BadUserInput,
        };
        Self::new(code, error.to_string())
    }
}
