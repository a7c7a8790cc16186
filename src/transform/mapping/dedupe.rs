//! What tells whether an object was there before.

use super::labels;
use super::nested::Nested;
use super::origin::Origin;
use super::settings::Dedupe;
use crate::data::RecordError;
use crate::transform::memory::{Hasher, Key};

impl Dedupe {
    /// `None` of an object that lacks a part: nothing tells it from others.
    pub(super) fn key<'a>(
        &'a self,
        nested: &Nested<'a, 'a>,
        origin: Origin<'a>,
        hasher: &Hasher,
    ) -> Result<Option<Key>, RecordError> {
        let mut parts = Vec::with_capacity(self.by.len());
        for part in &self.by {
            match labels::text_of(&part.0, nested, origin)? {
                Some(text) => parts.push(text),
                None => return Ok(None),
            }
        }
        Ok(Some(hasher.key(&parts)))
    }
}
