//! GraphQL's two sub-protocols: that of `graphql-ws`' PROTOCOL.md, and the older one of
//! subscriptions-transport-ws, which stays open after messages that close the newer one.

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::frames;
use super::messages::{Asked, ClientMessage, ServerMessage, Wrong};
use crate::data::Micros;
use crate::graphql::guard;
use crate::http::request;
use crate::live::Json;

struct Received {
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

pub fn parse_transport(text: &str) -> Result<ClientMessage, Wrong> {
    let Received { kind, id, payload } = received(text).map_err(Wrong::Close)?;
    let parsed = match kind.as_str() {
        "connection_init" => object(payload).map(|p| ClientMessage::Init(p.unwrap_or_default())),
        "ping" => object(payload).map(ClientMessage::Ping),
        "pong" => object(payload).map(|_| ClientMessage::Pong),
        "subscribe" => named(id).and_then(|id| subscribe(id, payload)),
        "complete" => named(id).map(|id| ClientMessage::Complete { id }),
        _ => Err("Invalid message type"),
    };
    parsed.map_err(Wrong::Close)
}

pub fn parse_legacy(text: &str) -> Result<ClientMessage, Wrong> {
    let wrong = |id, why: &str| Wrong::Say(id, why.to_owned());
    let Received { kind, id, payload } = received(text).map_err(|why| wrong(None, why))?;
    let of = id.clone();
    let parsed = match kind.as_str() {
        "connection_init" => Ok(ClientMessage::Init(payload.unwrap_or_default())),
        "start" => named(id).and_then(|id| subscribe(id, payload)),
        "stop" => named(id).map(|id| ClientMessage::Complete { id }),
        "connection_terminate" => Ok(ClientMessage::Terminate),
        _ => Err("Invalid message type"),
    };
    parsed.map_err(|why| wrong(of, why))
}

pub fn write_transport(message: &ServerMessage<'_>) -> Option<String> {
    match *message {
        ServerMessage::Admitted {
            begins: true,
            expires,
        } => text("connection_ack", None, until(expires)),
        ServerMessage::Admitted {
            begins: false,
            expires,
        } => {
            let mut payload = json!({ "auth": "ok" });
            if let Some(expires) = expires {
                payload["expires"] = expires.to_string().into();
            }
            text("pong", None, Some(payload))
        }
        ServerMessage::Refused { begins: false, why } => {
            let payload = json!({ "auth": "refused", "message": why });
            text("pong", None, Some(payload))
        }
        ServerMessage::Pong(payload) => text("pong", None, payload),
        ServerMessage::Error(id, errors) => text("error", Some(id), Some(errors)),
        ServerMessage::Complete(id) => text::<()>("complete", Some(id), None),
        _ => None,
    }
}

pub fn write_legacy(message: &ServerMessage<'_>) -> Option<String> {
    let error = |why: &str| Some(json!({ "message": why }));
    match *message {
        ServerMessage::Admitted { expires, .. } => text("connection_ack", None, until(expires)),
        ServerMessage::Refused { why, .. } => text("connection_error", None, error(why)),
        ServerMessage::KeepAlive => text::<()>("ka", None, None),
        // The older protocol has room for one error.
        ServerMessage::Error(id, errors) => text("error", Some(id), errors.first()),
        ServerMessage::Wrong(id, why) => text("error", id, error(why)),
        ServerMessage::Complete(id) => text::<()>("complete", Some(id), None),
        _ => None,
    }
}

/// The beginning of a message up to its payload.
pub fn opening(kind: &'static str, id: &str) -> Vec<u8> {
    let mut opening = text::<()>(kind, Some(id), None).unwrap_or_default().into_bytes();
    opening.pop();
    opening.extend_from_slice(b",\"payload\":");
    opening
}

pub fn next(opening: &[u8], json: &Json, out: &mut BytesMut) {
    frames::text_head(out, opening.len() + json.len() + 1);
    out.put_slice(opening);
    json.write(out);
    out.put_u8(b'}');
}

fn received(text: &str) -> Result<Received, &'static str> {
    let invalid = "Invalid message received";
    let value = guard::json::parse(text.as_bytes()).map_err(|why| match why {
        why if why == guard::LOSES_DIGITS => guard::LOSES_DIGITS,
        _ => invalid,
    })?;
    let Value::Object(mut members) = value else {
        return Err(invalid);
    };
    let Some(Value::String(kind)) = members.remove("type") else {
        return Err(invalid);
    };
    let id = match members.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err(invalid),
    };
    let payload = members.remove("payload").filter(|payload| !payload.is_null());
    Ok(Received { kind, id, payload })
}

fn subscribe(id: String, payload: Option<Value>) -> Result<ClientMessage, &'static str> {
    let payload = payload.unwrap_or_default();
    if !payload.get("query").is_some_and(Value::is_string) && !request::names_document(&payload) {
        return Err("Message payload is missing the 'query' property");
    }
    let request = request::from_json(payload).map_err(|_| "Message payload is not a GraphQL request")?;
    let asked = Asked::GraphQl(Box::new(request));
    Ok(ClientMessage::Subscribe { id, asked })
}

fn named(id: Option<String>) -> Result<String, &'static str> {
    id.filter(|id| !id.is_empty())
        .ok_or("Message is missing the 'id' property")
}

fn object(payload: Option<Value>) -> Result<Option<Value>, &'static str> {
    match payload {
        None | Some(Value::Object(_)) => Ok(payload),
        Some(_) => Err("Message payload must be an object"),
    }
}

/// When the credential expires, if it does.
fn until(expires: Option<Micros>) -> Option<Value> {
    expires.map(|expires| json!({ "expires": expires.to_string() }))
}

fn text<P: Serialize>(kind: &'static str, id: Option<&str>, payload: Option<P>) -> Option<String> {
    // Only maps with keys that are no strings fail to serialise, and responses have none.
    serde_json::to_string(&Sent { kind, id, payload }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_framed_as_it_is_with_its_id_escaped() {
        let mut out = BytesMut::new();
        let json = Json::from(r#"{"data":{"a":1}}"#.to_owned());
        next(&opening("next", "a\"b"), &json, &mut out);
        let expected = br#"{"type":"next","id":"a\"b","payload":{"data":{"a":1}}}"#;
        assert_eq!(&out[2..], expected);
    }

    #[test]
    fn a_message_that_the_newer_protocol_closes_for_is_answered_in_the_older_one() {
        let text = r#"{"type":"start","id":"1","payload":{}}"#;
        let why = "Message payload is missing the 'query' property";
        let wrong = Wrong::Say(Some("1".to_owned()), why.to_owned());
        assert_eq!(parse_legacy(text).unwrap_err(), wrong);
        let text = r#"{"type":"subscribe","id":"1","payload":{}}"#;
        assert_eq!(parse_transport(text).unwrap_err(), Wrong::Close(why));
        for text in [
            "[]",
            r#"{"type":"ping","payload":1}"#,
            r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":1}}"#,
        ] {
            assert!(matches!(parse_transport(text), Err(Wrong::Close(_))), "{text}");
        }
        let long = r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":{"v":18446744073709551616}}}"#;
        assert_eq!(
            parse_transport(long).unwrap_err(),
            Wrong::Close(guard::LOSES_DIGITS)
        );
        let nulls = r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":null,"variables":null,"extensions":null}}"#;
        assert!(parse_transport(nulls).is_ok());
    }
}
