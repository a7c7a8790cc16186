//! Protobuf's wire: fields with numbers, held against the bytes that are there.

use std::ops::Range;

/// Groups inside each other that are skipped.
const GROUPS_MAX: usize = 128;
const NUMBER_MAX: u64 = (1 << 29) - 1;

/// How a field is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Varint,
    Fixed64,
    Fixed32,
    Bytes,
    Group,
}

/// A field with what it carries. It is filled in place and not returned, which would be copied in pieces.
#[derive(Clone, Debug, Default)]
pub struct Wired {
    /// The place where it begins.
    pub at: usize,
    pub number: u32,
    pub form: Form,
    /// The number; where the form has a length, the place of its first byte.
    pub bits: u64,
    /// The place behind its last byte.
    pub end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    End,
    LongVarint,
    FieldNumber,
    WireType,
    Group,
    DeepGroup,
}

/// A part of a record that is read front to back; places count from the record's start.
#[derive(Clone, Debug)]
pub struct Wire<'a> {
    bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Wire<'a> {
    /// `part` must be within the record.
    pub fn new(record: &'a [u8], part: Range<usize>) -> Self {
        Self {
            bytes: &record[..part.end],
            at: part.start,
        }
    }

    pub const fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Reads the next field; `false` at the end.
    #[inline]
    pub fn field(&mut self, field: &mut Wired) -> Result<bool, Fault> {
        if self.is_done() {
            return Ok(false);
        }
        field.at = self.at;
        let tag = self.tag()?;
        field.number = tag >> 3;
        (field.form, field.bits) = match tag & 7 {
            0 => (Form::Varint, self.varint()?),
            1 => (Form::Fixed64, self.fixed64()?),
            2 => (Form::Bytes, self.skip_length()? as u64),
            3 => (Form::Group, self.at as u64),
            5 => (Form::Fixed32, self.fixed32()?.into()),
            4 => return Err(Fault::Group),
            _ => return Err(Fault::WireType),
        };
        field.end = self.at;
        if field.form == Form::Group {
            field.end = self.skip_group(field.number)?;
        }
        Ok(true)
    }

    /// The number of a field, and three bits for its form.
    #[inline]
    fn tag(&mut self) -> Result<u32, Fault> {
        let tag = self.varint()?;
        match tag >> 3 {
            1..=NUMBER_MAX => Ok(tag as u32),
            _ => Err(Fault::FieldNumber),
        }
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, Fault> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Fault> {
        let mut number = 0;
        for (index, byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.at += index + 1;
                return Ok(number);
            }
        }
        match self.bytes.len() - self.at < 10 {
            true => Err(Fault::End),
            false => Err(Fault::LongVarint),
        }
    }

    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let Some((bytes, _)) = self.bytes[self.at..].split_first_chunk() else {
            return Err(Fault::End);
        };
        self.at += N;
        Ok(*bytes)
    }

    /// Moves behind bytes with their length before them; where they begin.
    #[inline]
    fn skip_length(&mut self) -> Result<usize, Fault> {
        let length = self.varint()?;
        let start = self.at;
        match usize::try_from(length) {
            Ok(length) if length <= self.bytes.len() - start => {
                self.at += length;
                Ok(start)
            }
            _ => Err(Fault::End),
        }
    }

    /// Moves behind the end of the group whose start was read; where that end begins.
    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<usize, Fault> {
        let mut open = vec![number];
        loop {
            let end = self.at;
            if self.is_done() {
                return Err(Fault::End);
            }
            let tag = self.tag()?;
            let number = tag >> 3;
            match tag & 7 {
                0 => self.varint().map(|_| ())?,
                1 => self.fixed64().map(|_| ())?,
                2 => self.skip_length().map(|_| ())?,
                5 => self.fixed32().map(|_| ())?,
                3 if open.len() == GROUPS_MAX => return Err(Fault::DeepGroup),
                3 => open.push(number),
                4 if open.pop() != Some(number) => return Err(Fault::Group),
                4 if open.is_empty() => return Ok(end),
                4 => {}
                _ => return Err(Fault::WireType),
            }
        }
    }
}

impl Wired {
    /// Where its bytes are.
    pub const fn range(&self) -> Range<usize> {
        self.bits as usize..self.end
    }
}

impl Fault {
    /// What was found, for people.
    pub const fn found(self) -> &'static str {
        match self {
            Self::End => "the end of the bytes within a field",
            Self::LongVarint => "a varint of more than 10 bytes",
            Self::FieldNumber => "a field number that is 0 or beyond 536870911",
            Self::WireType => "a field of the wire type 6 or 7, which do not exist",
            Self::Group => "the end of a group that was not begun",
            Self::DeepGroup => "groups inside each other deeper than 128",
        }
    }
}
