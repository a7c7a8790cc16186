//! The words of the two sub-protocols: texts in, texts out. What they mean is in `session`.
//!
//! `graphql-transport-ws` is the one of the `graphql-ws` library's PROTOCOL.md; the sub-protocol
//! that is itself named `graphql-ws` is the older one of subscriptions-transport-ws.

use async_graphql::{Request, ServerError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::live::Json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    TransportWs,
    Legacy,
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

#[derive(Debug)]
pub enum ServerMessage<'a> {
    Ack,
    Pong(Option<&'a Value>),
    KeepAlive,
    Next(&'a str, &'a Json),
    Error(&'a str, &'a [ServerError]),
    Complete(&'a str),
}

#[derive(Deserialize)]
struct Received {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    payload: Option<Value>,
}

#[derive(Serialize)]
struct Sent<'a, P> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

impl Protocol {
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
        }
    }

    /// `Err` says in a few words what is wrong; it goes into the close frame.
    pub fn parse(self, text: &str) -> Result<ClientMessage, &'static str> {
        let received: Received = serde_json::from_str(text).map_err(|_| "Invalid message received")?;
        let id = || match &received.id {
            Some(id) if !id.is_empty() => Ok(id.clone()),
            _ => Err("Message is missing the 'id' property"),
        };
        match (self, received.kind.as_str()) {
            (_, "connection_init") => Ok(ClientMessage::Init(received.payload.unwrap_or(Value::Null))),
            (Self::TransportWs, "ping") => Ok(ClientMessage::Ping(received.payload)),
            (Self::TransportWs, "pong") => Ok(ClientMessage::Pong),
            (Self::TransportWs, "subscribe") | (Self::Legacy, "start") => {
                let id = id()?;
                let payload = received.payload.unwrap_or(Value::Null);
                if !payload.get("query").is_some_and(Value::is_string) {
                    return Err("Message payload is missing the 'query' property");
                }
                let request = serde_json::from_value(payload)
                    .map_err(|_| "Message payload is not a GraphQL request")?;
                Ok(ClientMessage::Subscribe {
                    id,
                    request: Box::new(request),
                })
            }
            (Self::TransportWs, "complete") | (Self::Legacy, "stop") => {
                Ok(ClientMessage::Complete { id: id()? })
            }
            (Self::Legacy, "connection_terminate") => Ok(ClientMessage::Terminate),
            _ => Err("Invalid message type"),
        }
    }

    pub fn write(self, message: &ServerMessage<'_>) -> String {
        let legacy = self == Self::Legacy;
        match *message {
            ServerMessage::Ack => text::<()>("connection_ack", None, None),
            ServerMessage::Pong(payload) => text("pong", None, payload),
            ServerMessage::KeepAlive => text::<()>("ka", None, None),
            ServerMessage::Next(id, json) => next(if legacy { "data" } else { "next" }, id, json),
            // The older protocol has room for one error only.
            ServerMessage::Error(id, errors) if legacy => text("error", Some(id), errors.first()),
            ServerMessage::Error(id, errors) => text("error", Some(id), Some(errors)),
            ServerMessage::Complete(id) => text::<()>("complete", Some(id), None),
        }
    }
}

fn text<P: Serialize>(kind: &'static str, id: Option<&str>, payload: Option<P>) -> String {
    // Only maps with keys that are no strings fail to serialise, and responses have none.
    serde_json::to_string(&Sent { kind, id, payload }).unwrap_or_default()
}

fn next(kind: &'static str, id: &str, json: &Json) -> String {
    let mut out = text::<()>(kind, Some(id), None).into_bytes();
    out.pop();
    out.extend_from_slice(b",\"payload\":");
    json.write(&mut out);
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}
