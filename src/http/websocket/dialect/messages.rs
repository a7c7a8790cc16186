//! Messages, independent of the protocol.

use async_graphql::{Request, ServerError};
use serde_json::Value;

use super::plain::Subscribe;
use crate::access::Credential;
use crate::data::Micros;
use crate::http::session::Limits;

#[derive(Debug)]
pub enum ClientMessage {
    Init(Value),
    /// Says who it is, or brings a new credential.
    Auth(Credential),
    Ping(Option<Value>),
    Pong,
    Subscribe {
        id: String,
        asked: Asked,
    },
    Complete {
        id: String,
    },
    Terminate,
}

/// What a client subscribes to.
#[derive(Debug)]
pub enum Asked {
    GraphQl(Box<Request>),
    Points(Box<Subscribe>),
}

/// An invalid message.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The connection closes with 4400 and this reason.
    Close(&'static str),
    /// The client is told.
    Say(Option<String>, String),
}

/// All messages except payloads. A dialect without a word for one sends nothing.
#[derive(Debug)]
pub enum ServerMessage<'a> {
    /// The connection is open.
    Hello(&'a Limits),
    /// A credential was taken, at the beginning or later.
    Admitted {
        begins: bool,
        expires: Option<Micros>,
    },
    /// It was not.
    Refused {
        begins: bool,
        why: &'a str,
    },
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
    /// An operation ended because the client stopped it.
    Stopped(&'a str),
}
