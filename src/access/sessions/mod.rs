//! Beginning and ending the sessions of browsers.

mod id;
pub mod known;

use std::time::Duration;

use tokio::time::timeout;

pub use id::SessionId;

use super::principal::Denied;
use crate::data::Micros;
use crate::store::WriteError;
use crate::store::access::connect_to_change;
use crate::store::access::sessions::{self, SignedIn, StoredSession};
use crate::store::connect::DatabaseUrl;

/// No session is longer, whatever it began with.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// `until`: when the key or the token expires.
///
/// # Errors
/// Postgres is away, or there are too many sessions.
pub async fn begin(
    database: &DatabaseUrl,
    subject: &str,
    by: SignedIn,
    until: Option<Micros>,
) -> Result<SessionId, Denied> {
    let id = SessionId::random().map_err(|error| unavailable(&error))?;
    let longest = Micros::now().plus(LONGEST);
    let session = StoredSession {
        hash: id.hash(),
        subject: subject.to_owned(),
        by,
        expires: until.map_or(longest, |until| until.min(longest)),
    };
    let beginning = async {
        let mut client = connect_to_change(database).await?;
        sessions::begin(&mut client, &session).await
    };
    match within(beginning).await? {
        true => Ok(id),
        false => Err(unavailable(&"there are too many sessions")),
    }
}

/// # Errors
/// Postgres is away: the session goes on.
pub async fn end(database: &DatabaseUrl, id: &SessionId) -> Result<(), Denied> {
    within(async {
        let mut client = connect_to_change(database).await?;
        sessions::end(&mut client, &id.hash()).await
    })
    .await
}

async fn within<T>(work: impl Future<Output = Result<T, WriteError>>) -> Result<T, Denied> {
    match timeout(ANSWER_WITHIN, work).await {
        Ok(done) => done.map_err(|error| unavailable(&error)),
        Err(_) => Err(unavailable(&"postgres took too long")),
    }
}

fn unavailable(why: &dyn std::fmt::Display) -> Denied {
    tracing::warn!(%why, "cannot begin or end a session");
    Denied::Unavailable
}
