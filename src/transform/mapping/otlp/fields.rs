//! What is in an object of OTLP's JSON: names as in JSON or as in the Protobuf files, whole numbers and
//! words for numbers as texts.

use std::borrow::Cow;

use crate::data::{Object, RecordError, Value};
use crate::transform::mapping::errors::wrong_type;
use crate::transform::mapping::numbers::parse;

/// The data points of a metric.
pub(super) const DATA_POINTS: &str = "dataPoints";

/// `name` as it is in JSON, such as `timeUnixNano`; `time_unix_nano` is the same.
pub(super) fn field<'p, 'v>(object: &'p Object<'v>, name: &str) -> Option<&'p Value<'v>> {
    let found = object.0.iter().rev().find(|(found, _)| is_name(found, name));
    found
        .map(|(_, value)| value)
        .filter(|value| **value != Value::Null)
}

fn is_name(found: &str, name: &str) -> bool {
    let mut rest = found.bytes();
    let same = name.bytes().all(|wanted| match rest.next() {
        Some(b'_') => wanted.is_ascii_uppercase() && rest.next() == Some(wanted.to_ascii_lowercase()),
        next => next == Some(wanted),
    });
    same && rest.next().is_none()
}

/// What is in an array; one that is not there is empty.
pub(super) fn items<'p, 'v>(object: &'p Object<'v>, name: &str) -> Result<&'p [Value<'v>], RecordError> {
    match field(object, name) {
        None => Ok(&[]),
        Some(Value::List(items)) => Ok(items),
        Some(other) => Err(wrong_type(name, "an array", other)),
    }
}

pub(super) fn object<'p, 'v>(name: &str, value: &'p Value<'v>) -> Result<&'p Object<'v>, RecordError> {
    match value {
        Value::Object(object) => Ok(object),
        other => Err(wrong_type(name, "an object", other)),
    }
}

/// A number, also where it is written as a text.
pub(super) fn number<'p>(name: &str, value: &'p Value<'_>) -> Result<Value<'p>, RecordError> {
    let found = match value {
        Value::Int(_) | Value::BigInt(_) | Value::Float(_) => Some(borrowed(value)),
        Value::Text(text) => parse(text),
        _ => None,
    };
    found.ok_or_else(|| wrong_type(name, "a number", value))
}

pub(super) fn float(name: &str, value: &Value<'_>) -> Result<f64, RecordError> {
    match number(name, value)? {
        Value::Int(n) => Ok(n as f64),
        Value::Float(n) => Ok(n),
        _ => Err(wrong_type(name, "a number of 64 bits", value)),
    }
}

/// Not negative.
pub(super) fn whole(name: &str, value: &Value<'_>) -> Result<u64, RecordError> {
    let found = match number(name, value)? {
        Value::Int(n) => u64::try_from(n).ok(),
        Value::BigInt(digits) => digits.parse().ok(),
        // As programs without integers write it.
        Value::Float(n) if (0.0..9e15).contains(&n) && n.fract() == 0.0 => Some(n as u64),
        _ => None,
    };
    found.ok_or_else(|| wrong_type(name, "a whole number of 64 bits, 0 or more", value))
}

/// The same scalar; what is nested is `null`.
pub(super) fn borrowed<'p>(value: &'p Value<'_>) -> Value<'p> {
    match value {
        Value::Bool(is) => Value::Bool(*is),
        Value::Int(n) => Value::Int(*n),
        Value::BigInt(digits) => Value::BigInt(Cow::Borrowed(digits)),
        Value::Float(n) => Value::Float(*n),
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        Value::Untyped(text) => Value::Untyped(Cow::Borrowed(text)),
        Value::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
        Value::Time(ts) => Value::Time(*ts),
        Value::Null | Value::List(_) | Value::Object(_) => Value::Null,
    }
}
