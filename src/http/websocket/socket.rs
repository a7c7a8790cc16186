//! One WebSocket as a [`Session`]: when to read, when to write, and what is due.
//!
//! It reads when the body is pulled. A client that does not take its answers is not read from, so no
//! answer waits in memory. The clock handles time-outs of a stuck connection.

use std::task::{Context, Poll};

use actix_web::web::BytesMut;
use tokio::time::Instant;

use super::conversation::Conversation;
use super::frames;
use super::input::{Incoming, Input};
use crate::graphql::Operations;
use crate::http::session::{CHUNK, Due, Heartbeat, Limits, Session};

pub struct Socket<E> {
    conversation: Conversation<E>,
    input: Input,
    /// Everything that came has been read.
    awaits_more: bool,
    limits: Limits,
    heartbeat: Heartbeat,
    opened: Instant,
    last_seen: Instant,
    /// When it ends once the server drains: without operations, and at the latest.
    leave: Option<(Instant, Instant)>,
    /// Written before the first pull.
    greeting: BytesMut,
    /// The peer sent its close frame, or is gone.
    peer_done: bool,
}

impl<E: Operations> Socket<E> {
    pub fn new(conversation: Conversation<E>, greeting: BytesMut, input: Input, limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            conversation,
            input,
            awaits_more: false,
            heartbeat: Heartbeat::new(&limits),
            limits,
            opened: now,
            last_seen: now,
            leave: None,
            greeting,
            peer_done: false,
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) {
        self.awaits_more = false;
        while out.len() < CHUNK && !self.peer_done && !self.conversation.is_asking() {
            let Poll::Ready(incoming) = self.input.poll_next(cx) else {
                self.awaits_more = true;
                return;
            };
            match incoming {
                Incoming::Life => self.last_seen = Instant::now(),
                Incoming::Close(reason) => {
                    self.peer_done = true;
                    self.conversation.peer_closed(reason, out);
                }
                Incoming::Gone => self.abandon(),
                incoming if self.conversation.is_open() => self.heard(incoming, out),
                _ => {}
            }
        }
    }

    fn due(&self) -> Due {
        match self.heartbeat.is_waiting() || self.conversation.has_news() {
            true => Due::Write,
            false => Due::Nothing,
        }
    }

    fn heard(&mut self, incoming: Incoming, out: &mut BytesMut) {
        let conversation = &mut self.conversation;
        match incoming {
            Incoming::Text(text) => match std::str::from_utf8(&text) {
                Ok(text) => conversation.receive(text, out),
                Err(_) => conversation.close(1007, "Not UTF-8", out),
            },
            Incoming::Ping(payload) => frames::pong(out, &payload),
            Incoming::Binary => conversation.close(1003, "Only text is understood", out),
            Incoming::TooBig => conversation.close(1009, "Message too big", out),
            Incoming::Overloaded => conversation.close(1013, "Overloaded; try again later", out),
            Incoming::Broken => conversation.close(1002, "Protocol error", out),
            Incoming::Pong | Incoming::Life | Incoming::Close(_) | Incoming::Gone => {}
        }
    }
}

impl<E: Operations> Session for Socket<E> {
    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<()> {
        if !self.greeting.is_empty() {
            *out = std::mem::take(&mut self.greeting);
        }
        self.conversation.close_if_due(out);
        if self.heartbeat.pulled() && self.conversation.is_open() {
            self.conversation.ping(out);
        }
        self.read(cx, out);
        while self.conversation.poll_answer(cx, out) {
            self.read(cx, out);
        }
        self.conversation.poll_write(cx, out);
        match self.peer_done {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn on_time(&mut self, now: Instant) -> Due {
        let limits = &self.limits;
        let stuck = self.heartbeat.on_time(now, limits).is_break();
        let ending = self.conversation.ending_since();
        let unanswered = ending.is_some_and(|since| now >= since + limits.close);
        if stuck || unanswered || now >= self.last_seen + limits.dead_after {
            return Due::Cut;
        }
        if !self.conversation.is_ready() && now >= self.opened + limits.init {
            self.conversation.init_is_over(now);
        }
        let late = |began| now >= began + limits.complete;
        if self.awaits_more && self.input.began().is_some_and(late) {
            self.conversation
                .close_soon(1008, "A message was not complete in time", now);
        }
        if let Some((idle_at, at_last)) = self.leave
            && (now >= at_last || (now >= idle_at && self.conversation.is_idle()))
        {
            self.conversation.close_soon(1001, "Going away", now);
        }
        self.conversation.on_time(now);
        self.due()
    }

    fn access_changed(&mut self, now: Instant) -> Due {
        self.conversation.access_changed(now);
        self.due()
    }

    fn drain(&mut self, now: Instant, idle_at: Instant) {
        self.leave.get_or_insert((idle_at, now + self.limits.drain));
    }

    fn abandon(&mut self) {
        self.peer_done = true;
        self.conversation.end();
    }
}
