//! Export formats: JSON, NDJSON, CSV, an Arrow IPC stream and Parquet.
//!
//! Encoders turn blocks into bytes and hold no more than one block, or one row group of Parquet. Every
//! format has the columns `series` (the canonical key), `metric`, `labels`, `ts` and then one for each
//! value.

mod columnar;
mod csv;
mod encode;
mod json;
mod ndjson;
#[cfg(test)]
mod tests;
mod text;

pub use encode::{Block, Encode, EncodeError};
pub use text::TimeText;

use crate::data::words::words;

words! {
    pub enum Format, name, from_name {
        Json = "json",
        Ndjson = "ndjson",
        Csv = "csv",
        Arrow = "arrow",
        Parquet = "parquet",
    }
}

impl Format {
    /// Without parameters.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Texts, whose times can be written in several ways.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson | Self::Csv)
    }

    /// `columns`: the names of the values in each line. `times` is for texts: Arrow and Parquet have a
    /// type for times.
    ///
    /// # Errors
    /// The format's library rejects the columns.
    pub fn encoder(self, columns: &[String], times: TimeText) -> Result<Box<dyn Encode>, EncodeError> {
        Ok(match self {
            Self::Json => Box::new(json::Json::new(columns, times)),
            Self::Ndjson => Box::new(ndjson::Ndjson::new(columns, times)),
            Self::Csv => Box::new(csv::Csv::new(columns, times)),
            Self::Arrow => Box::new(columnar::Arrow::new(columns)?),
            Self::Parquet => Box::new(columnar::Parquet::new(columns)?),
        })
    }
}
