//! One connection: whether it is let in, what it holds in memory, and what it waits for.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::ConnectionType;
use actix_web::rt::net::TcpStream;
use actix_web::{HttpRequest, HttpResponse};
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_nodelay};
use rustix::net::{SendFlags, Shutdown};

use super::limiter::{ClientLimiter, ClientPermit, Full};
use crate::data::{Budget, ClientKey, Meter, Reserved};
use crate::http::error::HttpError;
use crate::telemetry::Metrics;

/// Connections over the limit that get an error response.
pub(in crate::http) const DOORWAY: usize = 64;
/// Memory that a connection may hold without being counted: most requests and answers are smaller.
const FREE: usize = 16 * 1024;
/// How much of an answer the system may hold; Linux holds twice as much. With more, the clock would
/// not notice for a long time that a slow client still reads.
pub(super) const SEND_BUFFER: usize = 256 * 1024;
/// Smaller for a live answer: what the system holds is stale by the time a slow client reads it.
const LIVE_SEND_BUFFER: usize = 128 * 1024;
/// A client has at most this part of the memory.
const CLIENTS: usize = 4;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections in all, and of one client (0 for no limit).
    pub all: usize,
    pub per_client: usize,
    /// Bytes of requests that are not complete and answers that are not sent, in all.
    pub memory: usize,
    /// How long a connection may be without a complete request.
    pub idle: Duration,
    /// How long a client may take nothing of its answer.
    pub stall: Duration,
}

/// The connections of all workers.
#[derive(Debug)]
pub struct Connections {
    limits: Limits,
    places: Arc<ClientLimiter>,
    memory: Arc<ClientLimiter>,
    doorway: Arc<Budget>,
    metrics: Arc<Metrics>,
}

/// One connection, among the data that actix keeps for it.
#[derive(Debug)]
pub struct Connection {
    of: Arc<Connections>,
    address: Option<IpAddr>,
    client: ClientKey,
    admission: Admission,
    socket: RawFd,
    /// Requests that are being answered.
    busy: Cell<u32>,
    /// Counts signs that the connection is in use.
    moves: Cell<u32>,
    /// The socket has something to write.
    offered: Cell<bool>,
    /// A session with its own clock.
    live: Cell<bool>,
    held: RefCell<Option<ClientPermit>>,
    /// Of who uses it now.
    meter: RefCell<Option<Arc<Meter>>>,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Plain,
    Tls,
}

#[derive(Debug)]
enum Admission {
    Admitted { _permit: ClientPermit },
    Refused { why: Full, _doorway: Option<Reserved> },
}

/// A request is being answered, until this is dropped.
#[derive(Debug)]
pub(in crate::http) struct Busy(Rc<Connection>);

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A request.
    Request,
    /// The client, to take more of an answer.
    Reader,
    /// The server, or a session that has a clock of its own.
    Us,
}

impl Connections {
    pub fn new(limits: Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        // One client never gets all connections.
        let per_client = limits.per_client.min(limits.all - limits.all / CLIENTS);
        let memory_per_client = match limits.per_client {
            0 => 0,
            _ => limits.memory / CLIENTS,
        };
        Arc::new(Self {
            places: ClientLimiter::new(per_client, limits.all),
            memory: ClientLimiter::new(memory_per_client, limits.memory),
            doorway: Budget::new(DOORWAY),
            limits,
            metrics,
        })
    }

    pub(super) fn admit(self: &Arc<Self>, stream: &TcpStream, speech: Speech) -> Connection {
        let address = stream.peer_addr().ok().map(|peer| peer.ip());
        let client = address.map_or(ClientKey::UNKNOWN, ClientKey::from);
        let admission = match self.places.take(client, 1) {
            Ok(permit) => Admission::Admitted { _permit: permit },
            Err(why) => {
                self.refused(match why {
                    Full::Client => "connections_per_address",
                    Full::All => "connections",
                });
                let doorway = self.doorway.reserve(1);
                if doorway.is_none() {
                    if speech == Speech::Plain {
                        // The network decides whether the client receives it.
                        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                        let _ = rustix::net::send(stream, in_brief(why).as_bytes(), flags);
                    }
                    let _ = rustix::net::shutdown(stream, Shutdown::Both);
                }
                Admission::Refused {
                    why,
                    _doorway: doorway,
                }
            }
        };
        limit_unread(stream.as_fd(), SEND_BUFFER, self.limits.stall);
        // An answer takes several writes, and live messages follow one another. The last write must not
        // wait until the client has acknowledged the first.
        let _ = set_tcp_nodelay(stream, true);
        self.metrics.open_connections.inc();
        Connection {
            of: Arc::clone(self),
            address,
            client,
            admission,
            socket: stream.as_fd().as_raw_fd(),
            busy: Cell::new(0),
            moves: Cell::new(0),
            offered: Cell::new(false),
            live: Cell::new(false),
            held: RefCell::new(None),
            meter: RefCell::new(None),
        }
    }

    pub(in crate::http) fn refused(&self, reason: &str) {
        self.metrics.add(&self.metrics.refused, &[("reason", reason)], 1);
    }
}

