//! MessagePack: one value of a record, with texts that borrow from it.
//!
//! A reader of our own, because lengths that a record declares must be held against its bytes before
//! memory is taken for them.

use std::borrow::Cow;

use super::parts::Parts;
use super::text::{DEPTH_MAX, too_deep};
use crate::data::{Decode, Micros, Object, Reason, RecordError, Value};

/// The extension type of a time.
const TIMESTAMP: i8 = -1;
/// Elements for which memory is taken at once; a record may declare more in each of its levels.
const FEW: usize = 8;

#[derive(Debug)]
pub struct MessagePack;

impl Decode for MessagePack {
    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError> {
        let mut reader = Reader { payload, at: 0 };
        let value = reader.value(0)?;
        match payload.len() - reader.at {
            0 => Ok(value),
            more => Err(reader.refused(&format!("{more} bytes more than one value"))),
        }
    }
}

/// The bytes of each value of a file.
pub(super) fn parts(file: &[u8]) -> Parts<'_> {
    let mut reader = Reader { payload: file, at: 0 };
    Parts::read(|| {
        let start = reader.at;
        if start == file.len() {
            return Ok(None);
        }
        reader.value(0)?;
        Ok(Some(&file[start..reader.at]))
    })
}

struct Reader<'a> {
    payload: &'a [u8],
    /// The byte that is read next.
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, RecordError> {
        let [marker] = self.array()?;
        Ok(match marker {
            0x00..=0x7f => Value::Int(marker.into()),
            0x80..=0x8f => self.map(usize::from(marker & 0x0f), depth + 1)?,
            0x90..=0x9f => self.list(usize::from(marker & 0x0f), depth + 1)?,
            0xa0..=0xbf => self.text(usize::from(marker & 0x1f))?,
            0xc0 => Value::Null,
            0xc1 => return Err(self.refused("the marker 0xc1, which is never used")),
            0xc2 => Value::Bool(false),
            0xc3 => Value::Bool(true),
            0xc4..=0xc6 => {
                let length = self.length(marker - 0xc4)?;
                Value::Bytes(Cow::Borrowed(self.bytes(length)?))
            }
            0xc7..=0xc9 => {
                let length = self.length(marker - 0xc7)?;
                self.extension(length)?
            }
            0xca => Value::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Value::Float(f64::from_be_bytes(self.array()?)),
            0xcc..=0xcf => self.unsigned(marker - 0xcc)?,
            0xd0 => Value::Int(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Value::Int(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Value::Int(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Value::Int(i64::from_be_bytes(self.array()?)),
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4))?,
            0xd9..=0xdb => {
                let length = self.length(marker - 0xd9)?;
                self.text(length)?
            }
            0xdc | 0xdd => {
                let count = self.length(marker - 0xdc + 1)?;
                self.list(count, depth + 1)?
            }
            0xde | 0xdf => {
                let count = self.length(marker - 0xde + 1)?;
                self.map(count, depth + 1)?
            }
            0xe0..=0xff => Value::Int(marker.cast_signed().into()),
        })
    }

    fn map(&mut self, count: usize, depth: usize) -> Result<Value<'a>, RecordError> {
        // A name and a value take a byte each at least.
        self.enter(count.saturating_mul(2), depth)?;
        let mut fields = Vec::with_capacity(count.min(FEW));
        for _ in 0..count {
            let name = match self.value(depth)? {
                Value::Text(name) => name,
                Value::Int(number) => number.to_string().into(),
                other => return Err(self.refused(&format!("{} as the name of a field", other.kind()))),
            };
            fields.push((name, self.value(depth)?));
        }
        Ok(Value::Object(Object(fields)))
    }

    fn list(&mut self, count: usize, depth: usize) -> Result<Value<'a>, RecordError> {
        self.enter(count, depth)?;
        let mut items = Vec::with_capacity(count.min(FEW));
        for _ in 0..count {
            items.push(self.value(depth)?);
        }
        Ok(Value::List(items))
    }

    fn enter(&self, bytes: usize, depth: usize) -> Result<(), RecordError> {
        if depth > DEPTH_MAX {
            return Err(too_deep(&format!("byte {}", self.at)));
        }
        match self.payload.len() - self.at < bytes {
            true => Err(self.refused("more elements than the record has bytes")),
            false => Ok(()),
        }
    }

    fn text(&mut self, length: usize) -> Result<Value<'a>, RecordError> {
        match std::str::from_utf8(self.bytes(length)?) {
            Ok(text) => Ok(Value::Text(Cow::Borrowed(text))),
            Err(_) => Err(self.refused("a text that is not UTF-8")),
        }
    }

    fn unsigned(&mut self, size: u8) -> Result<Value<'a>, RecordError> {
        let number = self.number(size)?;
        let fits = i64::try_from(number).map(Value::Int);
        Ok(fits.unwrap_or_else(|_| Value::BigInt(number.to_string().into())))
    }

    /// Seconds and nanoseconds in 4, 8 or 12 bytes; other extensions are bytes.
    fn extension(&mut self, length: usize) -> Result<Value<'a>, RecordError> {
        let [kind] = self.array()?;
        let bytes = self.bytes(length)?;
        if kind.cast_signed() != TIMESTAMP {
            return Ok(Value::Bytes(Cow::Borrowed(bytes)));
        }
        let mut inner = Reader {
            payload: bytes,
            at: 0,
        };
        let (seconds, nanos) = match length {
            4 => (u32::from_be_bytes(inner.array()?).into(), 0),
            8 => {
                let both = u64::from_be_bytes(inner.array()?);
                let seconds = both & ((1 << 34) - 1);
                (seconds.cast_signed(), (both >> 34) as u32)
            }
            12 => {
                let nanos = u32::from_be_bytes(inner.array()?);
                (i64::from_be_bytes(inner.array()?), nanos)
            }
            _ => return Err(self.refused("a time of another length than 4, 8 or 12 bytes")),
        };
        let micros = seconds
            .checked_mul(1_000_000)
            .and_then(|whole| whole.checked_add((nanos / 1_000).into()));
        match micros.filter(|_| nanos < 1_000_000_000) {
            Some(micros) => Ok(Value::Time(Micros(micros))),
            None => Err(self.refused("a time out of range")),
        }
    }

    /// A length of 1, 2 or 4 bytes.
    fn length(&mut self, size: u8) -> Result<usize, RecordError> {
        let length = self.number(size)?;
        usize::try_from(length).map_err(|_| self.refused("a length out of range"))
    }

    /// Of 1, 2, 4 or 8 bytes, by the power of two.
    fn number(&mut self, size: u8) -> Result<u64, RecordError> {
        Ok(match size {
            0 => u8::from_be_bytes(self.array()?).into(),
            1 => u16::from_be_bytes(self.array()?).into(),
            2 => u32::from_be_bytes(self.array()?).into(),
            _ => u64::from_be_bytes(self.array()?),
        })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let Some((bytes, _)) = self.payload[self.at..].split_first_chunk() else {
            return Err(self.refused("the end of the record within a value"));
        };
        self.at += N;
        Ok(*bytes)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let rest = &self.payload[self.at..];
        let Some(bytes) = rest.get(..length) else {
            return Err(self.refused("the end of the record within a value"));
        };
        self.at += length;
        Ok(bytes)
    }

    fn refused(&self, found: &str) -> RecordError {
        let detail = format!("the record is not MessagePack: found {found} at byte {}", self.at);
        RecordError::new(Reason::NotMessagePack, detail)
    }
}

#[cfg(test)]
mod tests;
