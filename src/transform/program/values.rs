//! Records as VRL has them, and back.

use std::borrow::Cow;
use std::str;

use chrono::{DateTime, Utc};
use vrl::value::{KeyString, ObjectMap, Value as Vrl};

use crate::data::{Micros, Object, Reason, RecordError, Value};
use crate::transform::mapping::Origin;

/// As deep as records may be nested.
const DEPTH_MAX: usize = 128;

/// The fields, and whether some of them are of a format without types.
pub fn given(object: &Object<'_>) -> Result<(Vrl, bool), RecordError> {
    let mut is_untyped = false;
    let fields = fields(object, &mut is_untyped)?;
    Ok((Vrl::Object(fields), is_untyped))
}

fn fields(object: &Object<'_>, is_untyped: &mut bool) -> Result<ObjectMap, RecordError> {
    let field =
        |(name, value): &(Cow<'_, str>, Value<'_>)| Ok((KeyString::from(&**name), owned(value, is_untyped)?));
    object.0.iter().map(field).collect()
}

fn owned(value: &Value<'_>, is_untyped: &mut bool) -> Result<Vrl, RecordError> {
    Ok(match value {
        Value::Null => Vrl::Null,
        Value::Bool(is) => Vrl::Boolean(*is),
        Value::Int(n) => Vrl::Integer(*n),
        Value::BigInt(digits) => float(digits.parse().unwrap_or(f64::NAN)),
        Value::Float(n) => float(*n),
        Value::Text(text) => Vrl::from(&**text),
        Value::Untyped(text) => {
            *is_untyped = true;
            Vrl::from(&**text)
        }
        Value::Bytes(bytes) => Vrl::from(&**bytes),
        Value::Time(at) => time(*at).ok_or_else(|| {
            let detail = format!("the time {} is further away than VRL knows", at.0);
            RecordError::new(Reason::BadTimestamp, detail)
        })?,
        Value::List(items) => {
            let items = items.iter().map(|item| owned(item, is_untyped));
            Vrl::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(object) => Vrl::Object(fields(object, is_untyped)?),
    })
}

/// VRL has no number that is none. The text is refused where it is used as a number.
fn float(n: f64) -> Vrl {
    match n.is_nan() {
        true => Vrl::from("NaN"),
        false => Vrl::from_f64_or_zero(n),
    }
}

fn time(at: Micros) -> Option<Vrl> {
    DateTime::from_timestamp_micros(at.0).map(Vrl::Timestamp)
}

/// What `%` stands for: where the record comes from.
pub fn metadata(origin: Origin<'_>) -> Vrl {
    let headers = origin.headers.iter().map(|header| {
        let value = Vrl::from(&*header.value);
        (KeyString::from(&*header.name), value)
    });
    Vrl::Object(ObjectMap::from([
        (KeyString::from("headers"), Vrl::Object(headers.collect())),
        (KeyString::from("key"), origin.key.map_or(Vrl::Null, Vrl::from)),
        (
            KeyString::from("partition"),
            Vrl::Integer(origin.partition.into()),
        ),
        (
            KeyString::from("timestamp"),
            time(origin.recorded).unwrap_or(Vrl::Null),
        ),
    ]))
}

/// The fields that a program leaves. Texts of a record of a format without types may be numbers still.
pub fn taken(fields: &ObjectMap, is_untyped: bool) -> Result<Object<'_>, RecordError> {
    object(fields, is_untyped, 1)
}

fn object(fields: &ObjectMap, is_untyped: bool, depth: usize) -> Result<Object<'_>, RecordError> {
    let mut object = Vec::with_capacity(fields.len());
    for (name, found) in fields {
        object.push((Cow::Borrowed(name.as_str()), value(found, is_untyped, depth)?));
    }
    Ok(Object(object))
}

fn value(found: &Vrl, is_untyped: bool, depth: usize) -> Result<Value<'_>, RecordError> {
    if depth > DEPTH_MAX {
        let detail = format!("the program nests deeper than {DEPTH_MAX} arrays and objects");
        return Err(RecordError::new(Reason::TooDeep, detail));
    }
    let text = |text| match is_untyped {
        true => Value::Untyped(Cow::Borrowed(text)),
        false => Value::Text(Cow::Borrowed(text)),
    };
    Ok(match found {
        Vrl::Null => Value::Null,
        Vrl::Boolean(is) => Value::Bool(*is),
        Vrl::Integer(n) => Value::Int(*n),
        Vrl::Float(n) => Value::Float(n.into_inner()),
        Vrl::String(found) => text(found),
        Vrl::Bytes(bytes) => match str::from_utf8(bytes) {
            Ok(found) => text(found),
            Err(_) => Value::Bytes(Cow::Borrowed(bytes)),
        },
        Vrl::Regex(regex) => text(regex.as_str()),
        Vrl::Timestamp(at) => Value::Time(micros(*at)),
        Vrl::Array(items) => {
            let items = items.iter().map(|item| value(item, is_untyped, depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Vrl::Object(fields) => Value::Object(object(fields, is_untyped, depth + 1)?),
    })
}

const fn micros(at: DateTime<Utc>) -> Micros {
    Micros(at.timestamp_micros())
}
