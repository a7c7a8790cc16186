//! Beginning and ending the sessions of browsers.

mod id;
pub mod known;

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

pub use id::SessionId;

use super::principal::Denied;
use super::tokens::Claims;
use crate::data::Micros;
use crate::store::WriteError;
use crate::store::access::connect_to_change;
use crate::store::access::refresh::{self, Taken};
use crate::store::access::sessions::{self, Begun, SignedIn, StoredSession};
use crate::store::connect::DatabaseUrl;

/// No session is longer, whatever it began with.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// No longer refresh token is kept.
const REFRESH_MAX: usize = 8_192;

/// `until`: when the key or the token expires. `refresh`: the issuer's token, if it gave one.
///
/// # Errors
/// Postgres is away, there are too many sessions, or the key lets nobody in any longer.
pub async fn begin(
    database: &DatabaseUrl,
    subject: &str,
    by: SignedIn,
    until: Option<Micros>,
    refresh: Option<String>,
) -> Result<SessionId, Denied> {
    let id = SessionId::random().map_err(|error| unavailable(&error))?;
    let longest = Micros::now().plus(LONGEST);
    let refresh = refresh.and_then(|token| encrypted(&id, &token));
    let session = StoredSession {
        hash: id.hash(),
        subject: subject.to_owned(),
        by,
        expires: until.map_or(longest, |until| until.min(longest)),
        refreshes: refresh.is_some(),
    };
    let refresh = refresh.as_deref();
    let begun = async |client: &mut Client| sessions::begin(client, &session, refresh).await;
    match within(database, begun).await? {
        Begun::Session => Ok(id),
        Begun::KeyEnded => Err(Denied::Invalid),
        Begun::TooMany => Err(unavailable(&"there are too many sessions")),
    }
}

/// # Errors
/// Postgres is away: the session goes on.
pub async fn end(database: &DatabaseUrl, id: &SessionId) -> Result<(), Denied> {
    within(database, async |client| sessions::end(client, &id.hash()).await).await
}

/// A refresh token that nobody else uses now, and when the session began.
///
/// # Errors
/// Postgres is away.
pub async fn take_refresh(
    database: &DatabaseUrl,
    id: &SessionId,
) -> Result<Option<(String, Micros)>, Denied> {
    let taken = within(database, async |client| refresh::take(client, &id.hash()).await).await?;
    let token = |taken: Taken| Some((id.decrypt(&taken.refresh)?, taken.begun));
    Ok(taken.and_then(token))
}

/// The session goes on by these claims, but not longer than every session.
///
/// # Errors
/// Postgres is away.
pub async fn go_on(
    database: &DatabaseUrl,
    id: &SessionId,
    claims: &Claims,
    begun: Micros,
    refresh: &str,
) -> Result<(), Denied> {
    let until = claims.expires.min(begun.plus(LONGEST));
    let refresh = encrypted(id, refresh).ok_or_else(|| unavailable(&"the token is too long"))?;
    let go_on =
        async |client: &mut Client| refresh::go_on(client, &id.hash(), &claims.all, until, &refresh).await;
    within(database, go_on).await
}

/// The session ends when it would now.
///
/// # Errors
/// Postgres is away.
pub async fn forget_refresh(database: &DatabaseUrl, id: &SessionId) -> Result<(), Denied> {
    within(database, async |client| refresh::forget(client, &id.hash()).await).await
}

fn encrypted(id: &SessionId, token: &str) -> Option<Vec<u8>> {
    (token.len() <= REFRESH_MAX).then(|| id.encrypt(token))?
}

async fn within<T>(
    database: &DatabaseUrl,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, WriteError>,
) -> Result<T, Denied> {
    let work = async {
        let mut client = connect_to_change(database).await?;
        work(&mut client).await
    };
    match timeout(ANSWER_WITHIN, work).await {
        Ok(done) => done.map_err(|error| unavailable(&error)),
        Err(_) => Err(unavailable(&"postgres took too long")),
    }
}

fn unavailable(why: &dyn std::fmt::Display) -> Denied {
    tracing::warn!(%why, "cannot begin or end a session");
    Denied::Unavailable
}
