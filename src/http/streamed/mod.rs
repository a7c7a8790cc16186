//! An operation answered as a stream of HTTP: server-sent events, or Apollo's multipart.
//!
//! One operation, one response. It ends when the operation does, when the server drains or when
//! the client was too slow; in the last two cases without the word that says it is complete, so
//! that clients come back with their cursor.

mod multipart;
mod sse;
#[cfg(test)]
mod tests;

use std::task::{Context, Poll};

use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::BytesMut;
use actix_web::{HttpRequest, HttpResponse};
use async_graphql::ServerError;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::time::Instant;

use super::session::{CHUNK, Due, Heartbeat, Limits, LiveConnections, Session};
use crate::graphql::{Next, Payload, Then};

/// Proxies must not hold events back.
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
    payloads: BoxStream<'static, Payload>,
) -> HttpResponse {
    let answer = Answer::new(form, payloads, live.settings.limits);
    let body = live.body(http, form.transport(), answer);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(form.content_type())))
        .insert_header((X_ACCEL_BUFFERING, HeaderValue::from_static("no")))
        .body(body)
}

struct Answer {
    form: Form,
    /// `None` when the last word was written.
    payloads: Option<BoxStream<'static, Payload>>,
    greeted: bool,
    heartbeat: Heartbeat,
    limits: Limits,
    /// When the server drains, at the latest then.
    leave_by: Option<Instant>,
}

impl Answer {
    fn new(form: Form, payloads: BoxStream<'static, Payload>, limits: Limits) -> Self {
        Self {
            form,
            payloads: Some(payloads),
            greeted: false,
            heartbeat: Heartbeat::new(&limits),
            limits,
            leave_by: None,
        }
    }

    fn write(&mut self, payload: Option<Payload>, out: &mut BytesMut) {
        let then = match payload {
            None => {
                self.form.complete(out);
                return self.payloads = None;
            }
            Some(Payload::Refused(errors)) => {
                self.form.refused(&errors, out);
                return;
            }
            Some(Payload::Next(next)) => {
                self.form.next(&next, out);
                next.then
            }
        };
        if then != Then::GoOn {
            self.form.leave(out);
            self.payloads = None;
        }
    }
}

impl Session for Answer {
    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<()> {
        if !std::mem::replace(&mut self.greeted, true) {
            self.form.greet(out);
        }
        if self.heartbeat.pulled() && self.payloads.is_some() {
            self.form.beat(out);
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
        match self.heartbeat.is_waiting() {
            true => Due::Write,
            false => Due::Nothing,
        }
    }

    /// The operation hears of it by itself, and ends.
    fn drain(&mut self, now: Instant, _: Instant) {
        self.leave_by.get_or_insert(now + self.limits.drain);
    }

    fn abandon(&mut self) {
        self.payloads = None;
    }
}

impl Form {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream; charset=utf-8",
            Self::Multipart => "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0",
        }
    }

    /// Its name in the metrics.
    const fn transport(self) -> &'static str {
        match self {
            Self::Sse => "sse",
            Self::Multipart => "multipart",
        }
    }

    /// What goes before everything else.
    fn greet(self, out: &mut BytesMut) {
        match self {
            Self::Sse => sse::beat(out),
            Self::Multipart => multipart::begin(out),
        }
    }

    fn beat(self, out: &mut BytesMut) {
        match self {
            Self::Sse => sse::beat(out),
            Self::Multipart => multipart::beat(out),
        }
    }

    fn next(self, next: &Next, out: &mut BytesMut) {
        match self {
            Self::Sse => sse::next(next, out),
            Self::Multipart => multipart::next(next, out),
        }
    }

    fn refused(self, errors: &[ServerError], out: &mut BytesMut) {
        match self {
            Self::Sse => sse::refused(errors, out),
            Self::Multipart => multipart::refused(errors, out),
        }
    }

    /// The operation is over.
    fn complete(self, out: &mut BytesMut) {
        match self {
            Self::Sse => sse::complete(out),
            Self::Multipart => multipart::end(out),
        }
    }

    /// Only the response is over.
    fn leave(self, out: &mut BytesMut) {
        match self {
            Self::Sse => {}
            Self::Multipart => multipart::end(out),
        }
    }
}
