//! Beginning and ending the sessions of browsers.

mod id;
pub mod known;

use std::time::Duration;

use tokio::time::timeout;

pub use id::SessionId;

use super::principal::Denied;
use super::tokens::Claims;
use crate::data::Micros;
use crate::store::WriteError;
use crate::store::access::connect_to_change;
use crate::store::access::refresh::{self, Taken};
use crate::store::access::sessions::{self, SignedIn, StoredSession};
use crate::store::connect::DatabaseUrl;

/// No session is longer, whatever it began with.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// No longer refresh token is kept.
const REFRESH_MAX: usize = 8_192;

/// `until`: when the key or the token expires. `refresh`: the issuer's token, if it gave one.
///
/// # Errors
/// Postgres is away, or there are too many sessions.
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
    let beginning = async {
        let mut client = connect_to_change(database).await?;
        sessions::begin(&mut client, &session, refresh.as_deref()).await
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

/// A refresh token that nobody else uses now, and when the session began.
///
/// # Errors
/// Postgres is away.
pub async fn take_refresh(
    database: &DatabaseUrl,
    id: &SessionId,
) -> Result<Option<(String, Micros)>, Denied> {
    let taken = within(async {
        let client = connect_to_change(database).await?;
        refresh::take(&client, &id.hash()).await
    });
    let token = |taken: Taken| Some((id.decrypt(&taken.refresh)?, taken.begun));
    Ok(taken.await?.and_then(token))
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
    within(async {
        let mut client = connect_to_change(database).await?;
        refresh::go_on(&mut client, &id.hash(), &claims.all, until, &refresh).await
    })
    .await
}

/// The session ends when it would now.
///
/// # Errors
/// Postgres is away.
pub async fn forget_refresh(database: &DatabaseUrl, id: &SessionId) -> Result<(), Denied> {
    within(async {
        let mut client = connect_to_change(database).await?;
        refresh::forget(&mut client, &id.hash()).await
    })
    .await
}

fn encrypted(id: &SessionId, token: &str) -> Option<Vec<u8>> {
    (token.len() <= REFRESH_MAX).then(|| id.encrypt(token))?
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
