//! From a record to the bytes that a decoder reads: without compression and without the id of a schema.

use std::borrow::Cow;
use std::sync::Arc;

use super::compression::Compression;
use super::registry::{Language, SchemaRegistry, schema_id_length};
use crate::data::{Decoder, Header, Open, Opened, RecordError, SchemaId, headers};

#[derive(Debug)]
pub(super) struct Opener {
    pub(super) compression: Compression,
    pub(super) limit: usize,
    pub(super) reader: Reader,
    /// Reads what StreamSync wrote, whatever the format of the stream.
    pub(super) points: Decoder,
    /// Of the settings and of what the files of the schema hold.
    pub(super) fingerprint: u64,
}

#[derive(Debug)]
pub(super) enum Reader {
    /// Serialisers that check a JSON Schema write its id before the text, which needs no schema to be read.
    Json(Decoder),
    Plain(Decoder),
    Registered(Language, Arc<SchemaRegistry>),
}

impl Open for Opener {
    fn open<'a>(&self, payload: &'a [u8], headers: &[Header]) -> Result<Opened<'a>, RecordError> {
        if headers::are_of_points(headers) {
            return Ok(Opened {
                payload: Cow::Borrowed(payload),
                from: 0,
                decoder: Arc::clone(&self.points),
            });
        }
        let payload = self.compression.open(payload, self.limit)?;
        let (from, decoder) = match &self.reader {
            Reader::Json(decoder) => (schema_id_length(&payload), decoder),
            Reader::Plain(decoder) => (0, decoder),
            Reader::Registered(language, registry) => return registry.open(*language, payload, headers),
        };
        Ok(Opened {
            payload,
            from,
            decoder: Arc::clone(decoder),
        })
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn missing(&self, payload: &[u8], headers: &[Header]) -> Option<SchemaId> {
        let Reader::Registered(_, registry) = &self.reader else {
            return None;
        };
        if headers::are_of_points(headers) {
            return None;
        }
        // What cannot be decompressed needs no schema.
        let payload = self.compression.open(payload, self.limit).ok()?;
        registry.missing(&payload, headers)
    }
}
