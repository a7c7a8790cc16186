//! GraphQL over WebSocket: `graphql-transport-ws` and the legacy `graphql-ws`.
//!
//! The response body is a stream that the dispatcher pulls when the socket takes more, so nothing
//! is buffered between an operation and the socket. A second task reads what the client sends and
//! keeps the time; it ends a connection whose peer is dead or stuck by shutting the socket down.

use std::any::Any;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::{BodyStream, MessageBody};
use actix_http::ws;
use actix_web::dev::Extensions;
use actix_web::http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use actix_web::rt::net::TcpStream;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use async_graphql::Data;
use tokio::sync::watch;

use self::protocol::Protocol;
use self::session::Session;
use crate::graphql::Operations;
use crate::telemetry::Metrics;

mod protocol;
mod session;
mod socket;
#[cfg(test)]
mod tests;

/// Judges the payload of `connection_init`, and may add to the data of the connection; `Err` closes
/// with 4403 and this reason.
pub type OnInit = Arc<dyn Fn(&serde_json::Value, &mut Data) -> Result<(), String> + Send + Sync>;

#[derive(Clone)]
pub struct Settings {
    pub limits: Limits,
    pub metrics: Arc<Metrics>,
    /// Turns true when the server drains: connections close with 1001 once their operations ended.
    pub draining: watch::Receiver<bool>,
    pub on_init: Option<OnInit>,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the handshake to `connection_init`; then 4408.
    pub init: Duration,
    pub ping_every: Duration,
    /// Without any frame from the peer, or without the socket taking anything, for this long.
    pub dead_after: Duration,
    /// For the peer to answer our close frame.
    pub close: Duration,
    /// For operations that do not end by themselves when the server drains.
    pub drain: Duration,
    /// Bytes of one message, whether in one frame or several.
    pub message: usize,
    pub operations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            init: Duration::from_secs(10),
            ping_every: Duration::from_secs(12),
            dead_after: Duration::from_secs(30),
            close: Duration::from_secs(2),
            drain: Duration::from_secs(10),
            message: 256 * 1024,
            operations: 100,
        }
    }
}

/// Answers the handshake and runs the connection; `data` goes with each of its operations. Origin
/// and Host are the caller's to check.
///
/// # Errors
/// The request is not a WebSocket handshake.
pub async fn upgrade<E: Operations>(
    req: &HttpRequest,
    payload: web::Payload,
    executor: E,
    data: Data,
    settings: Settings,
) -> Result<HttpResponse, Error> {
    let mut response = ws::handshake(req.head())?;
    let protocol = offered(req).find_map(Protocol::named);
    if let Some(protocol) = protocol {
        let name = HeaderValue::from_static(protocol.name());
        response.insert_header((SEC_WEBSOCKET_PROTOCOL, name));
    }
    let session = Session::new(executor, protocol, data, settings);
    let socket = req.conn_data::<Socket>().and_then(Socket::duplicate);
    let body = socket::run(session, payload, socket);
    let response = response.message_body(BodyStream::new(body).boxed())?;
    Ok(response.into())
}

/// The socket of a connection, kept for [`upgrade`]; give this to `HttpServer::on_connect`.
pub fn remember_socket(io: &dyn Any, extensions: &mut Extensions) {
    if let Some(stream) = io.downcast_ref::<TcpStream>() {
        extensions.insert(Socket(stream.as_fd().as_raw_fd()));
    }
}

/// A descriptor that lives as long as its connection, hence as long as any of its requests.
struct Socket(RawFd);

impl Socket {
    fn duplicate(&self) -> Option<OwnedFd> {
        // SAFETY: called while a request of this connection is being answered, so it is open.
        let socket = unsafe { BorrowedFd::borrow_raw(self.0) };
        socket.try_clone_to_owned().ok()
    }
}

fn offered(req: &HttpRequest) -> impl Iterator<Item = &str> {
    req.headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
