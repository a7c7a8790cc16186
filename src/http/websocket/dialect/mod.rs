//! Reads and writes the messages of each protocol. `conversation` acts on them.

mod graphql;
mod messages;
pub mod plain;

use bytes::BytesMut;

pub use self::messages::{Asked, ClientMessage, ServerMessage, Wrong};
use crate::http::session::operations::Operation;
use crate::live::Json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `graphql-transport-ws`, by the PROTOCOL.md of the `graphql-ws` library.
    TransportWs,
    /// The sub-protocol that is itself named `graphql-ws`, of subscriptions-transport-ws.
    Legacy,
    /// The plain protocol of `/ws`, by docs/websocket.md.
    Plain,
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

    /// Where it is spoken.
    pub const fn path(self) -> &'static str {
        match self {
            Self::TransportWs | Self::Legacy => "/graphql",
            Self::Plain => "/ws",
        }
    }

    /// Its name in the metrics.
    pub const fn transport(self) -> &'static str {
        match self {
            Self::TransportWs | Self::Legacy => self.name(),
            Self::Plain => "plain-ws",
        }
    }

    /// Operations need a `connection_init` before.
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

    /// Goes before each payload of this operation; made once.
    pub fn opening(self, id: &str) -> Vec<u8> {
        match self {
            Self::TransportWs => graphql::opening("next", id),
            Self::Legacy => graphql::opening("data", id),
            Self::Plain => Vec::new(),
        }
    }

    /// Writes a payload as a frame.
    pub fn next(self, from: &Operation, json: &Json, out: &mut BytesMut) {
        match self {
            Self::TransportWs | Self::Legacy => graphql::next(&from.opening, json, out),
            Self::Plain => plain::next(json, out),
        }
    }
}
