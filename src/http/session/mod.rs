//! Long-lived responses: WebSockets, server-sent events, multipart.
//!
//! The dispatcher pulls the body when the socket takes more, so nothing is buffered between an
//! operation and the socket. Each worker has one clock for all its connections. It closes those whose
//! peer is dead or stuck, since a body that is no longer pulled cannot.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::web::BytesMut;
use futures_util::task::AtomicWaker;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::access::Audit;
use crate::telemetry::Metrics;

mod body;
mod clock;
mod gate;
mod heartbeat;
mod live_connections;
pub(super) mod operations;
mod standing;
#[cfg(test)]
pub(super) mod testing;

pub use gate::{Found, Gate};
pub use heartbeat::Heartbeat;
pub(super) use live_connections::LiveConnections;
pub use standing::{Look, Refused, Standing};

/// Messages are gathered into one write up to about this many bytes.
pub const CHUNK: usize = 16 * 1024;

/// What the body and the worker's clock need of one conversation.
pub trait Session: 'static {
    /// Writes what is to be sent, up to about [`CHUNK`]; ready when nothing will follow.
    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<()>;

    fn on_time(&mut self, now: Instant) -> Due;

    /// Keys, roles or sessions have changed: looks again who uses the connection.
    fn access_changed(&mut self, now: Instant) -> Due;

    /// The server drains: at `idle_at` a session without operations ends.
    fn drain(&mut self, now: Instant, idle_at: Instant);

    /// The connection is gone; everything that runs ends.
    fn abandon(&mut self);
}

/// What the body of a session and the clock of its worker share.
struct Shared<S: ?Sized> {
    waker: AtomicWaker,
    session: RefCell<S>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// There is something to write.
    Write,
    /// The peer is dead or stuck.
    Cut,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub limits: Limits,
    pub metrics: Arc<Metrics>,
    pub audit: Audit,
    /// Turns true when the server drains: connections end once their operations have.
    pub draining: watch::Receiver<bool>,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the handshake to `connection_init`; then 4408. Also for what is found out about a credential.
    pub init: Duration,
    /// For a new credential after the one before has expired; then 4401.
    pub grace: Duration,
    /// How often the server sends a sign of life.
    pub beat: Duration,
    /// Without any frame from the peer, or without the socket taking anything, for this long.
    pub dead_after: Duration,
    /// For the peer to send the rest of a message that it began.
    pub complete: Duration,
    /// For the peer to answer our close frame.
    pub close: Duration,
    /// For operations that do not end by themselves when the server drains.
    pub drain: Duration,
    /// Over which the farewell to connections without operations is spread.
    pub farewell: Duration,
    /// Bytes of one message, whether in one frame or several.
    pub message: usize,
    pub operations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            init: Duration::from_secs(10),
            grace: Duration::from_secs(30),
            beat: Duration::from_secs(12),
            dead_after: Duration::from_secs(30),
            complete: Duration::from_secs(10),
            close: Duration::from_secs(2),
            drain: Duration::from_secs(10),
            farewell: Duration::from_secs(2),
            message: 256 * 1024,
            operations: 100,
        }
    }
}
