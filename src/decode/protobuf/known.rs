//! Google's and Confluent's messages with a meaning of their own.

use super::tables::Known;
use crate::data::{Micros, Object, Value};

/// The value that the fields of such a message stand for; `Err` says what was found.
pub(super) fn value<'a>(known: Known, fields: Object<'a>) -> Result<Value<'a>, &'static str> {
    let inner = |mut fields: Object<'a>| fields.0.pop().map_or(Value::Null, |(_, value)| value);
    Ok(match known {
        Known::Plain | Known::Any | Known::Timestamp | Known::Duration => Value::Object(fields),
        // One field, which is there also if the record lacks it.
        Known::Wrapper | Known::Struct | Known::List => inner(fields),
        Known::Value => {
            let is_null = fields.0.last().is_none_or(|(name, _)| name == "null_value");
            match is_null {
                true => Value::Null,
                false => inner(fields),
            }
        }
        Known::Decimal => match inner(fields) {
            Value::Text(digits) if digits.is_empty() => Value::Untyped("0".into()),
            Value::Text(digits) => Value::Untyped(digits),
            other => other,
        },
        Known::ConfluentDecimal => {
            let scale = integer(&fields, "scale");
            let Some(Value::Bytes(unscaled)) = fields.get("value") else {
                return Ok(Value::Object(fields));
            };
            match decimal(unscaled, scale) {
                Some(number) => number,
                None => return Err("a decimal of more than 38 digits"),
            }
        }
    })
}

/// Nanoseconds are cut to microseconds.
pub(super) fn time(seconds: i64, nanos: i32) -> Result<Value<'static>, &'static str> {
    let micros = seconds.checked_mul(1_000_000);
    let micros = micros.and_then(|whole| whole.checked_add(i64::from(nanos) / 1_000));
    match micros.filter(|_| (0..1_000_000_000).contains(&nanos)) {
        Some(micros) => Ok(Value::Time(Micros(micros))),
        None => Err("a time out of range"),
    }
}

fn integer(fields: &Object<'_>, name: &str) -> i64 {
    match fields.get(name) {
        Some(Value::Int(number)) => *number,
        _ => 0,
    }
}

/// A whole number of two's complement, most significant byte first, with its point moved to the left.
/// Equal numbers are written alike, so no zeros end a fraction.
fn decimal(unscaled: &[u8], scale: i64) -> Option<Value<'static>> {
    let sign = if unscaled.first().is_some_and(|byte| *byte >= 0x80) {
        0xff
    } else {
        0
    };
    let mut bytes = [sign; 16];
    let start = 16_usize.checked_sub(unscaled.len())?;
    bytes[start..].copy_from_slice(unscaled);
    let number = i128::from_be_bytes(bytes);
    let scale = usize::try_from(scale).ok().filter(|scale| *scale <= 38)?;
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let sign = if number < 0 { "-" } else { "" };
    Some(match fraction {
        "" => match format!("{sign}{whole}") {
            digits if digits.len() < 19 => Value::Int(digits.parse().ok()?),
            digits => Value::BigInt(digits.into()),
        },
        _ => Value::Untyped(format!("{sign}{whole}.{fraction}").into()),
    })
}
