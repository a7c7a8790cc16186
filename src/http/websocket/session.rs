//! What one connection does: the rules of the protocols, and the operations that run on it.
//!
//! Knows nothing of sockets and frames. Client messages go in as texts; messages to send come out
//! one by one when asked for, answers to the client's own messages first, then the operations in
//! turn.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use actix_http::ws::{CloseCode, CloseReason, Message};
use async_graphql::{Data, ErrorExtensionValues, ServerError};
use futures_util::stream::{self, AbortHandle, BoxStream, SelectAll, StreamExt};
use tokio::time::Instant;

use super::Settings;
use super::protocol::{ClientMessage, Protocol, ServerMessage};
use crate::graphql::{Operations, Payload, Then};

/// Messages that may wait for the socket before the reader stops reading.
const WAITING_MAX: usize = 64;
/// A close frame has room for 123 bytes of reason.
const REASON_MAX: usize = 123;

pub struct Session<E> {
    executor: E,
    protocol: Protocol,
    data: Readiness,
    pub settings: Settings,
    operations: HashMap<String, Operation>,
    running: SelectAll<BoxStream<'static, Event>>,
    next_key: u64,
    out: VecDeque<Message>,
    /// Since when a message has been waiting for the socket.
    pub stuck_since: Option<Instant>,
    going_away: bool,
    /// Set with our close frame; nothing is sent after it.
    pub closing: Option<Instant>,
    /// The peer sent its close frame, or is gone.
    pub peer_done: bool,
    pub waker: Option<Waker>,
}

enum Readiness {
    Waiting(Data),
    Ready(Arc<Data>),
}

struct Operation {
    key: u64,
    abort: AbortHandle,
}

/// Something an operation brought; `key` tells it from an earlier one of the same id.
enum Event {
    Next(Arc<str>, u64, Payload),
    Done(Arc<str>, u64),
}

impl<E: Operations> Session<E> {
    /// Without a protocol the connection closes with 4406 at once.
    pub fn new(executor: E, protocol: Option<Protocol>, data: Data, settings: Settings) -> Self {
        let mut session = Self {
            executor,
            protocol: protocol.unwrap_or(Protocol::TransportWs),
            data: Readiness::Waiting(data),
            settings,
            operations: HashMap::new(),
            running: SelectAll::new(),
            next_key: 0,
            out: VecDeque::new(),
            stuck_since: None,
            going_away: false,
            closing: None,
            peer_done: false,
            waker: None,
        };
        if protocol.is_none() {
            session.close(4406, "Subprotocol not acceptable");
        }
        session
    }

    pub fn receive(&mut self, text: &str) {
        if self.closing.is_some() {
            return;
        }
        match self.protocol.parse(text) {
            Ok(ClientMessage::Init(payload)) => self.init(&payload),
            Ok(ClientMessage::Ping(payload)) => self.say(&ServerMessage::Pong(payload.as_ref())),
            Ok(ClientMessage::Pong) => {}
            Ok(ClientMessage::Subscribe { id, request }) => self.subscribe(id, *request),
            Ok(ClientMessage::Complete { id }) => self.forget(&id),
            Ok(ClientMessage::Terminate) => self.close(1000, ""),
            Err(why) => self.close(4400, why),
        }
    }

