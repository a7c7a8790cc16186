//! The settings of the HTTP server.

use std::time::Duration;

use super::connections::DOORWAY;
use super::tls::TlsFiles;

#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Threads, each with its own connections to Postgres.
    pub workers: usize,
    /// Names besides those of loopback by which requests may address the server: `host` or `host:port`.
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may use the server besides its own: `https://app.example.org`.
    pub allowed_origins: Vec<String>,
    /// The largest request body, in bytes.
    pub body_limit: usize,
    /// How long a client may take for the head of a request, and again for its body.
    pub request_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long a client may take nothing of its answer.
    pub stall_timeout: Duration,
    /// Connections in all, and of one address (0 for no limit).
    pub max_connections: usize,
    pub connections_per_address: usize,
    /// Bytes that requests on their way in and answers on their way out may take, in all.
    pub memory: usize,
    /// How long running requests may take when the server is stopped gracefully; whole seconds.
    pub shutdown_timeout: Duration,
    /// HTTPS instead of HTTP.
    pub tls: Option<TlsFiles>,
}

/// For what is still to be sent on a connection that is to end.
pub(super) const DISCONNECT: Duration = Duration::from_secs(2);

impl HttpConfig {
    /// More than the limit, so that excess connections get an error instead of waiting.
    pub(super) fn connections_per_worker(&self) -> usize {
        self.max_connections.div_ceil(self.workers.max(1)) + DOORWAY
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            workers: 2,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            body_limit: 1024 * 1024,
            request_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            max_connections: 20_000,
            connections_per_address: 1_000,
            memory: 256 << 20,
            shutdown_timeout: Duration::from_secs(5),
            tls: None,
        }
    }
}
