//! Protobuf: one binary message of a record, read by the definitions of a schema.
//!
//! Fields have the names of the `.proto` file. A scalar without presence that a record lacks has its
//! default, so that a temperature of 0 is a value; other fields that it lacks are missing.

mod compile;
mod defaults;
mod descriptor;
mod known;
mod open;
mod reader;
mod scalars;
mod source;
mod tables;
pub mod wire;

use std::sync::Arc;

use super::schema::SchemaText;
use crate::data::{Decode, Decoder, RecordError, Value};
use descriptor::File;
use reader::Reader;
use tables::Tables;

/// Bytes of a descriptor set.
const SET_MAX: usize = 16 << 20;

/// The messages of a `.proto` file and of those that it imports.
#[derive(Clone, Debug)]
pub struct Schema {
    tables: Arc<Tables>,
    /// The messages at the top of the file.
    top: Vec<usize>,
}

impl Schema {
    /// A `.proto` text; it may import its references and Google's files.
    ///
    /// # Errors
    /// What is wrong and where, as a sentence.
    pub fn parse(schema: &SchemaText) -> Result<Self, String> {
        Self::compile(&source::files(schema)?, 0)
    }

    /// A serialized `FileDescriptorSet`, which `protoc --include_imports --descriptor_set_out` writes, or
    /// `FileDescriptorProto`. The last file of a set is the one whose messages have indexes.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub fn parse_set(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > SET_MAX {
            let found = bytes.len();
            return Err(format!(
                "the descriptor set has {found} bytes; it may have {SET_MAX}"
            ));
        }
        let mut files = descriptor::files(bytes)?;
        let Some(main) = files.len().checked_sub(1) else {
            return Err("the descriptor set has no files".to_owned());
        };
        source::complete(&mut files, |_| None)?;
        Self::compile(&files, main)
    }

    fn compile(files: &[File], main: usize) -> Result<Self, String> {
        let (tables, top) = compile::compile(files, main)?;
        Ok(Self {
            tables: Arc::new(tables),
            top,
        })
    }

    /// The message of a full name, such as `plant.Reading`; imported ones too.
    pub fn by_name(&self, name: &str) -> Option<Decoder> {
        self.tables.names.get(name).map(|message| self.decoder(*message))
    }

    /// The same, of records that may have so many messages in them.
    pub fn bounded(&self, name: &str, messages_max: usize) -> Option<Decoder> {
        let message = *self.tables.names.get(name)?;
        Some(Arc::new(OneMessage {
            tables: Arc::clone(&self.tables),
            message,
            messages_max,
        }))
    }

    /// The message at a path of indexes: one at the top of the file, one that is defined in it, and so on.
    pub fn by_indexes(&self, path: &[i32]) -> Option<Decoder> {
        let (first, path) = path.split_first()?;
        let mut message = *self.top.get(usize::try_from(*first).ok()?)?;
        for index in path {
            let nested = &self.tables.messages[message].nested;
            message = *nested.get(usize::try_from(*index).ok()?)?;
        }
        Some(self.decoder(message))
    }

    /// The message of a file that has one at its top.
    pub fn only(&self) -> Option<Decoder> {
        match &*self.top {
            [message] => Some(self.decoder(*message)),
            _ => None,
        }
    }

    /// The full names of the messages at the top of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let messages = self.top.iter();
        messages.map(|message| &*self.tables.messages[*message].name)
    }

    fn decoder(&self, message: usize) -> Decoder {
        Arc::new(OneMessage {
            tables: Arc::clone(&self.tables),
            message,
            messages_max: usize::MAX,
        })
    }
}

#[derive(Debug)]
struct OneMessage {
    tables: Arc<Tables>,
    message: usize,
    messages_max: usize,
}

impl Decode for OneMessage {
    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError> {
        Reader::new(&self.tables, payload, self.messages_max).record(self.message)
    }
}

#[cfg(test)]
mod tests;
