//! The interface of all encoders.

use std::sync::Arc;

use bytes::Bytes;

use crate::data::{Columns, Series};

/// Rows of one series, ascending in time. The next block may continue the same series.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub series: Arc<Series>,
    pub line: Columns,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot encode: {0}")]
pub struct EncodeError(pub(super) String);

pub trait Encode: Send {
    /// The next bytes, perhaps none; a header comes with the first ones.
    ///
    /// # Errors
    /// The format's library fails; the output so far is then invalid.
    fn encode(&mut self, blocks: &[Block]) -> Result<Bytes, EncodeError>;

    /// The last bytes.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn finish(&mut self) -> Result<Bytes, EncodeError>;
}
