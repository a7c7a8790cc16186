//! A decoded record: flat or nested fields with scalar values, borrowed from its bytes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::batch::Header;
use super::reject::Reason;
use super::schema::SchemaId;
use super::time::Micros;

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

/// Turns bytes without compression into a value.
pub trait Decode: fmt::Debug + Send + Sync {
    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError>;
}

pub type Decoder = Arc<dyn Decode>;

/// Finds out how the records of a stream are to be read.
pub trait Open: fmt::Debug + Send + Sync {
    fn open<'a>(&self, payload: &'a [u8], headers: &[Header]) -> Result<Opened<'a>, RecordError>;

    /// The same for those that read every record in the same way, as long as the program runs.
    fn fingerprint(&self) -> u64;

    /// The schema that the record needs and that must be fetched first.
    fn missing(&self, _payload: &[u8], _headers: &[Header]) -> Option<SchemaId> {
        None
    }
}

/// The bytes of a record that its decoder reads, and the decoder.
#[derive(Clone, Debug)]
pub struct Opened<'a> {
    pub payload: Cow<'a, [u8]>,
    /// Where they begin.
    pub from: usize,
    pub decoder: Decoder,
}

impl Opened<'_> {
    pub fn decode(&self) -> Result<Value<'_>, RecordError> {
        self.decoder
            .decode(self.payload.get(self.from..).unwrap_or_default())
    }
}

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

    /// Where [`Object::get`] finds it: its place in this object, and in each that is nested in the one before.
    pub fn find(&self, path: &str) -> Option<Vec<usize>> {
        if let Some(at) = self.place(path) {
            return Some(vec![at]);
        }
        let (head, rest) = path.split_once('.')?;
        let at = self.place(head)?;
        let Value::Object(inner) = &self.0[at].1 else {
            return None;
        };
        let mut places = inner.find(rest)?;
        places.insert(0, at);
        Some(places)
    }

    /// What is at the places that [`Object::find`] gave.
    pub fn at(&self, places: &[usize]) -> Option<&Value<'a>> {
        let (first, rest) = places.split_first()?;
        match (&self.0.get(*first)?.1, rest) {
            (found, []) => Some(found),
            (Value::Object(inner), rest) => inner.at(rest),
            _ => None,
        }
    }

    fn field(&self, name: &str) -> Option<&Value<'a>> {
        self.place(name).map(|at| &self.0[at].1)
    }

    fn place(&self, name: &str) -> Option<usize> {
        let at = self.0.iter().rposition(|(n, _)| n == name)?;
        (self.0[at].1 != Value::Null).then_some(at)
    }
}

impl<'a> Value<'a> {
    /// Itself, or the elements of a list, as far as they are objects.
    pub fn objects(&self) -> impl Iterator<Item = &Object<'a>> {
        let values = match self {
            Self::List(items) => items,
            single => std::slice::from_ref(single),
        };
        values.iter().filter_map(|value| match value {
            Self::Object(object) => Some(object),
            _ => None,
        })
    }

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
