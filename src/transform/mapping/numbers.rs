//! The number of a point, and what a value is as the text of a label.

use std::borrow::Cow;

use super::errors::wrong_type;
use super::settings::{Number, ValueField};
use crate::data::{Reason, RecordError, Value};
use crate::transform::limits::shorten;

/// Integers beyond this lose digits as a 64-bit float.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

impl ValueField {
    pub(super) fn of(&self, field: &str, value: &Value<'_>) -> Result<f64, RecordError> {
        let number = match self.map.is_empty() {
            true => number(field, value, self.number)?,
            false => self.word(field, value)?,
        };
        // Without a setting the value stays as it is, to the last bit.
        if self.scale == 1.0 && self.offset == 0.0 {
            return Ok(number);
        }
        let scaled = number * self.scale + self.offset;
        match scaled.is_finite() {
            true => Ok(scaled + 0.0),
            false => Err(not_finite(field)),
        }
    }

    /// The number of a word; what the map lacks must be a number itself.
    fn word(&self, field: &str, value: &Value<'_>) -> Result<f64, RecordError> {
        let text = label_text(field, value)?;
        match self.map.get(&*text) {
            Some(number) => Ok(*number),
            None => number(field, value, self.number).map_err(|_| {
                let detail = format!(
                    "'{}' is '{}', which map does not name",
                    shorten(field),
                    shorten(&text)
                );
                RecordError::new(Reason::WrongType, detail)
            }),
        }
    }

    /// Whether this may be a value among others that are none.
    pub(super) fn takes(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Bool(_) => true,
            Value::Text(text) => {
                self.map.contains_key(&**text) || (self.number != Number::Exact && parse(text).is_some())
            }
            Value::Untyped(text) => self.map.contains_key(&**text) || parse(text).is_some(),
            _ => false,
        }
    }
}

/// Booleans count as 0 and 1. A number with a fraction or an exponent is the nearest float.
pub(super) fn number(field: &str, value: &Value<'_>, kind: Number) -> Result<f64, RecordError> {
    match value {
        Value::Int(n) if n.unsigned_abs() <= EXACT_INTEGER_MAX || kind == Number::Round => Ok(*n as f64),
        Value::BigInt(digits) if kind == Number::Round => match digits.parse::<f64>() {
            Ok(nearest) if nearest.is_finite() => Ok(nearest),
            _ => Err(not_finite(field)),
        },
        Value::Int(_) | Value::BigInt(_) => {
            let detail = format!(
                "'{}' is an integer beyond 2^53 and would lose digits",
                shorten(field)
            );
            Err(RecordError::new(Reason::WrongType, detail))
        }
        Value::Float(n) if n.is_finite() => Ok(*n + 0.0),
        Value::Float(_) => Err(not_finite(field)),
        Value::Bool(b) => Ok(f64::from(u8::from(*b))),
        Value::Text(text) if kind != Number::Exact => parsed(field, text, value, kind),
        Value::Untyped(text) => parsed(field, text, value, kind),
        other => Err(wrong_type(field, "a number", other)),
    }
}

fn parsed(field: &str, text: &str, value: &Value<'_>, kind: Number) -> Result<f64, RecordError> {
    match text {
        "true" | "TRUE" | "True" => return Ok(1.0),
        "false" | "FALSE" | "False" => return Ok(0.0),
        _ => {}
    }
    match parse(text) {
        Some(parsed) => number(field, &parsed, kind),
        None => Err(wrong_type(field, "a number", value)),
    }
}

/// The number that a text is, with blanks around it or not; words such as `NaN` are numbers that are
/// not finite.
pub fn parse(text: &str) -> Option<Value<'_>> {
    let text = text.trim();
    if let Ok(whole) = text.parse() {
        return Some(Value::Int(whole));
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Value::BigInt(Cow::Borrowed(text)));
    }
    text.parse().ok().map(Value::Float)
}

/// A scalar as the value of a label. Equal numbers are equal labels, however they are written.
pub fn label_text<'a>(name: &str, value: &'a Value<'_>) -> Result<Cow<'a, str>, RecordError> {
    Ok(match value {
        Value::Text(text) | Value::BigInt(text) | Value::Untyped(text) => Cow::Borrowed(text),
        Value::Int(n) => n.to_string().into(),
        Value::Time(ts) => ts.to_string().into(),
        Value::Float(n) if !n.is_finite() => return Err(not_finite(name)),
        Value::Float(n) if n.abs() >= EXACT_INTEGER_MAX as f64 => {
            let detail = format!(
                "'{}' has a fraction or an exponent and is beyond 2^53: as a label it would lose digits; \
                 send it as a string",
                shorten(name)
            );
            return Err(RecordError::new(Reason::WrongType, detail));
        }
        // Added, so that -0 is 0.
        Value::Float(n) => (n + 0.0).to_string().into(),
        Value::Bool(b) => b.to_string().into(),
        other => return Err(wrong_type(name, "a string", other)),
    })
}

fn not_finite(field: &str) -> RecordError {
    let detail = format!("'{}' is no finite number of 64 bits", shorten(field));
    RecordError::new(Reason::NotFinite, detail)
}
