//! Who uses a connection: the credentials that come over it, and what changes while it is open.

use std::task::{Context, Poll};

use bytes::BytesMut;
use serde_json::Value;
use tokio::time::Instant;

use super::asking::Asking;
use super::conversation::Conversation;
use super::credential;
use super::dialect::{Dialect, ServerMessage};
use crate::access::{Credential, Denied};
use crate::data::audit::{Actor, Event};
use crate::data::{ClientKey, Micros};
use crate::graphql::Operations;
use crate::graphql::errors::forbidden;
use crate::http::session::{Look, Refused};

impl<E: Operations> Conversation<E> {
    /// `connection_init`. Without a credential the one of the request counts, if there was one.
    pub(super) fn init(&mut self, payload: &Value, out: &mut BytesMut) {
        match (credential::of_payload(payload), self.acknowledged) {
            (Some(credential), false) => self.ask(credential, true),
            (None, false) if self.standing.principal().is_some() => self.admitted(true, out),
            (None, false) => self.refused(true, Denied::Missing.into(), out),
            // The older protocol has no other message for it.
            (Some(credential), true) if self.dialect == Dialect::Legacy => self.ask(credential, false),
            (_, true) => self.close(4429, "Too many initialisation requests", out),
        }
    }

    /// A ping may bring a new credential.
    pub(super) fn ping_received(&mut self, payload: Option<&Value>, out: &mut BytesMut) {
        let may_renew = self.dialect == Dialect::TransportWs;
        match payload.filter(|_| may_renew).and_then(credential::of_payload) {
            Some(credential) if self.acknowledged => self.ask(credential, false),
            Some(_) => self.refused(false, Denied::Missing.into(), out),
            None => self.say(&ServerMessage::Pong(payload), out),
        }
    }

    /// The messages that come next wait for the answer.
    pub(super) fn ask(&mut self, credential: Credential, begins: bool) {
        let connection = self.connection.as_ref();
        let address = connection.map_or(ClientKey::UNKNOWN, |connection| connection.client());
        let answer = self.standing.gate().authenticate(address, credential);
        self.asking = Some(Asking::new(answer, begins));
    }

    pub fn is_asking(&self) -> bool {
        self.asking.is_some()
    }

    /// True once the answer has come.
    pub fn poll_answer(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> bool {
        let Some(asking) = &mut self.asking else {
            return false;
        };
        let Poll::Ready(found) = asking.poll(cx) else {
            return false;
        };
        let begins = asking.begins;
        self.asking = None;
        if self.is_open() {
            match self.standing.admit(found, begins, Micros::now()) {
                Ok(look) => {
                    self.saw(look, Instant::now());
                    self.admitted(begins, out);
                }
                Err(why) => self.refused(begins, why, out),
            }
        }
        true
    }

    /// Something is to be written that neither an operation nor the peer has brought.
    pub fn has_news(&self) -> bool {
        let given_up = self.asking.as_ref().is_some_and(Asking::is_given_up);
        given_up || self.grant_changed || self.is_closing()
    }

    pub fn access_changed(&mut self, now: Instant) {
        if self.is_open() {
            let look = self.standing.look(Micros::now());
            self.saw(look, now);
        }
    }

    pub fn on_time(&mut self, now: Instant) {
        let patience = self.settings.limits.init;
        if let Some(asking) = &mut self.asking {
            asking.on_time(now, patience);
        }
        if self.is_open() {
            let look = self.standing.on_time(Micros::now());
            self.saw(look, now);
        }
    }

    /// So long after the connection was opened somebody must have said who they are.
    pub fn init_is_over(&mut self, now: Instant) {
        match self.dialect {
            Dialect::Plain => self.close_soon(4401, "Unauthorized", now),
            _ => self.close_soon(4408, "Connection initialisation timeout", now),
        }
    }

    /// Ends the operations that are no longer allowed.
    pub(super) fn judge(&mut self, out: &mut BytesMut) {
        if !std::mem::take(&mut self.grant_changed) {
            return;
        }
        let Some(grant) = self
            .standing
            .principal()
            .map(|principal| principal.viewer.grant())
        else {
            return;
        };
        for at in (0..self.running.len()).rev() {
            let operation = self.running.get(at);
            if operation.usage.as_ref().is_none_or(|usage| usage.change(&grant)) {
                continue;
            }
            let error = forbidden(operation.cursor.as_deref());
            let id = self.running.stop(at);
            self.say(&ServerMessage::Error(&id, &[error]), out);
        }
    }

    fn saw(&mut self, look: Look, now: Instant) {
        match look {
            Look::Same => {}
            Look::Changed => self.grant_changed = true,
            Look::Out(Denied::Expired) => self.close_soon(4401, "The credential has expired", now),
            Look::Out(Denied::Missing | Denied::Invalid) => {
                self.close_soon(4403, "The credential is no longer valid", now);
            }
            Look::Out(Denied::TooMany(_) | Denied::OverLimit(_) | Denied::Unavailable) => {
                self.close_soon(1013, "Credentials cannot be checked at the moment", now);
            }
        }
    }

    fn admitted(&mut self, begins: bool, out: &mut BytesMut) {
        self.acknowledged = true;
        if let (Some(connection), Some(principal)) = (&self.connection, self.standing.principal()) {
            connection.meter_by(principal.viewer.meter());
        }
        let expires = self.standing.expires();
        self.say(&ServerMessage::Admitted { begins, expires }, out);
        if begins {
            self.say(&ServerMessage::KeepAlive, out);
        }
    }

    /// A connection that is in use goes on as it was.
    fn refused(&mut self, begins: bool, why: Refused, out: &mut BytesMut) {
        let told = why.to_string();
        if why != Refused::Denied(Denied::Unavailable) {
            self.record(&told);
        }
        self.say(&ServerMessage::Refused { begins, why: &told }, out);
        if !begins && self.is_ready() {
            return;
        }
        match why {
            Refused::Denied(Denied::Missing) => self.close(4401, "Unauthorized", out),
            Refused::Denied(Denied::TooMany(_) | Denied::OverLimit(_) | Denied::Unavailable) => {
                self.close(1013, &told, out);
            }
            Refused::Denied(Denied::Invalid | Denied::Expired) | Refused::Another => {
                self.close(4403, "Forbidden", out);
            }
        }
    }

    /// As a request that is refused, by whoever uses the connection so far.
    fn record(&self, why: &str) {
        let address = self
            .connection
            .as_ref()
            .and_then(|connection| connection.address());
        let actor = match self.standing.principal() {
            Some(principal) => principal.actor(address),
            None => Actor::unknown(address),
        };
        let denied = Event::denied(actor, self.dialect.path(), why);
        self.settings.audit.record(denied);
    }
}
