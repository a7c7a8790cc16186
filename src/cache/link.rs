//! Connections to Redis: configuration, backoff, and error messages without the URL, which may have
//! a password.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, RedisError};
use tokio::sync::watch;

use crate::data::{Installation, is_loopback};

/// Waits between attempts double from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Where Redis is and what our names in it begin with.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://` or `rediss://` (TLS), credentials and database as usual.
    pub url: String,
    /// Followed by the installation's id, so that others who use this Redis are not in the way.
    pub prefix: String,
    /// `None` until Postgres has told it; nothing is read or written in Redis before.
    pub installation: watch::Receiver<Option<Installation>>,
    /// The maximum number of cached series; beyond it the cache is cleared.
    pub capacity: usize,
}

/// Says what is wrong without repeating the URL.
#[derive(Debug, thiserror::Error)]
#[error("not a usable Redis url: {0}; it looks like redis://[user:password@]host[:port][/database]")]
pub struct CacheError(&'static str);

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("prefix", &self.prefix)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl RedisConfig {
    pub fn new(url: String, prefix: String, installation: watch::Receiver<Option<Installation>>) -> Self {
        Self {
            url,
            prefix,
            installation,
            capacity: 1_000_000,
        }
    }

    pub(super) fn client(&self) -> Result<Client, CacheError> {
        client(&self.url)
    }

    pub(super) fn names(&self) -> Names {
        Names {
            prefix: self.prefix.clone(),
            installation: self.installation.clone(),
        }
    }
}

/// Whether a client could be made; connects to nothing.
pub fn check_url(url: &str) -> Result<(), CacheError> {
    client(url).map(drop)
}

/// Whether the server is beyond this machine and nothing proves that it is the one that was meant.
pub fn is_unverified(url: &str) -> bool {
    client(url).is_ok_and(|client| match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, _) => !is_loopback(host),
        ConnectionAddr::TcpTls { host, insecure, .. } => *insecure && !is_loopback(host),
        _ => false,
    })
}

pub(super) fn client(url: &str) -> Result<Client, CacheError> {
    Client::open(url).map_err(|_| CacheError("it cannot be parsed"))
}

/// How our names in Redis are made.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
    installation: watch::Receiver<Option<Installation>>,
}

impl Names {
    /// As it is known now.
    pub fn installation(&self) -> Option<Installation> {
        self.installation.borrow().clone()
    }

    /// Waits until Postgres has told it, possibly forever.
    pub async fn known(&mut self) -> Installation {
        loop {
            if let Ok(told) = self.installation.wait_for(Option::is_some).await
                && let Some(installation) = &*told
            {
                return installation.clone();
            }
            std::future::pending::<()>().await;
        }
    }

    /// The braces put all names of an installation on one node of a Redis cluster.
    pub fn name(&self, of: &Installation, what: &str) -> String {
        format!("{{{}:{}}}:{what}", self.prefix, of.id)
    }
}

pub(super) async fn connect(
    client: &Client,
    answer_within: Duration,
) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(answer_within));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Redis' own text may quote keys and values; its category and code do not.
pub(super) fn brief(error: &RedisError) -> String {
    match error.code() {
        Some(code @ ("NOAUTH" | "WRONGPASS")) => format!("Redis refused the password ({code})"),
        Some(code) => format!("{} ({code})", error.category()),
        None if error.kind() == ErrorKind::AuthenticationFailed => "Redis refused the password".to_owned(),
        None if error.is_connection_refusal() => "connection refused".to_owned(),
        None => error.category().to_owned(),
    }
}

/// Another number in each process and at each call.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// 100 ms, 200 ms, ... 5 s.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub const fn new() -> Self {
        Self(FIRST_WAIT)
    }

    pub fn next_wait(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LAST_WAIT);
        wait
    }
}
