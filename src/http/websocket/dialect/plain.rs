//! Plain JSON for clients without GraphQL, as docs/websocket.md describes it.
//!
//! A subscription is one fixed GraphQL document; its payloads lose their wrapping, by bytes, so
//! that they are encoded once for everybody.

use async_graphql::ServerError;
use bytes::{Buf, BufMut, BytesMut};
use serde_json::{Value, json};

use super::super::frames;
use super::ServerMessage;
use crate::http::session::Limits;
use crate::http::session::operations::Operation;
use crate::live::Json;

mod read;

pub use read::parse;

/// What a payload of its document begins and ends with; between lies `"cursor":…,"points":[…]`.
const HEAD: &[u8] = br#"{"data":{"points":{"#;
const TAIL: &[u8] = b"}}}";
/// Of the words in this file; the greeting tells it.
const PROTOCOL: u32 = 1;

pub fn write(message: &ServerMessage<'_>) -> Option<String> {
    let message = match *message {
        ServerMessage::Hello(limits) => hello(limits),
        ServerMessage::Pong(None) => json!({ "type": "pong" }),
        ServerMessage::Pong(Some(payload)) => json!({ "type": "pong", "payload": payload }),
        ServerMessage::Stopped(id) => json!({ "type": "unsubscribed", "id": id }),
        ServerMessage::Complete(id) => json!({ "type": "complete", "id": id }),
        ServerMessage::Error(id, errors) => refused(id, errors),
        ServerMessage::Duplicate(id) => {
            error(Some(id), "DUPLICATE_ID", "a subscription with this id is active")
        }
        ServerMessage::Unknown(id) => error(Some(id), "NOT_FOUND", "no subscription has this id"),
        ServerMessage::Wrong(id, why) => error(id, "BAD_MESSAGE", why),
        ServerMessage::Ack | ServerMessage::InitRefused(_) | ServerMessage::KeepAlive => return None,
    };
    Some(message.to_string())
}

/// Ends where the members of the payload begin.
pub fn opening(id: &str) -> Vec<u8> {
    let id = Value::from(id);
    format!(r#"{{"type":"points","id":{id},"#).into_bytes()
}

/// False when it was an error, after which nothing comes.
pub fn next(from: &Operation, first: bool, json: &Json, out: &mut BytesMut) -> bool {
    let Operation { id, opening, .. } = from;
    if let Some((inner, len)) = unwrapped(json) {
        if first {
            frames::text(out, &json!({ "type": "subscribed", "id": id }).to_string());
        }
        frames::text_head(out, opening.len() + len + 1);
        out.put_slice(opening);
        out.put(inner);
        out.put_u8(b'}');
        return true;
    }
    let mut whole = Vec::with_capacity(json.len());
    json.write(&mut whole);
    let whole: Value = serde_json::from_slice(&whole).unwrap_or_default();
    frames::text(out, &failed(id, &whole["errors"][0]).to_string());
    false
}

/// What lies between [`HEAD`] and [`TAIL`], and its length.
fn unwrapped(json: &Json) -> Option<(impl Buf, usize)> {
    let len = json.len().checked_sub(HEAD.len() + TAIL.len())?;
    let mut whole = Pieces {
        pieces: &json.0,
        at: 0,
    };
    let expect = |whole: &mut Pieces<'_>, expected: &[u8]| {
        let mut found = [0; HEAD.len()];
        let found = &mut found[..expected.len()];
        whole.copy_to_slice(found);
        (found == expected).then_some(())
    };
    expect(&mut whole, HEAD)?;
    let mut end = whole;
    end.advance(len);
    expect(&mut end, TAIL)?;
    Some((whole.take(len), len))
}

/// Reads through a text without copying it together.
#[derive(Clone, Copy)]
struct Pieces<'a> {
    pieces: &'a [bytes::Bytes],
    /// In the first piece.
    at: usize,
}

impl Buf for Pieces<'_> {
    fn remaining(&self) -> usize {
        self.pieces.iter().map(bytes::Bytes::len).sum::<usize>() - self.at
    }

    fn chunk(&self) -> &[u8] {
        let rest = self.pieces.first().map(|piece| &piece[self.at..]);
        match rest {
            Some([]) if self.pieces.len() > 1 => {
                let next = self.pieces[1..].iter().find(|piece| !piece.is_empty());
                next.map_or(&[], |piece| piece)
            }
            rest => rest.unwrap_or_default(),
        }
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(piece) = self.pieces.first() {
            let rest = piece.len() - self.at;
            if count < rest {
                self.at += count;
                return;
            }
            count -= rest;
            self.at = 0;
            self.pieces = &self.pieces[1..];
        }
        assert_eq!(count, 0, "advanced beyond the end");
    }
}

fn hello(limits: &Limits) -> Value {
    json!({
        "type": "hello",
        "protocol": PROTOCOL,
        "version": env!("CARGO_PKG_VERSION"),
        "limits": {
            "messageBytes": limits.message,
            "subscriptions": limits.operations,
            "deadAfterMs": limits.dead_after.as_millis() as u64,
        },
    })
}

fn refused(id: &str, errors: &[ServerError]) -> Value {
    let first = serde_json::to_value(errors.first()).unwrap_or_default();
    failed(id, &first)
}

/// From an error of GraphQL; what is beside its code, such as `earliestCursor`, is kept.
fn failed(id: &str, from: &Value) -> Value {
    let extensions = from["extensions"].as_object().cloned().unwrap_or_default();
    let code = extensions
        .get("code")
        .and_then(Value::as_str)
        .unwrap_or("INTERNAL");
    let message = from["message"].as_str().unwrap_or("the subscription failed");
    let mut error = error(Some(id), code, message);
    if let Some(members) = error.as_object_mut() {
        members.extend(extensions);
    }
    error
}

fn error(id: Option<&str>, code: &str, message: &str) -> Value {
    match id {
        Some(id) => json!({ "type": "error", "id": id, "code": code, "message": message }),
        None => json!({ "type": "error", "code": code, "message": message }),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::StreamExt;

    use super::*;
    use crate::http::session::operations::Running;

    fn operation() -> Running {
        let mut running = Running::default();
        running.start("1", opening("1"), futures_util::stream::empty().boxed(), None);
        running
    }

    fn pieces(text: &str, size: usize) -> Json {
        let parts = text.as_bytes().chunks(size);
        let mut pieces: Vec<Bytes> = parts.map(Bytes::copy_from_slice).collect();
        pieces.insert(0, Bytes::new());
        Json(pieces)
    }

    #[test]
    fn a_payload_loses_its_wrapping_however_it_is_cut() {
        let text = r#"{"data":{"points":{"cursor":"c","conflated":0,"points":[]}}}"#;
        for size in 1..=text.len() {
            let mut out = BytesMut::new();
            assert!(next(operation().get(0), false, &pieces(text, size), &mut out));
            let expected = br#"{"type":"points","id":"1","cursor":"c","conflated":0,"points":[]}"#;
            assert_eq!(&out[2..], expected, "{size}");
        }
    }

    #[test]
    fn an_error_becomes_one_with_what_its_code_carries() {
        let text = r#"{"data":null,"errors":[{"message":"gone","extensions":{"code":"RESUME_GAP","earliestCursor":"e"}}]}"#;
        let mut out = BytesMut::new();
        assert!(!next(operation().get(0), true, &pieces(text, 7), &mut out));
        let sent: Value = serde_json::from_slice(&out[2..]).unwrap();
        let expected = json!({"type": "error", "id": "1", "code": "RESUME_GAP", "message": "gone", "earliestCursor": "e"});
        assert_eq!(sent, expected);
    }
}
