//! Reads one message into a value.

use std::borrow::Cow;
use std::ops::Range;

use super::known;
use super::open::{Open, Part, Places};
use super::scalars::{self, Mismatch};
use super::tables::{Field, Kind, Known, Message, Shape, Tables, borrowed};
use super::wire::{Fault, Form, Wire, Wired};
use crate::data::{Object, Reason, RecordError, Value};
use crate::decode::text::{DEPTH_MAX, too_deep};

/// Values that a record may have beyond those that its bytes make: the defaults of absent fields.
const DEFAULTS_MIN: usize = 1 << 16;
const DEFAULTS_PER_BYTE: usize = 2;

pub(super) struct Reader<'a> {
    tables: &'a Tables,
    record: &'a [u8],
    places: Places,
    /// Values that defaults may still take.
    left: usize,
    /// Messages that may still come.
    messages: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tables: &'a Tables, record: &'a [u8], messages_max: usize) -> Self {
        Self {
            tables,
            record,
            places: Places::default(),
            left: record.len().saturating_mul(DEFAULTS_PER_BYTE) + DEFAULTS_MIN,
            messages: messages_max,
        }
    }

    pub(super) fn record(&mut self, message: usize) -> Result<Value<'a>, RecordError> {
        self.message(message, std::slice::from_ref(&(0..self.record.len())), 1)
    }

    fn message(
        &mut self,
        index: usize,
        parts: &[Range<usize>],
        depth: usize,
    ) -> Result<Value<'a>, RecordError> {
        let message = &self.tables.messages[index];
        let start = parts.first().map_or(0, |part| part.start);
        if depth > DEPTH_MAX {
            return Err(too_deep(&format!("byte {start}")));
        }
        if let Known::Timestamp | Known::Duration = message.known {
            let (seconds, nanos) = self.moment(message, parts)?;
            let value = match message.known {
                Known::Timestamp => known::time(seconds, nanos),
                _ => Ok(Value::Float(seconds as f64 + f64::from(nanos) / 1e9)),
            };
            return value.map_err(|found| self.refused(message, found, start));
        }
        let object = self.object(message, parts, depth)?;
        match message.known {
            Known::Plain => Ok(Value::Object(object)),
            Known::Any => self.any(object, depth),
            known => known::value(known, object).map_err(|found| self.refused(message, found, start)),
        }
    }

    /// The seconds and nanoseconds of a time or a duration.
    fn moment(&self, message: &Message, parts: &[Range<usize>]) -> Result<(i64, i32), RecordError> {
        let mut both = (0, 0);
        for part in parts {
            let mut wire = Wire::new(self.record, part.clone());
            let mut field = Wired::default();
            while self.next(message, &mut wire, &mut field)? {
                match (field.number, field.form) {
                    (1, Form::Varint) => both.0 = field.bits.cast_signed(),
                    (2, Form::Varint) => both.1 = field.bits as i32,
                    (1 | 2, _) => {
                        let found = "seconds or nanoseconds that are no varint";
                        return Err(self.refused(message, found, field.at));
                    }
                    _ => {}
                }
            }
        }
        Ok(both)
    }

    fn object(
        &mut self,
        message: &'a Message,
        parts: &[Range<usize>],
        depth: usize,
    ) -> Result<Object<'a>, RecordError> {
        let Some(left) = self.left.checked_sub(message.cost()) else {
            let detail = format!(
                "the record lacks too many fields that have a default: each '{}' has {}",
                message.name,
                message.absent.len()
            );
            return Err(RecordError::new(Reason::NotProtobuf, detail));
        };
        self.left = left;
        let Some(messages) = self.messages.checked_sub(1) else {
            let detail = "the record has too many messages; send fewer at once";
            return Err(RecordError::new(Reason::RecordTooLarge, detail));
        };
        self.messages = messages;
        let bytes: usize = parts.iter().map(ExactSizeIterator::len).sum();
        // A field takes two bytes at least.
        let capacity = message.fields.len().min(bytes / 2 + message.absent.len());
        let mut open = self.places.open(message, capacity);
        for part in parts {
            let mut wire = Wire::new(self.record, part.clone());
            let mut field = Wired::default();
            while self.next(message, &mut wire, &mut field)? {
                if let Some(index) = message.find(field.number) {
                    self.field(&mut open, index, &field, depth)?;
                }
            }
        }
        self.nested(&mut open, depth)?;
        self.absent(&mut open)?;
        Ok(self.places.close(open))
    }

    #[inline]
    fn next(&self, message: &Message, wire: &mut Wire<'_>, field: &mut Wired) -> Result<bool, RecordError> {
        wire.field(field)
            .map_err(|fault| self.fault(message, fault, wire.at))
    }

    #[inline]
    fn field(
        &mut self,
        open: &mut Open<'a>,
        index: usize,
        wired: &Wired,
        depth: usize,
    ) -> Result<(), RecordError> {
        let message = open.message;
        let field = &message.fields[index];
        match &field.shape {
            Shape::One(Kind::Message(_)) => {
                let bytes = nested(wired).map_err(|why| self.mismatch(message, field, why, wired))?;
                self.places.part(open, index, bytes);
            }
            Shape::One(kind) => {
                let place = self.places.value(open, index);
                scalars::read(*kind, wired, self.record, &self.tables.enums, place)
                    .map_err(|why| self.mismatch(message, field, why, wired))?;
            }
            Shape::Many(kind) => self.elements(open, index, *kind, wired, depth)?,
            Shape::Map { .. } => {
                let bytes = nested(wired).map_err(|why| self.mismatch(message, field, why, wired))?;
                let entry = self.entry(message, field, bytes, depth)?;
                let place = self.places.value(open, index);
                match place {
                    Value::Object(Object(entries)) => entries.push(entry),
                    _ => *place = Value::Object(Object(vec![entry])),
                }
            }
        }
        Ok(())
    }

    fn nested(&mut self, open: &mut Open<'a>, depth: usize) -> Result<(), RecordError> {
        if open.is_merged {
            let mut parts = self.places.waiting.split_off(open.waiting);
            parts.sort_by_key(|part| part.first);
            for parts in parts.chunk_by(|one, other| one.first == other.first) {
                let bytes: Vec<Range<usize>> = parts.iter().map(|part| part.bytes.clone()).collect();
                self.settle(open, parts[0].field, parts[0].place, &bytes, depth)?;
            }
            return Ok(());
        }
        for index in open.waiting..self.places.waiting.len() {
            let Part { field, place, .. } = self.places.waiting[index];
            let bytes = self.places.waiting[index].bytes.clone();
            self.settle(open, field, place, &[bytes], depth)?;
        }
        self.places.waiting.truncate(open.waiting);
        Ok(())
    }

    fn settle(
        &mut self,
        open: &mut Open<'a>,
        field: usize,
        place: usize,
        bytes: &[Range<usize>],
        depth: usize,
    ) -> Result<(), RecordError> {
        if let Shape::One(Kind::Message(message)) = open.message.fields[field].shape
            && let Some(entry) = open.object.0.get_mut(place)
        {
            entry.1 = self.message(message, bytes, depth + 1)?;
        }
        Ok(())
    }

    /// One element, or several that are packed.
    fn elements(
        &mut self,
        open: &mut Open<'a>,
        index: usize,
        kind: Kind,
        wired: &Wired,
        depth: usize,
    ) -> Result<(), RecordError> {
        let message = open.message;
        let field = &message.fields[index];
        if let Kind::Message(child) = kind {
            let bytes = nested(wired).map_err(|why| self.mismatch(message, field, why, wired))?;
            let value = self.message(child, std::slice::from_ref(&bytes), depth + 1)?;
            push(self.places.value(open, index), value);
            return Ok(());
        }
        let list = self.places.value(open, index);
        let enums = &self.tables.enums;
        if wired.form != Form::Bytes || matches!(kind, Kind::Text | Kind::Bytes) {
            let mut value = Value::Null;
            scalars::read(kind, wired, self.record, enums, &mut value)
                .map_err(|why| self.mismatch(message, field, why, wired))?;
            push(list, value);
            return Ok(());
        }
        let mut values = match std::mem::replace(list, Value::Null) {
            Value::List(values) => values,
            _ => Vec::new(),
        };
        let mut element = Wired {
            form: scalars::packed(kind),
            ..wired.clone()
        };
        let size = match element.form {
            Form::Fixed64 => 8,
            Form::Fixed32 => 4,
            _ => usize::MAX,
        };
        values.reserve(wired.range().len() / size);
        let mut wire = Wire::new(self.record, wired.range());
        while !wire.is_done() {
            let bits = match element.form {
                Form::Fixed64 => wire.fixed64(),
                Form::Fixed32 => wire.fixed32().map(u64::from),
                _ => wire.varint(),
            };
            element.bits = bits.map_err(|fault| self.fault(message, fault, wire.at))?;
            let mut value = Value::Null;
            scalars::read(kind, &element, self.record, enums, &mut value)
                .map_err(|why| self.mismatch(message, field, why, wired))?;
            values.push(value);
        }
        *list = Value::List(values);
        Ok(())
    }

    /// A key and a value of a map.
    fn entry(
        &mut self,
        message: &'a Message,
        field: &'a Field,
        bytes: Range<usize>,
        depth: usize,
    ) -> Result<(Cow<'a, str>, Value<'a>), RecordError> {
        let Shape::Map {
            key: key_kind,
            key_default,
            value: value_kind,
            default,
        } = &field.shape
        else {
            return Ok(("".into(), Value::Null));
        };
        let mut key = Value::Null;
        let mut value = borrowed(default);
        let mut parts = Vec::new();
        let mut wire = Wire::new(self.record, bytes);
        let mut wired = Wired::default();
        while self.next(message, &mut wire, &mut wired)? {
            let read = match (wired.number, value_kind) {
                (1, _) => scalars::read(*key_kind, &wired, self.record, &self.tables.enums, &mut key),
                (2, Kind::Message(_)) => nested(&wired).map(|bytes| parts.push(bytes)),
                (2, kind) => scalars::read(*kind, &wired, self.record, &self.tables.enums, &mut value),
                _ => Ok(()),
            };
            read.map_err(|why| self.mismatch(message, field, why, &wired))?;
        }
        if let Kind::Message(child) = value_kind {
            value = self.message(*child, &parts, depth + 1)?;
        }
        Ok((scalars::key(key).unwrap_or((*key_default).into()), value))
    }

    /// Defaults of the fields that the record lacks.
    fn absent(&self, open: &mut Open<'a>) -> Result<(), RecordError> {
        let message = open.message;
        for index in &message.required {
            if self.places.is_absent(open, *index) {
                let detail = format!(
                    "the record lacks the required field '{}' of '{}'",
                    message.fields[*index].name, message.name
                );
                return Err(RecordError::new(Reason::NotProtobuf, detail));
            }
        }
        for (index, value) in &message.absent {
            if self.places.is_absent(open, *index) {
                let name = message.fields[*index].name.as_str();
                open.object.0.push((name.into(), borrowed(value)));
            }
        }
        Ok(())
    }

    /// The bytes of a message of a type that the schema has become that message.
    fn any(&mut self, mut fields: Object<'a>, depth: usize) -> Result<Value<'a>, RecordError> {
        let message = match fields.get("type_url") {
            Some(Value::Text(url)) => {
                let name = url.rsplit_once('/').map_or(&**url, |(_, name)| name);
                self.tables.names.get(name)
            }
            _ => None,
        };
        let value = fields.0.iter_mut().find(|(name, _)| name == "value");
        if let (Some(message), Some((_, value))) = (message, value)
            && let Value::Bytes(Cow::Borrowed(bytes)) = *value
        {
            // Places within it count from its own start.
            let outer = std::mem::replace(&mut self.record, bytes);
            let read = self.message(*message, std::slice::from_ref(&(0..bytes.len())), depth + 1);
            self.record = outer;
            *value = read?;
        }
        Ok(Value::Object(fields))
    }

    #[cold]
    fn fault(&self, message: &Message, fault: Fault, at: usize) -> RecordError {
        match fault {
            Fault::DeepGroup => too_deep(&format!("byte {at}")),
            Fault::FieldNumber if self.record.first() == Some(&0) && at == 1 => self.refused(
                message,
                "a field number that is 0, as in records with the id of a schema before the message,",
                0,
            ),
            _ => self.refused(message, fault.found(), at),
        }
    }

    #[cold]
    fn mismatch(&self, message: &Message, field: &Field, why: Mismatch, wired: &Wired) -> RecordError {
        let found = match why {
            Mismatch::Kind => format!("another wire type than that of '{}'", field.name),
            Mismatch::Utf8 => format!("a text that is not UTF-8 in '{}'", field.name),
        };
        self.refused(message, &found, wired.at)
    }

    #[cold]
    fn refused(&self, message: &Message, found: &str, at: usize) -> RecordError {
        let detail = format!(
            "the record is not the message '{}' of Protobuf: found {found} at byte {at}",
            message.name
        );
        RecordError::new(Reason::NotProtobuf, detail)
    }
}

/// A message stands behind its length or in a group.
fn nested(wired: &Wired) -> Result<Range<usize>, Mismatch> {
    match wired.form {
        Form::Bytes | Form::Group => Ok(wired.range()),
        _ => Err(Mismatch::Kind),
    }
}

/// Adds an element to the list of a repeated field.
fn push<'a>(list: &mut Value<'a>, value: Value<'a>) {
    match list {
        Value::List(values) => values.push(value),
        _ => *list = Value::List(vec![value]),
    }
}
