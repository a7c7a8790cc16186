//! What the reader of messages needs of a schema: fields by their numbers, names of enums.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::data::{Object, Value};

/// Numbers up to this many for each field are found by an index, others by a search.
const DIRECT_PER_FIELD: usize = 4;
const DIRECT_MIN: usize = 64;
const NONE: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub messages: Vec<Message>,
    pub enums: Vec<Enum>,
    /// Messages by their full names.
    pub names: HashMap<String, usize>,
}

#[derive(Debug)]
pub(super) struct Message {
    pub name: String,
    pub known: Known,
    pub fields: Vec<Field>,
    pub is_map_entry: bool,
    pub oneofs: usize,
    /// What a field has that is not in a record; other fields are missing then.
    pub absent: Vec<(usize, Value<'static>)>,
    pub required: Vec<usize>,
    numbers: Numbers,
    /// Messages that are defined in it, in their order.
    pub nested: Vec<usize>,
}

/// Google's and Confluent's messages with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Plain,
    Timestamp,
    Duration,
    Wrapper,
    Struct,
    Value,
    List,
    Any,
    Decimal,
    ConfluentDecimal,
}

#[derive(Debug)]
pub(super) struct Field {
    pub name: String,
    pub shape: Shape,
    pub oneof: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Shape {
    One(Kind),
    Many(Kind),
    Map {
        key: Kind,
        /// Of an entry without one.
        key_default: &'static str,
        value: Kind,
        /// The same; of messages it is the empty one.
        default: Value<'static>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    Text,
    Bytes,
    Enum(usize),
    /// Also a group.
    Message(usize),
}

#[derive(Debug)]
pub(super) struct Enum {
    pub names: Vec<String>,
    numbers: Numbers,
}

/// Positions by numbers.
#[derive(Debug)]
struct Numbers {
    direct: Vec<u32>,
    /// Sorted.
    others: Vec<(u32, u32)>,
}

impl Message {
    pub(super) fn new(name: String, fields: Vec<Field>, numbers: &[u32], nested: Vec<usize>) -> Self {
        Self {
            known: Known::of(&name),
            name,
            fields,
            is_map_entry: false,
            oneofs: 0,
            absent: Vec::new(),
            required: Vec::new(),
            numbers: Numbers::new(numbers),
            nested,
        }
    }

    #[inline]
    pub(super) fn find(&self, number: u32) -> Option<usize> {
        self.numbers.find(number)
    }

    /// Values that reading one takes, also where it has no bytes.
    pub(super) const fn cost(&self) -> usize {
        self.absent.len() + self.required.len() + self.fields.len() / 16
    }
}

impl Enum {
    pub(super) fn new(values: Vec<(i32, String)>) -> Self {
        let numbers: Vec<u32> = values.iter().map(|(number, _)| number.cast_unsigned()).collect();
        Self {
            numbers: Numbers::new(&numbers),
            names: values.into_iter().map(|(_, name)| name).collect(),
        }
    }

    #[inline]
    pub(super) fn name(&self, number: i32) -> Option<&str> {
        let index = self.numbers.find(number.cast_unsigned())?;
        Some(&self.names[index])
    }
}

impl Numbers {
    /// Of a repeated number the first position counts.
    fn new(numbers: &[u32]) -> Self {
        let bound = (numbers.len() * DIRECT_PER_FIELD).max(DIRECT_MIN);
        let small = numbers.iter().filter(|number| (**number as usize) < bound);
        let mut direct = vec![NONE; small.max().map_or(0, |most| *most as usize + 1)];
        let mut others = Vec::new();
        for (number, position) in numbers.iter().zip(0..) {
            match direct.get_mut(*number as usize) {
                Some(slot) if *slot == NONE => *slot = position,
                Some(_) => {}
                None => others.push((*number, position)),
            }
        }
        others.sort_unstable();
        Self { direct, others }
    }

    #[inline]
    fn find(&self, number: u32) -> Option<usize> {
        if let Some(position) = self.direct.get(number as usize) {
            return (*position != NONE).then_some(*position as usize);
        }
        let at = self.others.partition_point(|(other, _)| *other < number);
        let (found, position) = self.others.get(at)?;
        (*found == number).then_some(*position as usize)
    }
}

impl Known {
    fn of(name: &str) -> Self {
        if let Some(name) = name.strip_prefix("google.protobuf.") {
            return match name {
                "Timestamp" => Self::Timestamp,
                "Duration" => Self::Duration,
                "Struct" => Self::Struct,
                "Value" => Self::Value,
                "ListValue" => Self::List,
                "Any" => Self::Any,
                "DoubleValue" | "FloatValue" | "Int32Value" | "Int64Value" | "UInt32Value"
                | "UInt64Value" | "BoolValue" | "StringValue" | "BytesValue" => Self::Wrapper,
                _ => Self::Plain,
            };
        }
        match name {
            "google.type.Decimal" => Self::Decimal,
            "confluent.type.Decimal" => Self::ConfluentDecimal,
            _ => Self::Plain,
        }
    }
}

/// A default value as one of a record.
pub(super) fn borrowed<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        Value::BigInt(digits) => Value::BigInt(Cow::Borrowed(digits)),
        Value::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
        Value::Int(number) => Value::Int(*number),
        Value::Float(number) => Value::Float(*number),
        Value::Bool(bool) => Value::Bool(*bool),
        Value::List(_) => Value::List(Vec::new()),
        Value::Object(_) => Value::Object(Object::default()),
        _ => Value::Null,
    }
}
