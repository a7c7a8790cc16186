//! The bytes of a datum become a value, with texts that borrow from them and names from the schema.

use std::borrow::Cow;

use super::logical;
use super::node::{DURATION, Field, Index, Node, UUID};
use crate::data::{Object, Reason, RecordError, Value};
use crate::decode::text::{DEPTH_MAX, too_deep};

/// Nulls and objects that a datum may have beyond its bytes, as they take none themselves.
pub(super) const SPARE: usize = 1_024;
/// Space for items and fields that is taken before they are read.
const AHEAD: usize = 64;
/// Characters of the field's name in a message.
const PLACE_MAX: usize = 120;

/// Whoever reads says where that ends, with [`Reader::end`].
pub(super) struct Reader<'a> {
    nodes: &'a [Node],
    payload: &'a [u8],
    /// The byte that is read next.
    at: usize,
    /// How many values may follow that take no bytes. A schema can ask for any number of them.
    spare: usize,
    /// The fields around an error, the innermost first.
    fields: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    pub const fn of(nodes: &'a [Node], payload: &'a [u8], spare: usize) -> Self {
        Self {
            nodes,
            payload,
            at: 0,
            spare,
            fields: Vec::new(),
        }
    }

    /// All that the payload has.
    pub fn datum(mut self, root: Index) -> Result<Value<'a>, RecordError> {
        let value = self.value(root, 0).and_then(|value| self.end().map(|()| value));
        value.map_err(|error| self.placed(error))
    }

    /// As many as it says, and nothing behind them; gives also how many values are left to spare.
    pub fn datums(mut self, root: Index, count: i64) -> Result<(Vec<Value<'a>>, usize), RecordError> {
        let read = self.counted(count).and_then(|count| {
            let values = (0..count).map(|_| self.value(root, 1));
            let values = values.collect::<Result<_, _>>()?;
            self.end().map(|()| values)
        });
        match read {
            Ok(values) => Ok((values, self.spare)),
            Err(error) => Err(self.placed(error)),
        }
    }

    /// What was not read.
    pub fn rest(&self) -> &'a [u8] {
        &self.payload[self.at..]
    }

    fn value(&mut self, index: Index, depth: usize) -> Result<Value<'a>, RecordError> {
        Ok(match &self.nodes[index] {
            Node::Null => {
                self.spend()?;
                Value::Null
            }
            Node::Boolean => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => return Err(self.refused(&format!("the byte {other:#04x} as a boolean"))),
            },
            Node::Int => Value::Int(self.int()?.into()),
            Node::Long => Value::Int(self.long()?),
            Node::Float => Value::Float(f32::from_le_bytes(self.array()?).into()),
            Node::Double => Value::Float(f64::from_le_bytes(self.array()?)),
            Node::Bytes => Value::Bytes(Cow::Borrowed(self.prefixed()?)),
            Node::String => Value::Text(Cow::Borrowed(self.text()?)),
            Node::Array(items) => self.list(*items, depth + 1)?,
            Node::Map(values) => self.map(*values, depth + 1)?,
            Node::Union(branches) => {
                let chosen = self.long()?;
                match usize::try_from(chosen)
                    .ok()
                    .and_then(|chosen| branches.get(chosen))
                {
                    // The branch took a byte.
                    Some(branch) if matches!(self.nodes[*branch], Node::Null) => Value::Null,
                    Some(branch) => self.value(*branch, depth)?,
                    None => return Err(self.beyond("branch", chosen, "a union", branches.len())),
                }
            }
            Node::Record(fields) => self.record(fields, depth + 1)?,
            Node::Enum(symbols) => {
                let chosen = self.int()?;
                match usize::try_from(chosen)
                    .ok()
                    .and_then(|chosen| symbols.get(chosen))
                {
                    Some(symbol) => Value::Text(Cow::Borrowed(symbol)),
                    None => return Err(self.beyond("symbol", chosen.into(), "an enum", symbols.len())),
                }
            }
            Node::Fixed(size) => {
                if *size == 0 {
                    self.spend()?;
                }
                Value::Bytes(Cow::Borrowed(self.bytes(*size)?))
            }
            Node::Date => logical::date(self.int()?),
            Node::Timestamp(unit) => logical::timestamp(self.long()?, *unit),
            Node::LocalTimestamp(unit) => logical::local_timestamp(self.long()?, *unit),
            Node::Decimal(scale) => logical::decimal(self.prefixed()?, *scale),
            Node::FixedDecimal { size, scale } => logical::decimal(self.bytes(*size)?, *scale),
            Node::BigDecimal => self.big_decimal()?,
            Node::Duration => logical::duration(self.bytes(DURATION)?),
            Node::Uuid => logical::uuid(self.bytes(UUID)?),
        })
    }

    fn record(&mut self, fields: &'a [Field], depth: usize) -> Result<Value<'a>, RecordError> {
        self.enter(depth)?;
        self.spend()?;
        let mut values = Vec::with_capacity(fields.len().min(AHEAD));
        for field in fields {
            match self.value(field.node, depth) {
                Ok(value) => values.push((Cow::Borrowed(&*field.name), value)),
                Err(error) => {
                    self.fields.push(&field.name);
                    return Err(error);
                }
            }
        }
        Ok(Value::Object(Object(values)))
    }

    fn list(&mut self, items: Index, depth: usize) -> Result<Value<'a>, RecordError> {
        self.enter(depth)?;
        let mut values = Vec::new();
        while let Some(block) = self.block()? {
            values.reserve(block.count.min(AHEAD));
            for _ in 0..block.count {
                values.push(self.value(items, depth)?);
            }
            self.leave(&block)?;
        }
        Ok(Value::List(values))
    }

    fn map(&mut self, items: Index, depth: usize) -> Result<Value<'a>, RecordError> {
        self.enter(depth)?;
        let mut fields = Vec::new();
        while let Some(block) = self.block()? {
            fields.reserve(block.count.min(AHEAD));
            for _ in 0..block.count {
                let name = self.text()?;
                match self.value(items, depth) {
                    Ok(value) => fields.push((Cow::Borrowed(name), value)),
                    Err(error) => {
                        self.fields.push(name);
                        return Err(error);
                    }
                }
            }
            self.leave(&block)?;
        }
        Ok(Value::Object(Object(fields)))
    }

    /// `None` at the end of an array or a map.
    fn block(&mut self) -> Result<Option<Block>, RecordError> {
        let count = self.long()?;
        if count == 0 {
            return Ok(None);
        }
        let mut end = None;
        if count < 0 {
            let size = self.length()?;
            end = Some(self.at + size);
        }
        let count = self.counted(count)?;
        Ok(Some(Block { count, end }))
    }

    /// Each item takes a byte, or is a value to spare.
    fn counted(&self, count: i64) -> Result<usize, RecordError> {
        let most = self.rest().len().saturating_add(self.spare);
        match usize::try_from(count.unsigned_abs()) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(self.refused("more items than the record has bytes")),
        }
    }

    fn leave(&self, block: &Block) -> Result<(), RecordError> {
        match block.end {
            Some(end) if end != self.at => {
                let found = format!("a block of items that should end at byte {end}, but ends");
                Err(self.refused(&found))
            }
            _ => Ok(()),
        }
    }

    fn enter(&self, depth: usize) -> Result<(), RecordError> {
        match depth > DEPTH_MAX {
            true => Err(too_deep(&format!("byte {}", self.at))),
            false => Ok(()),
        }
    }

    /// Counts a value that takes no bytes itself.
    fn spend(&mut self) -> Result<(), RecordError> {
        match self.spare.checked_sub(1) {
            Some(left) => self.spare = left,
            None => return Err(self.refused("more values than the record has bytes")),
        }
        Ok(())
    }

    /// Bytes that hold the number without its point as bytes, and its scale as an int.
    fn big_decimal(&mut self) -> Result<Value<'a>, RecordError> {
        let size = self.length()?;
        let mut inner = Reader {
            payload: &self.payload[..self.at + size],
            at: self.at,
            ..Reader::of(self.nodes, &[], 0)
        };
        let unscaled = inner.prefixed()?;
        let scale = inner.int()?;
        inner.end()?;
        self.at += size;
        Ok(logical::decimal(unscaled, scale.into()))
    }

    fn text(&mut self) -> Result<&'a str, RecordError> {
        std::str::from_utf8(self.prefixed()?).map_err(|_| self.refused("a text that is not UTF-8"))
    }

    /// Bytes behind their length.
    pub fn prefixed(&mut self) -> Result<&'a [u8], RecordError> {
        let length = self.length()?;
        self.bytes(length)
    }

    /// A count of bytes that are there.
    fn length(&mut self) -> Result<usize, RecordError> {
        let length = self.long()?;
        let there = self.rest().len();
        match usize::try_from(length) {
            Ok(length) if length <= there => Ok(length),
            _ => Err(self.refused(&format!("a length of {length}, where {there} bytes are left,"))),
        }
    }

    fn int(&mut self) -> Result<i32, RecordError> {
        let long = self.long()?;
        i32::try_from(long).map_err(|_| self.refused("an int of more than 32 bits"))
    }

    /// Seven bits in each byte, the least first; the lowest bit of all is the sign.
    pub fn long(&mut self) -> Result<i64, RecordError> {
        let mut bits = 0;
        for (index, byte) in self.rest().iter().take(10).enumerate() {
            bits |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                // The tenth byte holds the last bit.
                if index == 9 && *byte > 1 {
                    break;
                }
                self.at += index + 1;
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        match self.rest().len() {
            10.. => Err(self.refused("a number of more than 64 bits")),
            _ => Err(self.ended()),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let Some((bytes, _)) = self.rest().split_first_chunk() else {
            return Err(self.ended());
        };
        self.at += N;
        Ok(*bytes)
    }

    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let Some(bytes) = self.rest().get(..length) else {
            return Err(self.ended());
        };
        self.at += length;
        Ok(bytes)
    }

    fn end(&self) -> Result<(), RecordError> {
        match self.rest().len() {
            0 => Ok(()),
            more => Err(self.refused(&format!("{more} bytes more than the schema says"))),
        }
    }

    fn ended(&self) -> RecordError {
        self.refused("the end of the record within a value")
    }

    fn beyond(&self, what: &str, chosen: i64, of: &str, count: usize) -> RecordError {
        self.refused(&format!("{what} {chosen} of {of} that has {count}"))
    }

    fn refused(&self, found: &str) -> RecordError {
        let detail = format!(
            "the record is not Avro of its schema: found {found} at byte {}",
            self.at
        );
        RecordError::new(Reason::NotAvro, detail)
    }

    /// With the field that could not be read.
    fn placed(&self, error: RecordError) -> RecordError {
        if self.fields.is_empty() {
            return error;
        }
        let names = self.fields.iter().rev();
        let place = names.flat_map(|name| std::iter::once('.').chain(name.chars()));
        let place: String = place.skip(1).take(PLACE_MAX).collect();
        RecordError::new(error.reason, format!("{}, in the field '{place}'", error.detail))
    }
}

/// Items of an array or a map.
struct Block {
    count: usize,
    /// The byte behind it, where it says that.
    end: Option<usize>,
}