    /// The next message for the socket.
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            if let Some(message) = self.out.pop_front() {
                self.stuck_since = None;
                return Poll::Ready(Some(message));
            }
            if self.closing.is_some() {
                return Poll::Ready(None);
            }
            match self.running.poll_next_unpin(cx) {
                Poll::Ready(Some(event)) => self.happened(event),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
            self.close_if_drained();
        }
    }

    pub fn is_ready(&self) -> bool {
        matches!(self.data, Readiness::Ready(_))
    }

    /// The reader may go on: answers to what it brings have room.
    pub fn has_room(&self) -> bool {
        // An aborted operation stays until the socket takes something.
        self.out.len() < WAITING_MAX && self.running.len() < 2 * self.settings.limits.operations
    }

    pub fn ping(&mut self) {
        // One that still waits for the socket will do.
        if self.closing.is_some() || self.stuck_since.is_some() {
            return;
        }
        self.send(Message::Ping(bytes::Bytes::new()));
        if self.protocol == Protocol::Legacy && self.is_ready() {
            self.say(&ServerMessage::KeepAlive);
        }
    }

    pub fn pong(&mut self, payload: bytes::Bytes) {
        if self.closing.is_none() {
            // Only the latest ping needs an answer (RFC 6455, 5.5.3).
            self.out.retain(|waiting| !matches!(waiting, Message::Pong(_)));
            self.send(Message::Pong(payload));
        }
    }

    /// The server drains: closes with 1001 when the last operation has ended.
    pub fn go_away(&mut self) {
        self.going_away = true;
        self.close_if_drained();
    }

    /// The peer closed, or was lost.
    pub fn peer_closed(&mut self, reason: Option<CloseReason>) {
        self.peer_done = true;
        if self.closing.is_none() {
            self.end(Message::Close(reason));
        }
        self.wake();
    }

    pub fn close(&mut self, code: u16, why: &str) {
        if self.closing.is_some() {
            return;
        }
        let label = [("code", &*code.to_string())];
        let metrics = &self.settings.metrics;
        metrics.add(&metrics.closed, &label, 1);
        let mut end = why.len().min(REASON_MAX);
        while !why.is_char_boundary(end) {
            end -= 1;
        }
        self.end(Message::Close(Some(CloseReason {
            code: CloseCode::from(code),
            description: (end > 0).then(|| why[..end].to_owned()),
        })));
    }

    /// Drops everything that runs; used when the connection is gone.
    pub fn abandon(&mut self) {
        self.operations.clear();
        self.running = SelectAll::new();
        self.closing.get_or_insert_with(Instant::now);
    }

    fn init(&mut self, payload: &serde_json::Value) {
        let Readiness::Waiting(data) = &mut self.data else {
            return self.close(4429, "Too many initialisation requests");
        };
        let mut data = std::mem::take(data);
        if let Some(on_init) = &self.settings.on_init
            && let Err(why) = on_init(payload, &mut data)
        {
            return self.close(4403, &why);
        }
        self.data = Readiness::Ready(Arc::new(data));
        self.say(&ServerMessage::Ack);
        if self.protocol == Protocol::Legacy {
            self.say(&ServerMessage::KeepAlive);
        }
    }

    fn subscribe(&mut self, id: String, request: async_graphql::Request) {
        let data = match &self.data {
            Readiness::Ready(data) => Arc::clone(data),
            Readiness::Waiting(_) => return self.close(4401, "Unauthorized"),
        };
        if self.operations.contains_key(&id) {
            if self.protocol == Protocol::TransportWs {
                return self.close(4409, &format!("Subscriber for {id} already exists"));
            }
            self.forget(&id);
        }
        if self.operations.len() >= self.settings.limits.operations {
            let most = self.settings.limits.operations;
            let mut error = ServerError::new(format!("more than {most} operations at once"), None);
            let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
            extensions.set("code", "TOO_MANY_OPERATIONS");
            return self.say(&ServerMessage::Error(&id, &[error]));
        }
        let key = self.next_key;
        self.next_key += 1;
        let name: Arc<str> = id.as_str().into();
        let done = stream::iter([Event::Done(Arc::clone(&name), key)]);
        let events = self
            .executor
            .payloads(request, Some(data))
            .map(move |payload| Event::Next(Arc::clone(&name), key, payload))
            .chain(done);
        let (events, abort) = stream::abortable(events);
        self.running.push(events.boxed());
        let operation = Operation { key, abort };
        self.operations.insert(id, operation);
        self.wake();
    }

    fn forget(&mut self, id: &str) {
        if let Some(operation) = self.operations.remove(id) {
            operation.abort.abort();
        }
    }

    fn happened(&mut self, event: Event) {
        let (Event::Next(id, key, _) | Event::Done(id, key)) = &event;
        if self.operations.get(&**id).is_none_or(|o| o.key != *key) {
            return;
        }
        match event {
            Event::Done(id, _) => {
                self.forget(&id);
                self.say(&ServerMessage::Complete(&id));
            }
            Event::Next(id, _, Payload::Refused(errors)) => {
                self.forget(&id);
                self.say(&ServerMessage::Error(&id, &errors));
            }
            Event::Next(id, _, Payload::Next(next)) => {
                self.say(&ServerMessage::Next(&id, &next.json));
                match next.then {
                    Then::GoOn => {}
                    Then::TooSlow => self.close(1013, "Too slow; resume with the last cursor"),
                    Then::GoAway => self.going_away = true,
                }
            }
        }
    }

    fn close_if_drained(&mut self) {
        if self.going_away && self.operations.is_empty() {
            self.close(1001, "Going away");
        }
    }

    fn say(&mut self, message: &ServerMessage<'_>) {
        let text = self.protocol.write(message);
        self.send(Message::Text(text.into()));
    }

    fn end(&mut self, close: Message) {
        for (_, operation) in self.operations.drain() {
            operation.abort.abort();
        }
        self.running = SelectAll::new();
        self.closing = Some(Instant::now());
        self.send(close);
    }

    fn send(&mut self, message: Message) {
        self.out.push_back(message);
        self.stuck_since.get_or_insert_with(Instant::now);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
