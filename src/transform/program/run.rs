//! A program goes through the objects of a record.

use std::panic::{AssertUnwindSafe, catch_unwind};

use vrl::compiler::runtime::{Runtime, Terminate};
use vrl::compiler::{ExpressionError, Program, TargetValue, TimeZone};
use vrl::path::PathPrefix;
use vrl::value::{ObjectMap, Secrets, Value as Vrl};

use super::budget::Budget;
use super::{compile, said, values};
use crate::data::{Object, Reason, RecordError};
use crate::transform::mapping::Origin;

#[derive(Debug)]
pub struct Compiled {
    program: Program,
    /// For the places of what fails.
    source: Box<str>,
    reads_metadata: bool,
    /// Of texts without an offset.
    zone: TimeZone,
}

#[derive(Debug)]
pub struct Run<'p> {
    compiled: &'p Compiled,
    /// One for all objects of the record.
    budget: Budget,
    metadata: Vrl,
}

impl Compiled {
    pub fn of(source: &str) -> Result<Self, Vec<String>> {
        let program = compile::compile(source)?;
        let queries = &program.info().target_queries;
        Ok(Self {
            reads_metadata: queries.iter().any(|path| path.prefix == PathPrefix::Metadata),
            program,
            source: source.into(),
            zone: TimeZone::parse("UTC").unwrap_or_default(),
        })
    }
}

impl<'p> Run<'p> {
    pub fn of(compiled: &'p Compiled, bytes: usize, origin: Origin<'_>) -> Self {
        Self {
            compiled,
            budget: Budget::of_record(bytes),
            metadata: match compiled.reads_metadata {
                true => values::metadata(origin),
                false => Vrl::Object(ObjectMap::new()),
            },
        }
    }

    pub fn objects(
        &mut self,
        object: &Object<'_>,
        each: &mut dyn FnMut(&Object<'_>) -> Result<(), RecordError>,
    ) -> Result<bool, RecordError> {
        let (value, is_untyped) = values::given(object)?;
        let mut each = |fields: &ObjectMap| each(&values::taken(fields, is_untyped)?);
        match self.resolve(value)? {
            None | Some(Vrl::Null) => Ok(false),
            Some(Vrl::Object(fields)) => each(&fields).map(|()| true),
            Some(Vrl::Array(items)) => {
                for item in &items {
                    match item {
                        Vrl::Object(fields) => each(fields)?,
                        other => return Err(no_object("an element of `.`", other)),
                    }
                }
                Ok(!items.is_empty())
            }
            Some(other) => Err(no_object("`.`", &other)),
        }
    }

    /// What the program leaves in `.`; nothing if it ends with `abort`.
    fn resolve(&mut self, value: Vrl) -> Result<Option<Vrl>, RecordError> {
        let Compiled {
            program,
            source,
            zone,
            ..
        } = self.compiled;
        let mut target = TargetValue {
            value,
            metadata: self.metadata.clone(),
            secrets: Secrets::new(),
        };
        let mut runtime = Runtime::default();
        let resolve = |budget: &mut Budget| {
            let resolve = || runtime.resolve_with_control(&mut target, program, zone, budget);
            catch_unwind(AssertUnwindSafe(resolve))
        };
        let why = match self.budget.spend(resolve) {
            Ok(Ok(_)) => return Ok(Some(target.value)),
            Ok(Err(Terminate::Abort(ExpressionError::Abort { .. }))) => return Ok(None),
            Ok(Err(Terminate::Abort(error) | Terminate::Error(error))) => said::failure(&error, source),
            Ok(Err(Terminate::Interrupted)) => self.budget.exceeded(),
            Err(_) => "a function of VRL panicked".to_owned(),
        };
        Err(failed(&why))
    }
}

fn failed(why: &str) -> RecordError {
    RecordError::new(Reason::TransformFailed, format!("transform: {why}"))
}

fn no_object(place: &str, found: &Vrl) -> RecordError {
    failed(&format!(
        "{place} must be an object or an array of objects in the end, and is {}",
        found.kind_str()
    ))
}
