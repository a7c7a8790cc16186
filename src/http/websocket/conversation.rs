//! The rules of the protocols, and the operations that run on one connection.
//!
//! It has no socket: messages come as texts, and replies are written to the caller's buffer. What the
//! clock decides between two calls waits for the next call.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::ws::CloseReason;
use async_graphql::Data;
use bytes::BytesMut;
use tokio::time::Instant;

use super::asking::Asking;
use super::dialect::{Asked, ClientMessage, Dialect, ServerMessage, Wrong, plain};
use super::frames;
use crate::feed::Feeds;
use crate::graphql::errors::{Code, of_request};
use crate::graphql::{Operations, Payload, Then};
use crate::http::connections::{Connection, of_json};
use crate::http::session::operations::{Event, Running};
use crate::http::session::{CHUNK, Settings, Standing};

pub struct Conversation<E> {
    executor: E,
    /// For the plain dialect.
    feeds: Option<Feeds>,
    pub(super) dialect: Dialect,
    pub(super) settings: Rc<Settings>,
    /// Its operations take memory of this connection's share; `None` in tests without a server.
    pub(super) connection: Option<Rc<Connection>>,
    /// What came with the connection; who asks is added to each operation.
    data: Arc<Data>,
    pub(super) standing: Standing,
    /// The next messages wait for the answer.
    pub(super) asking: Option<Asking>,
    /// `connection_init` has come, and was not refused.
    pub(super) acknowledged: bool,
    /// Operations may run that are no longer allowed.
    pub(super) grant_changed: bool,
    pub(super) running: Running,
    going_away: bool,
    ending: Ending,
}

#[derive(Clone, Copy)]
enum Ending {
    No,
    /// The clock has decided to send a close frame.
    Soon(u16, &'static str, Instant),
    /// Our close frame was written; nothing is sent after it.
    Closed(Instant),
}

impl<E: Operations> Conversation<E> {
    pub fn new(
        executor: E,
        feeds: Option<Feeds>,
        dialect: Dialect,
        data: Data,
        standing: Standing,
        settings: Rc<Settings>,
        connection: Option<Rc<Connection>>,
    ) -> Self {
        Self {
            executor,
            feeds,
            dialect,
            settings,
            connection,
            data: Arc::new(data),
            standing,
            asking: None,
            acknowledged: !dialect.needs_init(),
            grant_changed: false,
            running: Running::default(),
            going_away: false,
            ending: Ending::No,
        }
    }

    pub fn greet(&self, out: &mut BytesMut) {
        self.say(&ServerMessage::Hello(&self.settings.limits), out);
    }

    pub fn receive(&mut self, text: &str, out: &mut BytesMut) {
        match self.dialect.parse(text) {
            Ok(ClientMessage::Init(payload)) => self.init(&payload, out),
            Ok(ClientMessage::Auth(credential)) => self.ask(credential, false),
            Ok(ClientMessage::Ping(payload)) => self.ping_received(payload.as_ref(), out),
            Ok(ClientMessage::Pong) => {}
            Ok(ClientMessage::Subscribe { id, asked }) => {
                self.subscribe(&id, asked, of_json(text.as_bytes()), out);
            }
            Ok(ClientMessage::Complete { id }) => match self.running.find(&id) {
                Some(at) => {
                    self.running.stop(at);
                    self.say(&ServerMessage::Stopped(&id), out);
                }
                None => self.say(&ServerMessage::Unknown(&id), out),
            },
            Ok(ClientMessage::Terminate) => self.close(1000, "", out),
            Err(Wrong::Close(why)) => self.close(4400, why, out),
            Err(Wrong::Say(id, why)) => self.say(&ServerMessage::Wrong(id.as_deref(), &why), out),
        }
    }

    /// Writes the payloads of the operations, up to about [`CHUNK`].
    pub fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) {
        self.judge(out);
        while self.is_open() && out.len() < CHUNK {
            let Poll::Ready(event) = self.running.poll_next(cx) else {
                break;
            };
            self.happened(event, out);
        }
        if self.going_away && self.running.is_empty() {
            self.close(1001, "Going away", out);
        }
    }

    pub fn ping(&self, out: &mut BytesMut) {
        frames::ping(out);
        if self.is_ready() {
            self.say(&ServerMessage::KeepAlive, out);
        }
    }

    /// Somebody may use it.
    pub fn is_ready(&self) -> bool {
        self.acknowledged && self.standing.principal().is_some()
    }

    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub fn is_open(&self) -> bool {
        matches!(self.ending, Ending::No)
    }

