//! A decoded value as JSON, to be looked at.

use std::io;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Value;

/// Texts stand for what JSON has no word for: integers beyond 64 bits, times, bytes in hexadecimal and
/// numbers that are not finite.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Self::Float(number) => serializer.collect_str(number),
            Self::BigInt(text) | Self::Text(text) | Self::Untyped(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                serializer.serialize_str(&hex)
            }
            Self::Time(ts) => serializer.collect_str(ts),
            Self::List(items) => items.serialize(serializer),
            Self::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.0.len()))?;
                for (name, value) in &object.0 {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl Value<'_> {
    /// At most so many bytes of JSON, with `…` where it was cut.
    pub fn shown(&self, most: usize) -> String {
        let mut bounded = Bounded {
            bytes: Vec::new(),
            most,
        };
        let whole = serde_json::to_writer(&mut bounded, self).is_ok();
        let mut text = String::from_utf8_lossy(&bounded.bytes).into_owned();
        if !whole {
            // What was cut inside a character.
            let end = text.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

/// Takes bytes until there are too many.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.most - self.bytes.len();
        if room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Micros, Object};

    #[test]
    fn a_value_is_shown_as_json_up_to_a_number_of_bytes() {
        let fields = [
            ("n", Value::Null),
            ("big", Value::BigInt("92233720368547758080".into())),
            ("nan", Value::Float(f64::NAN)),
            ("at", Value::Time(Micros(0))),
            ("raw", Value::Bytes(vec![0, 255].into())),
            (
                "list",
                Value::List(vec![Value::Int(1), Value::Text("ä\"".into())]),
            ),
        ];
        let object = fields.map(|(name, value)| (name.into(), value));
        let value = Value::Object(Object(object.into()));
        let whole = "{\"n\":null,\"big\":\"92233720368547758080\",\"nan\":\"NaN\",\"at\":\"1970-01-01T00:00:00.000000Z\",\
                     \"raw\":\"00ff\",\"list\":[1,\"ä\\\"\"]}";
        assert_eq!(value.shown(1_000), whole);
        assert_eq!(value.shown(whole.len()), whole);
        for most in 0..whole.len() {
            let cut = value.shown(most);
            let start = cut.strip_suffix('…').expect("a mark");
            assert!(
                whole.starts_with(start) && most - start.len() < 2,
                "{most}: {cut}"
            );
        }
    }
}