/// Sets how much the system holds for a peer that reads slowly, and after what time it ends the
/// connection of one that reads nothing. These are hints, and not every system has them.
fn limit_unread(socket: BorrowedFd<'_>, bytes: usize, patience: Duration) {
    let _ = set_socket_send_buffer_size(socket, bytes);
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_user_timeout(
        socket,
        u32::try_from(patience.as_millis()).unwrap_or(u32::MAX),
    );
}

impl Connection {
    /// Of a request; `None` in tests without a server.
    pub(in crate::http) fn of(request: &HttpRequest) -> Option<Rc<Self>> {
        request.conn_data::<Rc<Self>>().cloned()
    }

    /// Sets how much memory this request holds until it is answered.
    ///
    /// # Errors
    /// The client or all clients together would hold too much.
    pub(in crate::http) fn hold(&self, bytes: usize) -> Result<(), Full> {
        match &mut *self.held.borrow_mut() {
            Some(permit) => self.counted(|memory| permit.resize(bytes.min(memory.most()))),
            none => self.reserve(bytes).map(|permit| *none = permit),
        }
    }

    /// Memory for what outlives a message, such as an operation of a WebSocket.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub(in crate::http) fn reserve(&self, bytes: usize) -> Result<Option<ClientPermit>, Full> {
        if bytes <= FREE {
            return Ok(None);
        }
        let permit = self.counted(|memory| memory.take(self.client, bytes.min(memory.most())));
        permit.map(Some)
    }

    /// A request that is larger than the client's share may come when nothing else is there.
    fn counted<T>(&self, take: impl FnOnce(&Arc<ClientLimiter>) -> Result<T, Full>) -> Result<T, Full> {
        take(&self.of.memory).inspect_err(|_| self.of.refused("memory"))
    }

    /// From now on a session has its own clock, and its peer is gone if it reads nothing for this long.
    pub(in crate::http) fn go_live(&self, patience: Duration) {
        limit_unread(self.socket(), LIVE_SEND_BUFFER, patience);
        self.live.set(true);
    }

    pub(in crate::http) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Whose address it comes from.
    pub(in crate::http) fn client(&self) -> ClientKey {
        self.client
    }

    /// What is sent counts for this principal from now on.
    pub(in crate::http) fn meter_by(&self, meter: Option<&Arc<Meter>>) {
        *self.meter.borrow_mut() = meter.cloned();
    }

    /// As [`Meter::sent`].
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn sent(&self, bytes: usize) -> Result<(), Duration> {
        self.meter
            .borrow()
            .as_ref()
            .map_or(Ok(()), |meter| meter.sent(bytes))
    }

    /// The socket, which is open as long as the connection is there.
    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        // SAFETY: actix's dispatcher owns the socket and this connection's data, and drops the data
        // first; all others that share the data are parts of the dispatcher or do not outlive a call.
        // A test (the_data_of_a_connection_goes_before_its_socket) holds actix to it.
        unsafe { BorrowedFd::borrow_raw(self.socket) }
    }

    /// The dispatcher finds the socket shut and lets go of the connection.
    pub(in crate::http) fn shut(&self) {
        // Already shut is as good.
        let _ = rustix::net::shutdown(self.socket(), Shutdown::Both);
    }

    pub fn cut(&self, reason: &'static str) {
        let metrics = &self.of.metrics;
        metrics.add(&metrics.cut, &[("reason", reason)], 1);
        self.shut();
    }

    pub fn limits(&self) -> &Limits {
        &self.of.limits
    }

    pub fn is_live(&self) -> bool {
        self.live.get()
    }

    pub fn moves(&self) -> u32 {
        self.moves.get()
    }

    pub fn moved(&self, offers: bool) {
        self.moves.set(self.moves.get().wrapping_add(1));
        self.offered.set(offers);
    }

    pub fn waits_for(&self) -> Wait {
        match (self.busy.get(), self.offered.get() && !self.live.get()) {
            (0, _) => Wait::Request,
            (_, true) => Wait::Reader,
            (_, false) => Wait::Us,
        }
    }

    /// It is over the limit, and too many others are as well: it is closed already.
    pub(super) fn is_turned_away(&self) -> bool {
        matches!(&self.admission, Admission::Refused { _doorway: None, .. })
    }

    /// The only answer of a connection over the limit.
    pub fn refusal(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let Admission::Refused { why, .. } = &self.admission else {
            return None;
        };
        let mut answer = match why {
            Full::Client => {
                let most = self.of.places.most();
                let why = format!("this address already has {most} connections");
                HttpError::TooManyConnections.respond_to(request, &why)
            }
            Full::All => HttpError::Overloaded.respond_to(request, "the server has too many connections"),
        };
        answer.head_mut().set_connection_type(ConnectionType::Close);
        Some(answer)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.of.metrics.open_connections.dec();
    }
}

impl Busy {
    pub fn with(connection: Rc<Connection>) -> Self {
        connection.busy.set(connection.busy.get() + 1);
        connection.moved(false);
        Self(connection)
    }

    pub fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let connection = &self.0;
        connection.busy.set(connection.busy.get() - 1);
        connection.moved(false);
        if connection.busy.get() == 0 {
            *connection.held.borrow_mut() = None;
        }
    }
}

/// The refusal of a connection that is closed before it has asked for anything.
fn in_brief(why: Full) -> &'static str {
    match why {
        Full::Client => "HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        Full::All => {
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        }
    }
}
