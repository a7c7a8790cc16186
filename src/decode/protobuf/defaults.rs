//! What a field is that is not in a record.

use super::tables::{Enum, Kind};
use crate::data::Value;

/// The default of a field without one of its own: 0, empty, false, the first name of an enum.
pub(super) fn zero(kind: Kind, enums: &[Enum]) -> Value<'static> {
    match kind {
        Kind::Double | Kind::Float => Value::Float(0.0),
        Kind::Bool => Value::Bool(false),
        Kind::Text => Value::Text("".into()),
        Kind::Bytes => Value::Bytes(Vec::new().into()),
        Kind::Enum(index) => match enums[index].names.first() {
            Some(name) => Value::Text(name.clone().into()),
            None => Value::Int(0),
        },
        Kind::Message(_) => Value::Null,
        _ => Value::Int(0),
    }
}

/// A default as descriptors write it.
pub(super) fn parse(text: &str, kind: Kind) -> Option<Value<'static>> {
    Some(match kind {
        Kind::Double | Kind::Float => Value::Float(text.parse().ok()?),
        Kind::Bool => Value::Bool(text.parse().ok()?),
        Kind::Text | Kind::Enum(_) => Value::Text(text.to_owned().into()),
        Kind::Bytes => Value::Bytes(unescape(text)?.into()),
        Kind::Message(_) => return None,
        _ => match text.parse() {
            Ok(number) => Value::Int(number),
            Err(_) => Value::BigInt(text.parse::<u64>().ok()?.to_string().into()),
        },
    })
}

/// Bytes are escaped as in C.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let [escape, after @ ..] = rest else {
            return None;
        };
        let digits = match escape {
            b'x' | b'X' => number(after, 16, 2),
            b'0'..=b'7' => number(rest, 8, 3),
            _ => None,
        };
        (rest, _) = match (digits, escape) {
            (Some((byte, length)), b'x' | b'X') => (&after[length..], bytes.push(byte)),
            (Some((byte, length)), _) => (&rest[length..], bytes.push(byte)),
            (None, b'n') => (after, bytes.push(b'\n')),
            (None, b'r') => (after, bytes.push(b'\r')),
            (None, b't') => (after, bytes.push(b'\t')),
            (None, b'a') => (after, bytes.push(0x07)),
            (None, b'b') => (after, bytes.push(0x08)),
            (None, b'f') => (after, bytes.push(0x0c)),
            (None, b'v') => (after, bytes.push(0x0b)),
            (None, b'\\' | b'\'' | b'"' | b'?') => (after, bytes.push(*escape)),
            (None, _) => return None,
        };
    }
    Some(bytes)
}

/// The number at the beginning, and its length; of three octal digits the lowest eight bits count.
fn number(text: &[u8], radix: u32, digits_max: usize) -> Option<(u8, usize)> {
    let digits = text.iter().take(digits_max);
    let digits = digits.map_while(|digit| char::from(*digit).to_digit(radix));
    let (number, length) = digits.fold((0, 0), |(number, length), digit| {
        (number * radix + digit, length + 1)
    });
    (length > 0).then_some((number as u8, length))
}
