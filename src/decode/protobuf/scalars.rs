//! Numbers, texts, bytes and names of enums.

use std::borrow::Cow;

use super::tables::{Enum, Kind};
use super::wire::{Form, Wired};
use crate::data::Value;

/// Why a field is not what the schema says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mismatch {
    Kind,
    Utf8,
}

/// Reads a field into `place`, where a value is written once. Wider numbers than the schema's type keep
/// their lowest bits, as the specification wants.
#[inline]
pub(super) fn read<'a>(
    kind: Kind,
    field: &Wired,
    record: &'a [u8],
    enums: &'a [Enum],
    place: &mut Value<'a>,
) -> Result<(), Mismatch> {
    let bits = field.bits;
    *place = match (kind, field.form) {
        (Kind::Double, Form::Fixed64) => Value::Float(f64::from_bits(bits)),
        (Kind::Text, Form::Bytes) => match std::str::from_utf8(&record[field.range()]) {
            Ok(text) => Value::Text(Cow::Borrowed(text)),
            Err(_) => return Err(Mismatch::Utf8),
        },
        (Kind::Enum(names), Form::Varint) => match enums[names].name(bits as i32) {
            Some(name) => Value::Text(Cow::Borrowed(name)),
            None => Value::Int((bits as i32).into()),
        },
        (Kind::Int64, Form::Varint) | (Kind::Sfixed64, Form::Fixed64) => Value::Int(bits.cast_signed()),
        (Kind::Int32, Form::Varint) | (Kind::Sfixed32, Form::Fixed32) => Value::Int((bits as i32).into()),
        (Kind::Uint32, Form::Varint) | (Kind::Fixed32, Form::Fixed32) => Value::Int((bits as u32).into()),
        (Kind::Uint64, Form::Varint) | (Kind::Fixed64, Form::Fixed64) => unsigned(bits),
        (Kind::Bool, Form::Varint) => Value::Bool(bits != 0),
        (Kind::Float, Form::Fixed32) => Value::Float(f32::from_bits(bits as u32).into()),
        (Kind::Sint32, Form::Varint) => Value::Int(unfolded(u64::from(bits as u32))),
        (Kind::Sint64, Form::Varint) => Value::Int(unfolded(bits)),
        (Kind::Bytes, Form::Bytes) => Value::Bytes(Cow::Borrowed(&record[field.range()])),
        _ => return Err(Mismatch::Kind),
    };
    Ok(())
}

/// A number whose lowest bit is its sign.
const fn unfolded(bits: u64) -> i64 {
    (bits >> 1).cast_signed() ^ -((bits & 1).cast_signed())
}

fn unsigned(bits: u64) -> Value<'static> {
    match i64::try_from(bits) {
        Ok(number) => Value::Int(number),
        Err(_) => Value::BigInt(bits.to_string().into()),
    }
}

/// The key of a map as the name of a field.
pub(super) fn key(value: Value<'_>) -> Option<Cow<'_, str>> {
    Some(match value {
        Value::Text(text) | Value::BigInt(text) => text,
        Value::Int(number) => number.to_string().into(),
        Value::Bool(bool) => if bool { "true" } else { "false" }.into(),
        _ => return None,
    })
}

/// How an element is written that is packed.
pub(super) const fn packed(kind: Kind) -> Form {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Form::Fixed64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Form::Fixed32,
        _ => Form::Varint,
    }
}
