//! A record's bytes become a value: one object, or a list of objects.
//!
//! A message that cannot be decoded is one [`RecordError`], never an error for
//! its batch.

mod compression;
mod csv;
mod json;
mod line_protocol;
mod messagepack;
mod text;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::{Decode, Decoder, RecordError, Value};

pub use compression::Compression;
pub use csv::Csv;
pub use json::Json;

/// How a stream's records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One JSON object, or an array of objects.
    #[default]
    Json,
    /// Several JSON objects, each on a line of its own or not.
    Ndjson,
    Csv,
    /// InfluxDB's line protocol.
    LineProtocol,
    #[serde(rename = "messagepack")]
    MessagePack,
}

/// How to read the records of a stream.
#[derive(Clone, Debug)]
pub struct Reading<'c> {
    pub format: Format,
    pub compression: Compression,
    /// Bytes of a record, also when it is decompressed.
    pub limit: usize,
    pub csv: &'c Csv,
}

impl Reading<'_> {
    pub fn decoder(&self) -> Decoder {
        let inner: Decoder = match self.format {
            Format::Json => Arc::new(Json),
            Format::Ndjson => Arc::new(json::Ndjson),
            Format::Csv => Arc::new(self.csv.clone()),
            Format::LineProtocol => Arc::new(line_protocol::LineProtocol),
            Format::MessagePack => Arc::new(messagepack::MessagePack),
        };
        Arc::new(Compressed {
            compression: self.compression,
            limit: self.limit,
            inner,
        })
    }
}

#[derive(Debug)]
struct Compressed {
    compression: Compression,
    limit: usize,
    inner: Decoder,
}

impl Decode for Compressed {
    fn open<'a>(&self, payload: &'a [u8]) -> Result<Cow<'a, [u8]>, RecordError> {
        self.compression.open(payload, self.limit)
    }

    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError> {
        self.inner.decode(payload)
    }
}
