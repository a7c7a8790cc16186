//! A record's bytes become a value: one object, or a list of objects.
//!
//! A message that cannot be decoded is one `RecordError`, never an error for
//! its batch.

mod avro;
mod compression;
mod csv;
mod json;
mod line_protocol;
mod messagepack;
mod opener;
mod otlp;
mod parts;
mod protobuf;
pub mod registry;
mod schema;
mod text;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::{Decoder, Open};
use opener::{Opener, Reader};
use registry::{Language, SchemaRegistry};

pub use compression::{Compression, snappy_block};
pub use csv::Csv;
pub use csv::each_row;
pub use json::values::each_value;
pub use json::{Json, Ndjson};
pub use line_protocol::{LineProtocol, lines};
pub use otlp::Otlp;
pub use parts::Parts;
pub use protobuf::wire::{Fault, Form, Wire, Wired};
pub use schema::{SchemaFile, SchemaText};

/// How a stream's records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    Avro,
    Protobuf,
}

/// How to read the records of a stream.
#[derive(Clone, Debug)]
pub struct Reading<'c> {
    pub format: Format,
    pub compression: Compression,
    /// Bytes of a record, also when it is decompressed.
    pub limit: usize,
    pub csv: &'c Csv,
    /// Of Avro and Protobuf; without it records name their schemas in the registry.
    pub schema: Option<&'c SchemaFile>,
    pub registry: Option<&'c Arc<SchemaRegistry>>,
}

impl Reading<'_> {
    /// What a file holds one behind the other, in bytes that the format calls values, lines or rows. Of
    /// formats that have no end of their own it is one.
    pub fn parts<'a>(&self, file: &'a [u8]) -> Parts<'a> {
        match self.format {
            Format::Json | Format::Ndjson => json::parts(file),
            Format::Csv => csv::parts(file, self.csv),
            Format::LineProtocol => line_protocol::parts(file),
            Format::MessagePack => messagepack::parts(file),
            Format::Avro | Format::Protobuf => Parts::one(file),
        }
    }

    /// # Errors
    /// Why the schema cannot be used.
    pub fn opener(&self) -> Result<Arc<dyn Open>, String> {
        let mut made_of = DefaultHasher::new();
        (self.format, self.compression, self.limit, self.csv).hash(&mut made_of);
        let plain = |decoder: Decoder| Ok(Reader::Plain(decoder));
        let reader = match self.format {
            Format::Json => Ok(Reader::Json(Arc::new(Json))),
            Format::Ndjson => plain(Arc::new(Ndjson)),
            Format::Csv => plain(Arc::new(self.csv.clone())),
            Format::LineProtocol => plain(Arc::new(LineProtocol)),
            Format::MessagePack => plain(Arc::new(messagepack::MessagePack)),
            Format::Avro => self.by_schema(Language::Avro, avro_file, &mut made_of),
            Format::Protobuf => self.by_schema(Language::Protobuf, protobuf_file, &mut made_of),
        };
        Ok(Arc::new(Opener {
            compression: self.compression,
            limit: self.limit,
            reader: reader?,
            points: Arc::new(Json),
            fingerprint: made_of.finish(),
        }))
    }

    fn by_schema(
        &self,
        language: Language,
        file: fn(&SchemaFile, usize, &mut DefaultHasher) -> Result<Decoder, String>,
        made_of: &mut DefaultHasher,
    ) -> Result<Reader, String> {
        match (self.schema, self.registry) {
            (Some(schema), _) => file(schema, self.limit, made_of).map(Reader::Plain),
            (None, Some(registry)) => Ok(Reader::Registered(language, Arc::clone(registry))),
            (None, None) => {
                Err("is missing: name a file, as in { file = \"…\" }, or set schema_registry.url".to_owned())
            }
        }
    }
}

fn avro_file(schema: &SchemaFile, limit: usize, made_of: &mut DefaultHasher) -> Result<Decoder, String> {
    let text = schema.avro()?;
    text.hash(made_of);
    let parsed = avro::Schema::parse(&text)?;
    Ok(Arc::new(parsed.with_limit(limit)))
}

fn protobuf_file(schema: &SchemaFile, _: usize, made_of: &mut DefaultHasher) -> Result<Decoder, String> {
    schema.message.hash(made_of);
    let is_source = schema
        .file
        .extension()
        .is_some_and(|extension| extension == "proto");
    let parsed = match is_source {
        true => {
            let text = schema.proto()?;
            text.hash(made_of);
            protobuf::Schema::parse(&text)?
        }
        false => {
            let set = schema.bytes()?;
            set.hash(made_of);
            protobuf::Schema::parse_set(&set)?
        }
    };
    match &schema.message {
        Some(name) => parsed
            .by_name(name)
            .ok_or_else(|| format!("{} has no message '{name}'", schema.file.display())),
        None => parsed.only().ok_or_else(|| {
            let names = parsed.names().collect::<Vec<_>>().join(", ");
            format!(
                "{} has the messages [{names}]: add message = \"…\"",
                schema.file.display()
            )
        }),
    }
}
