//! Plain JSON for clients without GraphQL, as docs/websocket.md describes it.
//!
//! A subscription is one fixed GraphQL document; its payloads lose their wrapping, by bytes, so
//! that they are encoded once for everybody.

use async_graphql::{Request, ServerError, Variables};
use bytes::{Buf, BufMut, BytesMut};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::frames;
use super::{ClientMessage, ServerMessage, Wrong};
use crate::http::session::Limits;
use crate::http::session::operations::Operation;
use crate::live::Json;

const DOCUMENT: &str = "subscription($selector: SeriesSelector!, $after: Cursor, $backfill: Duration, \
    $every: Duration, $fold: Fold, $onOverflow: OverflowPolicy) { points(selector: $selector, \
    after: $after, backfill: $backfill, every: $every, fold: $fold, onOverflow: $onOverflow) { \
    cursor conflated points { series: key ts value } } }";
/// What a payload of that document begins and ends with; between lies `"cursor":…,"points":[…]`.
const HEAD: &[u8] = br#"{"data":{"points":{"#;
const TAIL: &[u8] = b"}}}";
/// Of the words in this file; the greeting tells it.
const PROTOCOL: u32 = 1;

/// Unknown members are refused: they are mistakes that would go unnoticed.
#[derive(Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
enum Received {
    Subscribe {
        id: String,
        #[serde(default)]
        selector: Selector,
        after: Option<String>,
        backfill: Option<String>,
        every: Option<String>,
        fold: Option<String>,
        on_overflow: Option<String>,
    },
    Unsubscribe {
        id: String,
    },
    Ping {
        payload: Option<Value>,
    },
    Pong {
        #[serde(rename = "payload")]
        _payload: Option<Value>,
    },
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Selector {
    metric: Option<String>,
    labels: Labels,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Labels {
    Equal(Map<String, Value>),
    Matchers(Vec<Matcher>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matcher {
    name: String,
    #[serde(default = "equal")]
    op: String,
    value: String,
}

pub fn parse(text: &str) -> Result<ClientMessage, Wrong> {
    let received = serde_json::from_str(text).map_err(|error| {
        let value = serde_json::from_str::<Value>(text).unwrap_or_default();
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        Wrong::Say(id, format!("not a message of this protocol: {error}"))
    })?;
    match received {
        Received::Subscribe { ref id, .. } | Received::Unsubscribe { ref id } if id.is_empty() => {
            Err(Wrong::Say(None, "the id is empty".to_owned()))
        }
        Received::Subscribe {
            id,
            selector,
            after,
            backfill,
            every,
            fold,
            on_overflow,
        } => {
            let variables = json!({
                "selector": selector.into_graphql().map_err(|why| Wrong::Say(Some(id.clone()), why))?,
                "after": after,
                "backfill": backfill,
                "every": every,
                "fold": fold.map(|fold| fold.to_ascii_uppercase()),
                "onOverflow": on_overflow.map(|policy| policy.to_ascii_uppercase()),
            });
            let request = Request::new(DOCUMENT).variables(Variables::from_json(variables));
            let request = Box::new(request);
            Ok(ClientMessage::Subscribe { id, request })
        }
        Received::Unsubscribe { id } => Ok(ClientMessage::Complete { id }),
        Received::Ping { payload } => Ok(ClientMessage::Ping(payload)),
        Received::Pong { .. } => Ok(ClientMessage::Pong),
    }
}

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

fn equal() -> String {
    "=".to_owned()
}

impl Default for Labels {
    fn default() -> Self {
        Self::Matchers(Vec::new())
    }
}

impl Selector {
    fn into_graphql(self) -> Result<Value, String> {
        let matcher =
            |name: String, op: &str, value: Value| json!({ "name": name, "op": op, "value": value });
        let labels: Result<Vec<Value>, String> = match self.labels {
            Labels::Equal(labels) => labels
                .into_iter()
                .map(|(name, value)| Ok(matcher(name, "EQUAL", value)))
                .collect(),
            Labels::Matchers(matchers) => matchers
                .into_iter()
                .map(|m| Ok(matcher(m.name, operator(&m.op)?, m.value.into())))
                .collect(),
        };
        Ok(json!({ "metric": self.metric, "labels": labels? }))
    }
}

fn operator(op: &str) -> Result<&'static str, String> {
    match op {
        "=" => Ok("EQUAL"),
        "!=" => Ok("NOT_EQUAL"),
        "=~" => Ok("MATCHES"),
        "!~" => Ok("NOT_MATCHES"),
        other => Err(format!("op '{other}' is none of =, !=, =~, !~")),
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

    #[test]
    fn labels_are_a_map_or_a_list_of_matchers() {
        let variables = |labels: &str| {
            let text = format!(
                r#"{{"type":"subscribe","id":"1","selector":{{"metric":"m","labels":{labels}}},"onOverflow":"conflate"}}"#
            );
            match parse(&text) {
                Ok(ClientMessage::Subscribe { request, .. }) => {
                    serde_json::to_value(&request.variables).unwrap()
                }
                other => panic!("{other:?}"),
            }
        };
        let map = variables(r#"{"site":"a"}"#);
        let list = variables(r#"[{"name":"site","value":"a"}]"#);
        let expected = json!([{"name": "site", "op": "EQUAL", "value": "a"}]);
        assert_eq!(map["selector"]["labels"], expected);
        assert_eq!(list, map);
        assert_eq!(map["onOverflow"], "CONFLATE");
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        for (text, word) in [
            (r#"{"type":"subscribe","id":"7","form":"now"}"#, "form"),
            (r#"{"type":"publish","id":"7"}"#, "publish"),
            (
                r#"{"type":"subscribe","id":"7","selector":{"labels":[{"name":"a","op":"~","value":"b"}]}}"#,
                "'~'",
            ),
        ] {
            match parse(text) {
                Err(Wrong::Say(Some(id), why)) => {
                    assert_eq!(id, "7");
                    assert!(why.contains(word), "{why}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