    /// A close frame is due.
    pub fn is_closing(&self) -> bool {
        matches!(self.ending, Ending::Soon(..))
    }

    /// Since when a close frame is due or sent.
    pub fn ending_since(&self) -> Option<Instant> {
        match self.ending {
            Ending::No => None,
            Ending::Soon(.., since) | Ending::Closed(since) => Some(since),
        }
    }

    pub fn close(&mut self, code: u16, why: &str, out: &mut BytesMut) {
        if matches!(self.ending, Ending::Closed(_)) {
            return;
        }
        let label = [("code", &*code.to_string())];
        let metrics = &self.settings.metrics;
        metrics.add(&metrics.closed, &label, 1);
        frames::close(out, code, why);
        self.end();
    }

    /// Closes with the next [`Self::close_if_due`].
    pub fn close_soon(&mut self, code: u16, why: &'static str, now: Instant) {
        if self.is_open() {
            self.running.clear();
            self.ending = Ending::Soon(code, why, now);
        }
    }

    pub fn close_if_due(&mut self, out: &mut BytesMut) {
        if let Ending::Soon(code, why, _) = self.ending {
            self.close(code, why, out);
        }
    }

    /// The peer closed; the reply has the same reason.
    pub fn peer_closed(&mut self, reason: Option<CloseReason>, out: &mut BytesMut) {
        if !matches!(self.ending, Ending::Closed(_)) {
            frames::close_too(out, reason);
            self.end();
        }
    }

    /// Drops all operations; nothing more is sent.
    pub fn end(&mut self) {
        self.running.clear();
        self.asking = None;
        let since = self.ending_since().unwrap_or_else(Instant::now);
        self.ending = Ending::Closed(since);
    }

    /// `bytes`: the memory of the request.
    fn subscribe(&mut self, id: &str, asked: Asked, bytes: usize, out: &mut BytesMut) {
        if !self.is_ready() {
            return self.close(4401, "Unauthorized", out);
        }
        if let Some(at) = self.running.find(id) {
            match self.dialect {
                Dialect::TransportWs => {
                    return self.close(4409, &format!("Subscriber for {id} already exists"), out);
                }
                Dialect::Legacy => drop(self.running.stop(at)),
                Dialect::Plain => return self.say(&ServerMessage::Duplicate(id), out),
            }
        }
        let most = self.settings.limits.operations;
        if self.running.len() >= most {
            let why = format!("more than {most} operations at once");
            let error = of_request(why, Code::TooManyOperations);
            return self.say(&ServerMessage::Error(id, &[error]), out);
        }
        let connection = self.connection.as_ref();
        let held = match connection.map_or(Ok(None), |connection| connection.reserve(bytes)) {
            Ok(held) => held,
            Err(full) => {
                let error = of_request(full.why(), Code::Overloaded);
                return self.say(&ServerMessage::Error(id, &[error]), out);
            }
        };
        let (viewer, usage) = self.standing.viewer();
        let payloads = match asked {
            Asked::GraphQl(request) => {
                let mut request = request.data(viewer);
                if let Some(principal) = self.standing.principal() {
                    request = request.data(Arc::clone(principal));
                }
                let checked = self.executor.check(request, Some(&self.data));
                self.executor.payloads(checked, Some(Arc::clone(&self.data)))
            }
            Asked::Points(points) => plain::payloads(id, *points, self.feeds.clone(), viewer),
        };
        let opening = self.dialect.opening(id);
        self.running.start(id, opening, payloads, usage, held);
    }

    fn happened(&mut self, Event { at, payload }: Event, out: &mut BytesMut) {
        match payload {
            None => {
                let id = self.running.stop(at);
                self.say(&ServerMessage::Complete(&id), out);
            }
            Some(Payload::Refused(errors)) => {
                let id = self.running.stop(at);
                self.say(&ServerMessage::Error(&id, &errors), out);
            }
            Some(Payload::Next(next)) => {
                let operation = self.running.get(at);
                self.dialect.next(operation, &next.json, out);
                self.running.sent(at, next.cursor);
                // Without `complete`: clients would take that for the end, and not reconnect.
                if matches!(next.then, Then::End | Then::GoAway) {
                    self.running.stop(at);
                }
                match next.then {
                    Then::GoOn | Then::End => {}
                    Then::TooSlow => self.close(1013, "Too slow; resume with the last cursor", out),
                    Then::GoAway => self.going_away = true,
                }
            }
        }
    }

    pub(super) fn say(&self, message: &ServerMessage<'_>, out: &mut BytesMut) {
        if let Some(text) = self.dialect.write(message) {
            frames::text(out, &text);
        }
    }
}
