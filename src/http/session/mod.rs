//! Responses that live on, whatever they speak: WebSockets, server-sent events, multipart.
//!
//! The body is pulled by the dispatcher when the socket takes more, so nothing is buffered between
//! an operation and the socket. Each worker has one clock that beats for all its connections; it
//! cuts off those whose peer is dead or stuck, which a body that is no longer pulled could not.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::body::BoxBody;
use actix_web::web::BytesMut;
use async_graphql::Data;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;
use tokio::time::Instant;

use self::body::Body;
use self::clock::Clock;
use super::connections::Connection;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::owned;

mod body;
mod clock;
pub(super) mod operations;
mod pulse;

pub use pulse::Pulse;

/// Messages are gathered into one write up to about this many bytes.
pub const CHUNK: usize = 16 * 1024;

/// One conversation, as its body and its worker's clock see it.
pub trait Session: 'static {
    /// Writes what is to be sent, up to about [`CHUNK`]; ready when nothing will follow that.
    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<()>;

    /// What is due now.
    fn on_time(&mut self, now: Instant) -> Due;

    /// The server drains: time to leave with nothing running is `idle_at`.
    fn drain(&mut self, now: Instant, idle_at: Instant);

    /// The connection is gone; whatever runs must not go on.
    fn abandon(&mut self);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// There is something to write.
    Write,
    /// The peer is dead or stuck.
    Cut,
}

/// Judges the payload of `connection_init`, and may add to the data of the connection; `Err` closes
/// with 4403 and this reason.
pub type OnInit = Arc<dyn Fn(&serde_json::Value, &mut Data) -> Result<(), String> + Send + Sync>;

#[derive(Clone)]
pub struct Settings {
    pub limits: Limits,
    pub metrics: Arc<Metrics>,
    /// Turns true when the server drains: connections end once their operations have.
    pub draining: watch::Receiver<bool>,
    pub on_init: Option<OnInit>,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the handshake to `connection_init`; then 4408.
    pub init: Duration,
    /// How often a connection gives a sign of life.
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

/// One worker's connections.
pub(super) struct Keeper {
    pub settings: Rc<Settings>,
    clock: Clock,
}

impl Keeper {
    /// Inside the worker's runtime.
    pub fn new(settings: Settings) -> Self {
        Self {
            clock: Clock::new(settings.limits, settings.draining.clone()),
            settings: Rc::new(settings),
        }
    }

    /// The session as the body of a response to `request`. `transport` is for the metrics.
    pub fn body<S: Session>(&self, request: &HttpRequest, transport: &'static str, session: S) -> BoxBody {
        if let Some(connection) = Connection::of(request) {
            connection.go_live();
        }
        let gauge = &self.settings.metrics.connections;
        let presence = Presence::new(gauge.get_or_create(&owned(&[("transport", transport)])).clone());
        BoxBody::new(Body::start(request, &self.clock, session, presence))
    }
}

/// A connection in the metrics.
struct Presence(Gauge);

impl Presence {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
