//! JSON: one pass into borrowed values, by serde_json.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::data::{Object, Reason, Refusal, Value};

pub fn decode(payload: &[u8]) -> Result<Value<'_>, Refusal> {
    serde_json::from_slice(payload).map_err(|error| {
        if is_not_finite(payload, &error) {
            Refusal::new(Reason::NotFinite, "a number is not finite")
        } else {
            Refusal::new(Reason::NotJson, error.to_string())
        }
    })
}

/// JSON has no NaN, but many producers write it, and `1e999` parses to infinity: both deserve
/// their own reason rather than "not JSON".
fn is_not_finite(payload: &[u8], error: &serde_json::Error) -> bool {
    if error.to_string().starts_with("number out of range") {
        return true;
    }
    let line = payload
        .split(|byte| *byte == b'\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let at = error.column().saturating_sub(1);
    // The parser stops at the first or second letter of the word.
    [at, at.saturating_sub(1)].iter().any(|start| {
        let rest = line.get(*start..).unwrap_or_default();
        rest.starts_with(b"NaN") || rest.starts_with(b"Infinity") || rest.starts_with(b"-Infinity")
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Value::BigInt(value), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(4);
        while let Some((Name(name), value)) = entries.next_entry()? {
            fields.push((name, value));
        }
        Ok(Value::Object(Object(fields)))
    }
}

/// A field name, borrowed unless it holds escapes (`Cow` itself always deserialises owned).
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(name) => Ok(Self(name)),
            _ => Err(serde::de::Error::custom("a field name must be a string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(payload: &str) -> Reason {
        decode(payload.as_bytes()).unwrap_err().reason
    }

    #[test]
    fn plain_texts_and_names_are_borrowed_from_the_record() {
        let Ok(Value::Object(object)) = decode(br#"{"metric":"cpu"}"#) else {
            panic!("an object");
        };
        assert!(matches!(
            &object.0[0],
            (Cow::Borrowed("metric"), Value::Text(Cow::Borrowed("cpu")))
        ));
    }

    #[test]
    fn numbers_that_are_not_finite_have_their_own_reason() {
        for bad in [
            r#"{"v":NaN}"#,
            r#"{"v": Infinity}"#,
            r#"{"v":-Infinity}"#,
            r#"{"v":1e999}"#,
            "{\n  \"v\": NaN\n}",
        ] {
            assert_eq!(reason(bad), Reason::NotFinite, "{bad}");
        }
    }

    #[test]
    fn a_number_is_the_double_nearest_to_its_text() {
        let Ok(Value::Object(object)) = decode(br#"{"v":9038037.342105303}"#) else {
            panic!("an object");
        };
        assert_eq!(object.get("v"), Some(&Value::Float(9_038_037.342_105_303)));
    }

    #[test]
    fn what_is_not_json_is_said_to_be_so() {
        for bad in [
            "",
            "hello",
            "{",
            r#"{"a":}"#,
            r#"{"a":1} x"#,
            r#"{"a":Nope}"#,
            "\u{0}",
        ] {
            assert_eq!(reason(bad), Reason::NotJson, "{bad}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused_not_followed() {
        assert_eq!(reason(&"[".repeat(100_000)), Reason::NotJson);
    }

    #[test]
    fn a_dotted_path_finds_nested_fields_and_a_literal_name_wins() {
        let Ok(Value::Object(o)) = decode(br#"{"a":{"b":1},"a.c":2,"n":null}"#) else {
            panic!("an object");
        };
        assert_eq!(o.get("a.b"), Some(&Value::Int(1)));
        assert_eq!(o.get("a.c"), Some(&Value::Int(2)));
        assert_eq!(o.get("n"), None);
    }
}
