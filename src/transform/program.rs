//! A stream's `transform`: a program in VRL between decoding and mapping, for what a mapping cannot say.
//!
//! Its outcome depends on the record alone, so that a record that is read again becomes the same points.

use std::fmt;
use std::sync::Arc;

use super::mapping::Origin;
use crate::data::{Object, RecordError};

pub use settings::{ProgramFile, ProgramText};

mod settings;

#[cfg(feature = "vrl")]
mod budget;
#[cfg(feature = "vrl")]
mod compile;
#[cfg(feature = "vrl")]
mod functions;
#[cfg(feature = "vrl")]
mod rules;
#[cfg(feature = "vrl")]
mod run;
#[cfg(feature = "vrl")]
mod said;
#[cfg(feature = "vrl")]
mod values;

#[cfg(not(feature = "vrl"))]
mod absent;
#[cfg(not(feature = "vrl"))]
use absent as run;

/// A compiled program.
#[derive(Clone)]
pub struct Program {
    source: Arc<str>,
    compiled: Arc<run::Compiled>,
}

impl Program {
    /// # Errors
    /// All mistakes, or why the file cannot be read.
    pub fn of(text: &ProgramText) -> Result<Self, Vec<String>> {
        let source = text.read().map_err(|why| vec![why])?;
        let program = Self::compile(&source);
        program.map_err(|mistakes| mistakes.iter().map(|mistake| text.says(mistake)).collect())
    }

    /// # Errors
    /// All mistakes, each with its line and column.
    pub fn compile(source: &str) -> Result<Self, Vec<String>> {
        Ok(Self {
            compiled: Arc::new(run::Compiled::of(source)?),
            source: Arc::from(source),
        })
    }

    /// For one record, of so many bytes.
    pub fn begin(&self, bytes: usize, origin: Origin<'_>) -> Running<'_> {
        Running(run::Run::of(&self.compiled, bytes, origin))
    }
}

/// The program as it goes through the objects of a record.
#[derive(Debug)]
pub struct Running<'p>(run::Run<'p>);

impl Running<'_> {
    /// Calls `each` with every object that the program makes of this one. False if it makes none.
    ///
    /// # Errors
    /// The program fails, or takes too much time or memory; and those of `each`.
    pub fn objects(
        &mut self,
        object: &Object<'_>,
        each: &mut dyn FnMut(&Object<'_>) -> Result<(), RecordError>,
    ) -> Result<bool, RecordError> {
        self.0.objects(object, each)
    }
}

/// Equal programs make the same of every record.
impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.source).finish()
    }
}
