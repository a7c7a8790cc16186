//! Answers an operation as an HTTP stream: server-sent events, or Apollo's multipart.
//!
//! A response ends when its operation does, when the server drains or when the client is too slow. In
//! the last two cases it does not say that it is complete, so that clients reconnect with their
//! cursor.

mod multipart;
mod sse;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::BytesMut;
use actix_web::{HttpRequest, HttpResponse};
use async_graphql::ServerError;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::time::Instant;

use super::session::{CHUNK, Due, Heartbeat, Limits, LiveConnections, Look, Session, Standing};
use crate::data::{Micros, Usage};
use crate::graphql::errors::{ended, forbidden};
use crate::graphql::{Next, Payload, Then};

/// Tells proxies not to hold events back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// "Distinct connections mode" of GraphQL over server-sent events.
    Sse,
    /// Apollo's multipart protocol for subscriptions.
    Multipart,
}

pub(super) fn respond(
    http: &HttpRequest,
    form: Form,
    live: &LiveConnections,
    asker: Asker,
    payloads: BoxStream<'static, Payload>,
) -> HttpResponse {
    let words = form.words();
    let answer = Answer::new(words, payloads, asker, live.settings.limits);
    let body = live.body(http, words.transport, answer);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(words.content_type)))
        .insert_header((X_ACCEL_BUFFERING, HeaderValue::from_static("no")))
        .body(body)
}

/// Who asked, and what tells the operation of changes.
pub(super) struct Asker {
    pub standing: Standing,
    pub usage: Option<Arc<Usage>>,
}

struct Answer {
    words: &'static Words,
    /// `None` once everything is written.
    payloads: Option<BoxStream<'static, Payload>>,
    asker: Asker,
    /// The cursor of the last payload.
    cursor: Option<Arc<str>>,
    /// Why it ends, when it is no longer allowed.
    denied: Option<ServerError>,
    greeted: bool,
    heartbeat: Heartbeat,
    limits: Limits,
    /// The latest end, once the server drains.
    leave_by: Option<Instant>,
}

impl Answer {
    fn new(
        words: &'static Words,
        payloads: BoxStream<'static, Payload>,
        asker: Asker,
        limits: Limits,
    ) -> Self {
        Self {
            words,
            payloads: Some(payloads),
            asker,
            cursor: None,
            denied: None,
            greeted: false,
            heartbeat: Heartbeat::new(&limits),
            limits,
            leave_by: None,
        }
    }

    fn write(&mut self, payload: Option<Payload>, out: &mut BytesMut) {
        let then = match payload {
            None => {
                (self.words.complete)(out);
                return self.payloads = None;
            }
            Some(Payload::Refused(errors)) => {
                (self.words.refused)(&errors, out);
                return;
            }
            Some(Payload::Next(next)) => {
                (self.words.next)(&next, out);
                self.cursor = next.cursor.or_else(|| self.cursor.take());
                next.then
            }
        };
        if then != Then::GoOn {
            (self.words.leave)(out);
            self.payloads = None;
        }
    }

    /// Nothing more is sent but why.
    fn deny(&mut self, error: ServerError, now: Instant) -> Due {
        if self.payloads.take().is_none() {
            return Due::Nothing;
        }
        self.denied = Some(error);
        self.heartbeat.wait(now);
        Due::Write
    }

    fn saw(&mut self, look: Look, now: Instant) -> Due {
        let grant = self.asker.standing.principal().map(|who| who.viewer.grant());
        let usage = self.asker.usage.as_ref();
        match look {
            Look::Changed if !usage.zip(grant).is_none_or(|(usage, grant)| usage.change(&grant)) => {
                self.deny(forbidden(self.cursor.as_deref()), now)
            }
            Look::Same | Look::Changed => Due::Nothing,
            Look::Out(denied) => self.deny(ended(denied.into(), self.cursor.as_deref()), now),
        }
    }
}

impl Session for Answer {
    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<()> {
        if !std::mem::replace(&mut self.greeted, true) {
            (self.words.greet)(out);
        }
        if let Some(error) = self.denied.take() {
            (self.words.denied)(&error, out);
        }
        if self.heartbeat.pulled() && self.payloads.is_some() {
            (self.words.beat)(out);
        }
        while let Some(payloads) = &mut self.payloads {
            if out.len() >= CHUNK {
                return Poll::Pending;
            }
            match payloads.poll_next_unpin(cx) {
                Poll::Ready(payload) => self.write(payload, out),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    fn on_time(&mut self, now: Instant) -> Due {
        if self.heartbeat.on_time(now, &self.limits).is_break() {
            return Due::Cut;
        }
        if self.leave_by.is_some_and(|by| now >= by) {
            self.payloads = None;
            return Due::Write;
        }
        let look = self.asker.standing.on_time(Micros::now());
        match self.saw(look, now) {
            Due::Nothing if self.heartbeat.is_waiting() => Due::Write,
            due => due,
        }
    }

    fn access_changed(&mut self, now: Instant) -> Due {
        let look = self.asker.standing.look(Micros::now());
        self.saw(look, now)
    }

    /// The operation also learns of it, and ends.
    fn drain(&mut self, now: Instant, _: Instant) {
        self.leave_by.get_or_insert(now + self.limits.drain);
    }

    fn abandon(&mut self) {
        self.payloads = None;
    }
}

/// The words of one form.
struct Words {
    content_type: &'static str,
    /// Its name in the metrics.
    transport: &'static str,
    /// Goes before everything else.
    greet: fn(&mut BytesMut),
    beat: fn(&mut BytesMut),
    next: fn(&Next, &mut BytesMut),
    refused: fn(&[ServerError], &mut BytesMut),
    /// The operation is no longer allowed.
    denied: fn(&ServerError, &mut BytesMut),
    /// The operation is over.
    complete: fn(&mut BytesMut),
    /// Only the response is over.
    leave: fn(&mut BytesMut),
}

impl Form {
    const fn words(self) -> &'static Words {
        match self {
            Self::Sse => &Words {
                content_type: "text/event-stream; charset=utf-8",
                transport: "sse",
                greet: sse::beat,
                beat: sse::beat,
                next: sse::next,
                refused: sse::refused,
                denied: sse::denied,
                complete: sse::complete,
                leave: |_| {},
            },
            Self::Multipart => &Words {
                content_type: "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0",
                transport: "multipart",
                greet: multipart::begin,
                beat: multipart::beat,
                next: multipart::next,
                refused: multipart::refused,
                denied: multipart::denied,
                complete: multipart::end,
                leave: multipart::end,
            },
        }
    }
}
