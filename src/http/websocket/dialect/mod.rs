//! The words of each protocol: texts in, texts out. What they mean is in `conversation`.

mod graphql;
mod plain;

use async_graphql::{Request, ServerError};
use bytes::BytesMut;
use serde_json::Value;

use crate::http::session::Limits;
use crate::http::session::operations::Operation;
use crate::live::Json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `graphql-transport-ws`, by the PROTOCOL.md of the `graphql-ws` library.
    TransportWs,
    /// The sub-protocol that is itself named `graphql-ws`, of subscriptions-transport-ws.
    Legacy,
    /// Our own at `/ws`, by docs/websocket.md.
    Plain,
}

#[derive(Debug)]
pub enum ClientMessage {
    Init(Value),
    Ping(Option<Value>),
    Pong,
    Subscribe { id: String, request: Box<Request> },
    Complete { id: String },
    Terminate,
}

/// A message that makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The connection closes with 4400 and this reason.
    Close(&'static str),
    /// The client is told.
    Say(Option<String>, String),
}

/// Everything but payloads; a dialect that has no word for one is silent.
#[derive(Debug)]
pub enum ServerMessage<'a> {
    /// The connection is open.
    Hello(&'a Limits),
    Ack,
    /// `connection_init` was refused.
    InitRefused(&'a str),
    Pong(Option<&'a Value>),
    KeepAlive,
    /// An operation never began.
    Error(&'a str, &'a [ServerError]),
    /// The id is in use.
    Duplicate(&'a str),
    /// No operation has the id that was to be stopped.
    Unknown(&'a str),
    Wrong(Option<&'a str>, &'a str),
    /// An operation ended by itself.
    Complete(&'a str),
    /// An operation ended because the client said so.
    Stopped(&'a str),
}

impl Dialect {
    /// By the name of the sub-protocol that a client of `/graphql` offers.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "graphql-transport-ws" => Some(Self::TransportWs),
            "graphql-ws" => Some(Self::Legacy),
            _ => None,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::TransportWs => "graphql-transport-ws",
            Self::Legacy => "graphql-ws",
            Self::Plain => "streamsync",
        }
    }

    /// Its name in the metrics.
    pub const fn transport(self) -> &'static str {
        match self {
            Self::TransportWs | Self::Legacy => self.name(),
            Self::Plain => "plain-ws",
        }
    }

    /// Operations may come without a word before.
    pub const fn needs_init(self) -> bool {
        !matches!(self, Self::Plain)
    }

    pub fn parse(self, text: &str) -> Result<ClientMessage, Wrong> {
        match self {
            Self::TransportWs => graphql::parse_transport(text),
            Self::Legacy => graphql::parse_legacy(text),
            Self::Plain => plain::parse(text),
        }
    }

    pub fn write(self, message: &ServerMessage<'_>) -> Option<String> {
        match self {
            Self::TransportWs => graphql::write_transport(message),
            Self::Legacy => graphql::write_legacy(message),
            Self::Plain => plain::write(message),
        }
    }

    /// What goes before each payload of this operation; made once.
    pub fn opening(self, id: &str) -> Vec<u8> {
        match self {
            Self::TransportWs => graphql::opening("next", id),
            Self::Legacy => graphql::opening("data", id),
            Self::Plain => plain::opening(id),
        }
    }

    /// Writes a payload as a frame. False when the operation is over by that.
    pub fn next(self, from: &Operation, first: bool, json: &Json, out: &mut BytesMut) -> bool {
        match self {
            Self::TransportWs | Self::Legacy => graphql::next(&from.opening, json, out),
            Self::Plain => return plain::next(from, first, json, out),
        }
        true
    }
}
