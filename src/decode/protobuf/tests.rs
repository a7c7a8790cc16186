//! Messages as Google's implementation reads them, schemas that are wrong, and bytes that declare more
//! than there is.

use proptest::prelude::*;

use super::*;
use crate::data::Reason;

mod hostile;
mod meaning;
mod peers;
mod schemas;

fn text(text: &str) -> SchemaText {
    SchemaText {
        text: text.to_owned(),
        references: Vec::new(),
    }
}

fn parse(source: &str) -> Schema {
    Schema::parse(&text(source)).expect("a schema")
}

fn only(source: &str) -> Decoder {
    parse(source).only().expect("one message")
}

fn refused(decoder: &Decoder, payload: &[u8]) -> RecordError {
    decoder.decode(payload).expect_err("refused")
}

/// A field of bytes, as the wire has it.
fn framed(number: u8, inner: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::bytes::encode(number.into(), &inner.to_vec(), &mut bytes);
    bytes
}

/// Values, also nested ones.
fn count(value: &Value<'_>) -> usize {
    match value {
        Value::List(values) => 1 + values.iter().map(count).sum::<usize>(),
        Value::Object(object) => 1 + object.0.iter().map(|(_, value)| count(value)).sum::<usize>(),
        _ => 1,
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused_and_stays_bounded(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        for schema in peers::schemas() {
            for name in schema.names() {
                if let Ok(value) = schema.by_name(name).expect("a message").decode(&payload) {
                    prop_assert!(count(&value) < 70_000);
                }
            }
        }
    }

    #[test]
    fn a_message_that_is_changed_anywhere_is_read_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        case in any::<prop::sample::Index>(),
    ) {
        let messages = peers::messages();
        let (decoder, payload) = &messages[case.index(messages.len())];
        let mut payload = payload.clone();
        for (at, byte) in changes {
            if !payload.is_empty() {
                let at = at.index(payload.len());
                payload[at] = byte;
            }
        }
        let _ = decoder.decode(&payload);
    }
}
