//! An object container file as one record: a list of its objects, read with the schema in its header.

use std::borrow::Cow;
use std::io::Read;

use super::read::{Reader, SPARE};
use super::schema::Schema;
use crate::data::{Object, Reason, RecordError, Value};
use crate::decode::{Compression, SchemaText};

const MAGIC: &[u8] = b"Obj\x01";
/// Bytes of the mark behind each block.
const MARK: usize = 16;
/// Bytes of the checksum behind what is compressed by snappy.
const CHECKSUM: usize = 4;
/// How many times the limit of a file the names and texts of all its objects may take.
const COPIES_MAX: usize = 32;

pub(super) struct Container<'a> {
    schema: &'a [u8],
    codec: &'a [u8],
    mark: &'a [u8],
    blocks: &'a [u8],
}

impl<'a> Container<'a> {
    /// `None` if it is another record, whose first bytes may be the same.
    pub fn of(payload: &'a [u8]) -> Option<Self> {
        let rest = payload.strip_prefix(MAGIC)?;
        let mut header = Reader::of(&[], rest, 0);
        let (mut schema, mut codec) = (None, &b"null"[..]);
        loop {
            let count = header.long().ok()?;
            if count < 0 {
                header.long().ok()?;
            }
            for _ in 0..count.unsigned_abs() {
                match (header.prefixed().ok()?, header.prefixed().ok()?) {
                    (b"avro.schema", text) => schema = Some(text),
                    (b"avro.codec", name) => codec = name,
                    _ => {}
                }
            }
            if count == 0 {
                break;
            }
        }
        Some(Self {
            schema: schema?,
            codec,
            mark: header.bytes(MARK).ok()?,
            blocks: header.rest(),
        })
    }

    /// All objects; of at most `limit` bytes when decompressed.
    pub fn objects(&self, limit: usize) -> Result<Value<'static>, RecordError> {
        let text = std::str::from_utf8(self.schema).map_err(|_| refused("its schema is not UTF-8"))?;
        let schema = Schema::parse(&SchemaText {
            text: text.to_owned(),
            references: Vec::new(),
        })
        .map_err(|mistake| refused(&mistake))?;
        let mut blocks = Reader::of(&[], self.blocks, 0);
        let (mut objects, mut left, mut spare) = (Vec::new(), limit, SPARE);
        let mut copies = Copies {
            left: limit.saturating_mul(COPIES_MAX),
        };
        while !blocks.rest().is_empty() {
            let count = blocks.long()?;
            if count < 0 {
                return Err(refused("a block has less than no objects"));
            }
            let opened = self.open(blocks.prefixed()?, left)?;
            if blocks.bytes(MARK)? != self.mark {
                return Err(refused("the mark behind a block is not that of its header"));
            }
            left -= opened.len();
            let reader = Reader::of(&schema.nodes, &opened, spare.saturating_add(opened.len()));
            let (read, unspent) = reader.datums(schema.root, count)?;
            for object in read {
                objects.push(copies.owned(object)?);
            }
            spare = unspent;
        }
        Ok(Value::List(objects))
    }

    fn open(&self, block: &'a [u8], limit: usize) -> Result<Cow<'a, [u8]>, RecordError> {
        let opened = match self.codec {
            b"null" => Cow::Borrowed(block),
            b"deflate" => Cow::Owned(inflate(block, limit)?),
            b"zstandard" => Compression::Zstd.open(block, limit)?,
            b"snappy" => {
                let Some((block, checksum)) = block.split_last_chunk::<CHECKSUM>() else {
                    return Err(refused("a block of snappy lacks its checksum"));
                };
                let opened = Compression::Snappy.open(block, limit)?;
                let mut crc = flate2::Crc::new();
                crc.update(&opened);
                if crc.sum() != u32::from_be_bytes(*checksum) {
                    return Err(refused("a block of snappy has another checksum"));
                }
                opened
            }
            other => {
                let name = String::from_utf8_lossy(other);
                let name: String = name.chars().take(20).collect();
                let what =
                    format!("its codec is '{name}': expected 'null', 'deflate', 'snappy' or 'zstandard'");
                return Err(refused(&what));
            }
        };
        match opened.len() > limit {
            true => Err(too_large(limit)),
            false => Ok(opened),
        }
    }
}

/// One byte more than the limit tells that there are more.
fn inflate(block: &[u8], limit: usize) -> Result<Vec<u8>, RecordError> {
    let mut opened = Vec::new();
    flate2::read::DeflateDecoder::new(block)
        .take(limit as u64 + 1)
        .read_to_end(&mut opened)
        .map_err(|error| {
            let detail = format!("a block of the Avro file is not deflate: {error}");
            RecordError::new(Reason::BadCompression, detail)
        })?;
    Ok(opened)
}

fn too_large(limit: usize) -> RecordError {
    let detail = format!("the Avro file has more than {limit} bytes left for a block when decompressed");
    RecordError::new(Reason::RecordTooLarge, detail)
}

fn refused(what: &str) -> RecordError {
    let detail = format!("the record is an Avro file that cannot be read: {what}");
    RecordError::new(Reason::NotAvro, detail)
}

/// The schema and what was decompressed are gone when the objects are used, so each object has names of
/// its own. However long they are in the schema, the objects' bytes do not tell.
struct Copies {
    /// Bytes that may still be copied.
    left: usize,
}

impl Copies {
    fn owned(&mut self, value: Value<'_>) -> Result<Value<'static>, RecordError> {
        Ok(match value {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Int(number) => Value::Int(number),
            Value::BigInt(digits) => Value::BigInt(self.text(digits)?),
            Value::Float(number) => Value::Float(number),
            Value::Text(text) => Value::Text(self.text(text)?),
            Value::Untyped(text) => Value::Untyped(self.text(text)?),
            Value::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
            Value::Time(time) => Value::Time(time),
            Value::List(items) => {
                let items = items.into_iter().map(|item| self.owned(item));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(Object(fields)) => {
                let fields = fields.into_iter();
                let fields = fields.map(|(name, value)| Ok((self.text(name)?, self.owned(value)?)));
                Value::Object(Object(fields.collect::<Result<_, RecordError>>()?))
            }
        })
    }

    fn text(&mut self, text: Cow<'_, str>) -> Result<Cow<'static, str>, RecordError> {
        match self.left.checked_sub(text.len()) {
            Some(left) => self.left = left,
            None => {
                let detail = "the objects of the Avro file repeat names and symbols that are too long";
                return Err(RecordError::new(Reason::RecordTooLarge, detail));
            }
        }
        Ok(Cow::Owned(text.into_owned()))
    }
}
