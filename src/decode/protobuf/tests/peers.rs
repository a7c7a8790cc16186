//! The bytes of `tests/protobuf/peers.py`, which writes down what Google's implementation reads.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::*;

const CASES: &str = include_str!("../../../../tests/protobuf/cases.json");

#[derive(Deserialize)]
struct Peer {
    title: String,
    text: String,
    references: BTreeMap<String, String>,
    set: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    message: String,
    payload: String,
    value: Option<Json>,
}

static PEERS: LazyLock<Vec<Peer>> = LazyLock::new(|| serde_json::from_str(CASES).expect("cases"));

static SCHEMAS: LazyLock<Vec<Schema>> = LazyLock::new(|| {
    let sets = PEERS.iter().map(|peer| Schema::parse_set(&bytes(&peer.set)));
    sets.collect::<Result<_, _>>().expect("schemas")
});

pub(super) fn schemas() -> &'static [Schema] {
    &SCHEMAS
}

pub(super) fn messages() -> Vec<(Decoder, Vec<u8>)> {
    let mut messages = Vec::new();
    for (peer, schema) in PEERS.iter().zip(schemas()) {
        for case in &peer.cases {
            let decoder = schema.by_name(&case.message).expect("a message");
            messages.push((decoder, bytes(&case.payload)));
        }
    }
    messages
}

pub(super) fn bytes(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("Base64")
}

/// One with nested messages.
pub(super) fn set() -> Vec<u8> {
    bytes(&PEERS[1].set)
}

fn of_text(peer: &Peer) -> Result<Schema, String> {
    Schema::parse(&SchemaText {
        text: peer.text.clone(),
        references: peer.references.clone().into_iter().collect(),
    })
}

/// A value with its kind, as the peer writes it.
fn tagged(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => json!(bool),
        Value::Int(number) => json!({ "int": number.to_string() }),
        Value::BigInt(digits) => json!({ "int": digits }),
        Value::Float(number) => json!({ "float": float(*number) }),
        Value::Text(text) => json!({ "text": text }),
        Value::Untyped(text) => json!({ "untyped": text }),
        Value::Bytes(bytes) => json!({ "bytes": STANDARD.encode(bytes) }),
        Value::Time(time) => json!({ "time": time.0 }),
        Value::List(values) => values.iter().map(tagged).collect(),
        Value::Object(object) => {
            let fields: Map<String, Json> = object
                .0
                .iter()
                .map(|(name, value)| (name.to_string(), tagged(value)))
                .collect();
            json!({ "object": fields })
        }
    }
}

fn float(number: f64) -> String {
    format!("{number:?}").to_lowercase()
}

/// Floats are compared as numbers, because Python writes them in another way.
fn same(json: &Json) -> Json {
    match json {
        Json::Array(values) => values.iter().map(same).collect(),
        Json::Object(fields) => match fields.get("float") {
            Some(Json::String(number)) if fields.len() == 1 => {
                json!({ "float": float(number.parse().expect("a float")) })
            }
            _ => fields
                .iter()
                .map(|(name, value)| (name.clone(), same(value)))
                .collect(),
        },
        other => other.clone(),
    }
}

#[test]
fn each_message_is_what_googles_implementation_reads() {
    let mut cases = 0;
    for (peer, of_set) in PEERS.iter().zip(schemas()) {
        let of_text = of_text(peer).ok();
        assert_eq!(of_text.is_none(), peer.title == "editions", "{}", peer.title);
        for case in &peer.cases {
            for schema in of_text.iter().chain([of_set]) {
                let decoder = schema.by_name(&case.message).expect("a message");
                let payload = bytes(&case.payload);
                let value = decoder.decode(&payload);
                let place = format!("{} {} {payload:02x?}", peer.title, case.message);
                match (&case.value, value) {
                    (Some(expected), Ok(value)) => assert_eq!(tagged(&value), same(expected), "{place}"),
                    (None, Err(error)) => assert_eq!(error.reason, Reason::NotProtobuf, "{place}"),
                    (expected, value) => panic!("{place}: expected {expected:?}, found {value:?}"),
                }
                cases += 1;
            }
        }
    }
    assert!(cases > 130, "{cases}");
}
