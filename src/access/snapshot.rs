//! What Postgres knows of keys, in memory: nothing is asked of it when somebody comes in.
//!
//! Each change raises the epoch, which every node looks at each second, and sooner when it is told. A
//! node that has not seen the epoch for a while cannot know who was let go, and lets nobody in.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use super::keys::ApiKey;
use super::principal::Denied;
use super::sessions::known::KnownSession;
use crate::data::installation::TAG;
use crate::data::{Installation, Micros};
use crate::store::WriteError;
use crate::store::access::keys::{self, StoredKey, UsableKey};
use crate::store::access::sessions::StoredSession;
use crate::store::access::{Epoch, connect_to_follow, epoch, sessions};
use crate::store::connect::DatabaseUrl;
use crate::store::installation::installation_of;
use crate::telemetry::Status;

/// As `/readyz` names it.
const NEED: &str = "access";
const AWAY: &str = "postgres has been away for too long to know which API keys are in use";
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Beyond it a node that has heard nothing of Postgres lets nobody in.
pub const STALE_AFTER: Duration = Duration::from_secs(30);
const LOOK_AT_AGE_EVERY: Duration = Duration::from_millis(100);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Also without another epoch: somebody may have changed a row by hand.
const READ_EVERY: Duration = Duration::from_secs(60);
/// How often the last uses of keys are written.
const WRITE_USE_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Snapshot {
    stale_after: Duration,
    known: RwLock<Arc<Known>>,
    /// When the last look at Postgres began that confirmed what is known.
    confirmed: watch::Sender<Option<Instant>>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Known {
    epoch: Epoch,
    /// When all of it was read last.
    read: Option<Instant>,
    installation: Option<Arc<Installation>>,
    keys: Arc<HashMap<Arc<str>, Arc<KnownKey>>>,
    sessions: HashMap<[u8; 32], Arc<KnownSession>>,
}

/// A key that lets somebody in.
#[derive(Debug)]
pub struct KnownKey {
    pub id: Arc<str>,
    pub subject: Arc<str>,
    pub name: Arc<str>,
    pub key: StoredKey,
    hash: [u8; TAG],
    /// 0: not since this node knows it.
    used: AtomicI64,
}

impl Snapshot {
    pub fn new(stale_after: Duration) -> Arc<Self> {
        Arc::new(Self {
            stale_after,
            known: RwLock::default(),
            confirmed: watch::Sender::new(None),
            wake: Notify::new(),
        })
    }

    /// Whose key it is. One that never was takes the same way as one with a wrong secret.
    ///
    /// # Errors
    /// It lets nobody in, or that cannot be known.
    pub fn holder(&self, key: &ApiKey, now: Micros) -> Result<Arc<KnownKey>, Denied> {
        let known = self.fresh()?;
        let installation = known.installation.as_ref().ok_or(Denied::Unavailable)?;
        let found = known.keys.get(key.id());
        let hash = found.map_or(&[0; TAG], |found| &found.hash);
        let is_right = key.has_hash(installation, hash);
        let found = found.filter(|found| is_right && !found.is_expired(now));
        let found = found.ok_or(Denied::Invalid)?;
        found.used.store(now.0, Ordering::Relaxed);
        Ok(Arc::clone(found))
    }

    /// The key, if it still lets somebody in.
    ///
    /// # Errors
    /// It lets nobody in, or that cannot be known.
    pub fn still(&self, id: &str, now: Micros) -> Result<Arc<KnownKey>, Denied> {
        let found = self.fresh()?.keys.get(id).cloned();
        found.filter(|key| !key.is_expired(now)).ok_or(Denied::Invalid)
    }

    /// The session with this hash, if it goes on.
    ///
    /// # Errors
    /// It has ended, or that cannot be known.
    pub fn session(&self, hash: &[u8; 32], now: Micros) -> Result<Arc<KnownSession>, Denied> {
        let session = self.recent_session(hash)?;
        match session.expires > now {
            true => Ok(session),
            false => Err(Denied::Expired),
        }
    }

    /// The same, also if it has expired lately.
    ///
    /// # Errors
    /// It has ended, or that cannot be known.
    pub fn recent_session(&self, hash: &[u8; 32]) -> Result<Arc<KnownSession>, Denied> {
        let found = self.fresh()?.sessions.get(hash).cloned();
        found.ok_or(Denied::Invalid)
    }

    /// This installation, once it is known.
    pub fn installation(&self) -> Option<Arc<Installation>> {
        self.known.read().installation.clone()
    }

    fn fresh(&self) -> Result<Arc<Known>, Denied> {
        match self.is_fresh() {
            true => Ok(Arc::clone(&self.known.read())),
            false => Err(Denied::Unavailable),
        }
    }

    fn is_fresh(&self) -> bool {
        let confirmed = *self.confirmed.borrow();
        confirmed.is_some_and(|at| at.elapsed() < self.stale_after)
    }

    /// Whether everything that was changed before the call is known here. Waits for that for a while.
    pub async fn catch_up(&self) -> bool {
        let asked = Instant::now();
        let mut confirmed = self.confirmed.subscribe();
        self.wake.notify_one();
        let caught_up = confirmed.wait_for(|at| at.is_some_and(|at| at >= asked));
        timeout(ANSWER_WITHIN, caught_up).await.is_ok()
    }

    /// Follows Postgres for as long as the program runs. Calls `changed` after each change, and when
    /// what is known becomes too old or is confirmed again.
    pub async fn follow(self: Arc<Self>, database: DatabaseUrl, status: Arc<Status>, changed: impl Fn()) {
        status.expect(NEED);
        tokio::join!(self.look(&database, &changed), self.age(&status, &changed));
    }

    async fn age(&self, status: &Status, changed: &impl Fn()) {
        let mut fresh = false;
        loop {
            if self.is_fresh() != fresh {
                fresh = !fresh;
                match fresh {
                    true => status.well(NEED),
                    false => status.trouble(NEED, AWAY),
                }
                changed();
            }
            sleep(LOOK_AT_AGE_EVERY).await;
        }
    }

    async fn look(self: &Arc<Self>, database: &DatabaseUrl, changed: &impl Fn()) {
        let mut session = None;
        let mut written = Instant::now();
        loop {
            let begun = Instant::now();
            match timeout(ANSWER_WITHIN, self.round(&mut session, database)).await {
                Ok(Ok(is_new)) => {
                    if is_new {
                        changed();
                    }
                    self.confirmed.send_replace(Some(begun));
                }
                failed => {
                    tracing::debug!(?failed, "cannot read API keys");
                    session = None;
                }
            }
            if let Some(client) = &session
                && written.elapsed() >= WRITE_USE_EVERY
            {
                written = Instant::now();
                let _ = timeout(ANSWER_WITHIN, self.write_use(client)).await;
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = self.wake.notified(), if session.is_some() => {}
            }
        }
    }

    /// True when something is known now that was not before.
    async fn round(
        self: &Arc<Self>,
        session: &mut Option<Client>,
        database: &DatabaseUrl,
    ) -> Result<bool, WriteError> {
        let client = match session {
            Some(client) => client,
            none => {
                let wake = Arc::clone(self);
                none.insert(connect_to_follow(database, move || wake.wake.notify_one()).await?)
            }
        };
        let now = epoch(client).await?;
        let known = Arc::clone(&self.known.read());
        let is_old = known.read.is_none_or(|read| read.elapsed() >= READ_EVERY);
        if now == known.epoch && !is_old {
            return Ok(false);
        }
        // Read after the epoch: it may have changes of the next one too, which are read again then.
        let (known, is_new) = match !is_old && now.others() == known.epoch.others() {
            true => known.with(now, sessions::since(client, known.epoch.all).await?),
            false => known.read_again(now, client).await?,
        };
        *self.known.write() = Arc::new(known);
        Ok(is_new)
    }

    async fn write_use(&self, client: &Client) -> Result<(), WriteError> {
        let known = Arc::clone(&self.known.read());
        let used = known.keys.values().filter_map(|key| {
            let used = Micros(key.used.load(Ordering::Relaxed));
            (used.0 > 0).then_some((&*key.id, used))
        });
        let (ids, times): (Vec<&str>, Vec<Micros>) = used.unzip();
        match ids.is_empty() {
            true => Ok(()),
            false => keys::used(client, &ids, &times).await,
        }
    }
}

impl Known {
    /// All that Postgres knows now, and whether that is new.
    async fn read_again(&self, now: Epoch, client: &Client) -> Result<(Self, bool), WriteError> {
        let read = Instant::now();
        let installation = installation_of(client).await?;
        let keys = keys::usable(client).await?;
        let sessions: HashMap<_, _> = known(sessions::all(client).await?).collect();
        let is_same = self.has_all(&keys) && self.sessions == sessions;
        let is_new = now != self.epoch || self.read.is_none() || !is_same;
        let known = Self {
            epoch: now,
            read: Some(read),
            installation: Some(Arc::new(installation)),
            keys: Arc::new(keys.into_iter().map(|key| self.again(key)).collect()),
            sessions,
        };
        Ok((known, is_new))
    }

    /// With these changes, and whether they matter to who is there: a session that begins is nobody's yet.
    fn with(&self, now: Epoch, changes: sessions::Changes) -> (Self, bool) {
        let mut sessions = self.sessions.clone();
        let ended = changes
            .ended
            .iter()
            .filter(|hash| sessions.remove(*hash).is_some());
        let mut is_new = ended.count() > 0;
        for (hash, session) in known(changes.begun) {
            is_new |= sessions.insert(hash, session).is_some();
        }
        let known = Self {
            epoch: now,
            read: self.read,
            installation: self.installation.clone(),
            keys: Arc::clone(&self.keys),
            sessions,
        };
        (known, is_new)
    }

    fn has_all(&self, keys: &[UsableKey]) -> bool {
        let is_same = |usable: &UsableKey| {
            let known = self.keys.get(&*usable.key.id);
            known.is_some_and(|known| {
                let StoredKey { version, expires, .. } = known.key;
                let same = (version, expires) == (usable.key.version, usable.key.expires);
                same && known.hash == usable.hash && known.key.role == usable.key.role
            })
        };
        keys.len() == self.keys.len() && keys.iter().all(is_same)
    }

    /// The key as it is now, with what this node knows of its use.
    fn again(&self, UsableKey { hash, key }: UsableKey) -> (Arc<str>, Arc<KnownKey>) {
        let before = self.keys.get(&*key.id);
        let used = before.map_or(0, |before| before.used.load(Ordering::Relaxed));
        let id: Arc<str> = key.id.as_str().into();
        let known = KnownKey {
            id: Arc::clone(&id),
            subject: format!("key:{id}").into(),
            name: key.name.as_str().into(),
            key,
            hash,
            used: AtomicI64::new(used),
        };
        (id, Arc::new(known))
    }
}

fn known(stored: Vec<StoredSession>) -> impl Iterator<Item = ([u8; 32], Arc<KnownSession>)> {
    let known = |stored: StoredSession| Some((stored.hash, Arc::new(KnownSession::of(stored)?)));
    stored.into_iter().filter_map(known)
}

impl KnownKey {
    fn is_expired(&self, now: Micros) -> bool {
        self.key.expires.is_some_and(|expires| expires <= now)
    }
}

#[cfg(test)]
mod tests;
