//! A decoded record: flat or nested fields with scalar values, borrowed from its bytes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::Micros;

use super::reject::Reason;

#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Beyond 64 bits, as it is written: digits, perhaps a `-` before them.
    BigInt(Cow<'a, str>),
    /// Perhaps not finite.
    Float(f64),
    Text(Cow<'a, str>),
    /// Of a format without types, such as CSV: a text, a number or a time, as the mapping needs it.
    Untyped(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Time(Micros),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
}

/// Fields in the record's order; of a repeated name the last counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a>(pub Vec<(Cow<'a, str>, Value<'a>)>);

/// Turns a record's bytes into a value. One for each stream: it may hold schemas.
pub trait Decode: fmt::Debug + Send + Sync {
    /// The record's bytes without their compression.
    fn open<'a>(&self, payload: &'a [u8]) -> Result<Cow<'a, [u8]>, RecordError> {
        Ok(Cow::Borrowed(payload))
    }

    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError>;
}

pub type Decoder = Arc<dyn Decode>;

/// Why a record, or one element of it, cannot become points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    pub reason: Reason,
    pub detail: String,
}

impl RecordError {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

impl<'a> Object<'a> {
    /// The field of that name, or, where the name has dots, the nested field at that path.
    /// `null` counts as missing.
    pub fn get(&self, path: &str) -> Option<&Value<'a>> {
        if let Some(value) = self.field(path) {
            return Some(value);
        }
        let (head, rest) = path.split_once('.')?;
        match self.field(head)? {
            Value::Object(inner) => inner.get(rest),
            _ => None,
        }
    }

    fn field(&self, name: &str) -> Option<&Value<'a>> {
        let found = self.0.iter().rev().find(|(n, _)| n == name);
        found.map(|(_, value)| value).filter(|v| **v != Value::Null)
    }
}

impl Value<'_> {
    /// The word for this kind of value in messages to people.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::BigInt(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) | Self::Untyped(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::Time(_) => "a time",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}
