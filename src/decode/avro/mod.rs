//! Avro: one datum, read with the schema that wrote it.
//!
//! The reader is our own, because public ones make a value of owned texts first, and lengths that a
//! record declares must be held against its bytes before memory is taken for them. The schema is
//! compiled once; nothing of it is looked up by name while a record is read.

mod canonical;
mod container;
mod logical;
mod node;
mod read;
mod schema;

use self::container::Container;
use self::read::{Reader, SPARE};
use crate::data::{Decode, Reason, RecordError, Value};

pub use schema::Schema;

/// What a datum in single-object encoding begins with; the fingerprint of its schema follows.
const SINGLE_OBJECT: &[u8] = &[0xc3, 0x01];

impl Decode for Schema {
    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError> {
        if let Some(container) = Container::of(payload) {
            return container.objects(self.limit);
        }
        let plain = |payload: &'a [u8]| {
            let spare = payload.len().saturating_add(SPARE);
            Reader::of(&self.nodes, payload, spare).datum(self.root)
        };
        let Some((fingerprint, datum)) = single_object(payload) else {
            return plain(payload);
        };
        if fingerprint == self.fingerprint {
            return plain(datum);
        }
        // A datum without a header may begin with the same bytes, such as those of the number -98.
        plain(payload).map_err(|_| {
            let detail = format!(
                "the record was written with the schema of the fingerprint {fingerprint:016x}, but the stream's has {:016x}",
                self.fingerprint
            );
            RecordError::new(Reason::UnknownSchema, detail)
        })
    }
}

/// The fingerprint of its schema, and the datum.
fn single_object(payload: &[u8]) -> Option<(u64, &[u8])> {
    let (fingerprint, datum) = payload.strip_prefix(SINGLE_OBJECT)?.split_first_chunk()?;
    Some((u64::from_le_bytes(*fingerprint), datum))
}

#[cfg(test)]
mod tests;
