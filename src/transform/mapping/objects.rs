//! The objects of a record that would have points, for those who look at a sample.

use super::{Mapping, Nested, Origin};
use crate::data::{Decode, Object, RecordError};

impl Mapping {
    /// Calls `seen` with every object that envelope and `each` find, whatever it holds.
    pub fn objects(
        &self,
        object: &Object<'_>,
        origin: Origin<'_>,
        decoder: &dyn Decode,
        seen: &mut dyn FnMut(&Nested<'_, '_>),
    ) -> Result<(), RecordError> {
        let whole = Nested::of(object, None);
        let mut inside = |nested: &Nested<'_, '_>| {
            let mut one = |nested: &Nested<'_, '_>| {
                seen(nested);
                Ok(())
            };
            match &self.each {
                Some(path) => nested.walk(path, &mut one).map(|_| ()),
                None => one(nested),
            }
        };
        match self.envelope {
            Some(envelope) => envelope.open(&whole, origin, decoder, &mut inside).map(|_| ()),
            None => inside(&whole),
        }
    }
}
