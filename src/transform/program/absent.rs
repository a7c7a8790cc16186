//! Stands in where the program was built without VRL.

use crate::data::{Object, RecordError};
use crate::transform::mapping::Origin;

/// There is none.
#[derive(Debug)]
pub enum Compiled {}

#[derive(Debug)]
pub struct Run<'p>(&'p Compiled);

impl Compiled {
    pub fn of(_: &str) -> Result<Self, Vec<String>> {
        Err(vec![
            "this binary was built without VRL; build it with `cargo build --release --features vrl`"
                .to_owned(),
        ])
    }
}

impl<'p> Run<'p> {
    pub const fn of(compiled: &'p Compiled, _: usize, _: Origin<'_>) -> Self {
        Self(compiled)
    }

    pub const fn objects(
        &mut self,
        _: &Object<'_>,
        _: &mut dyn FnMut(&Object<'_>) -> Result<(), RecordError>,
    ) -> Result<bool, RecordError> {
        match *self.0 {}
    }
}
