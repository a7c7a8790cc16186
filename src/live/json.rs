//! A JSON text in pieces, most of them shared between subscribers.

use bytes::{BufMut, Bytes};

/// The pieces in order; together they are one JSON value in UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json(pub Vec<Bytes>);

impl Json {
    /// Bytes of the whole text.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn write(&self, out: &mut impl BufMut) {
        for piece in &self.0 {
            out.put_slice(piece);
        }
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self(vec![text.into()])
    }
}
