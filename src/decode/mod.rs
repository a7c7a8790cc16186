//! A record's bytes become a value: one object, or an array of objects.
//!
//! A message that cannot be decoded is one [`RecordError`](crate::data::RecordError), never an error for
//! its batch.

mod json;

use serde::{Deserialize, Serialize};

use crate::data::Decoder;

/// How a stream's records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One JSON object, or an array of objects.
    #[default]
    Json,
}

impl Format {
    pub fn decoder(self) -> Decoder {
        match self {
            Self::Json => json::decode,
        }
    }
}
