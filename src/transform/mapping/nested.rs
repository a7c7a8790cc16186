//! An object of a record and those around it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::data::{Object, RecordError, Value};
use crate::transform::left_out::LeftOut;

use super::errors::wrong_type;

/// What an envelope leaves out.
pub(super) type Opened = Result<LeftOut, RecordError>;
/// What is done with each object inside.
pub(super) type Each<'e> = dyn FnMut(&Nested<'_, '_>) -> Result<(), RecordError> + 'e;

/// So often a field is looked for in the objects around before it is remembered where it is.
const OFTEN: u32 = 64;

/// A field is looked for from the inside out.
#[derive(Debug)]
pub struct Nested<'p, 'v> {
    pub object: &'p Object<'v>,
    pub outer: Option<&'p Nested<'p, 'v>>,
    remembered: Remembered,
}

/// Where the fields are that thousands of objects inside look for.
#[derive(Debug, Default)]
struct Remembered {
    asked: Cell<u32>,
    places: RefCell<BTreeMap<String, Option<Vec<usize>>>>,
}

impl<'p, 'v> Nested<'p, 'v> {
    pub fn of(object: &'p Object<'v>, outer: Option<&'p Nested<'p, 'v>>) -> Self {
        Self {
            object,
            outer,
            remembered: Remembered::default(),
        }
    }

    pub fn get(&self, path: &str) -> Option<&'p Value<'v>> {
        let found = self.object.get(path);
        found.or_else(|| self.outer.and_then(|outer| outer.get_from_within(path)))
    }

    fn get_from_within(&self, path: &str) -> Option<&'p Value<'v>> {
        let Remembered { asked, places } = &self.remembered;
        asked.set(asked.get().saturating_add(1));
        if asked.get() <= OFTEN {
            return self.get(path);
        }
        if !places.borrow().contains_key(path) {
            places
                .borrow_mut()
                .insert(path.to_owned(), self.object.find(path));
        }
        match places.borrow().get(path) {
            Some(Some(places)) => self.object.at(places),
            _ => self.outer.and_then(|outer| outer.get_from_within(path)),
        }
    }

    /// Calls `each` with every object at the path; arrays on the way are walked through. False where
    /// nothing is at the path.
    pub fn walk(
        &self,
        path: &str,
        each: &mut impl FnMut(&Nested<'_, 'v>) -> Result<(), RecordError>,
    ) -> Result<bool, RecordError> {
        if let Some(value) = self.object.get(path) {
            self.enter(path, value, None, each)?;
            return Ok(true);
        }
        // The shortest beginning first: `a` of `a.b.c`, then `a.b`.
        for (dot, _) in path.match_indices('.') {
            if let Some(value) = self.object.get(&path[..dot]) {
                return self.enter(&path[..dot], value, Some(&path[dot + 1..]), each);
            }
        }
        Ok(false)
    }

    fn enter(
        &self,
        name: &str,
        value: &Value<'v>,
        rest: Option<&str>,
        each: &mut impl FnMut(&Nested<'_, 'v>) -> Result<(), RecordError>,
    ) -> Result<bool, RecordError> {
        match value {
            Value::List(items) => {
                let mut found = items.is_empty();
                for item in items {
                    found |= self.enter(name, item, rest, each)?;
                }
                Ok(found)
            }
            Value::Object(object) => {
                let inner = Nested::of(object, Some(self));
                match rest {
                    Some(rest) => inner.walk(rest, each),
                    None => each(&inner).map(|()| true),
                }
            }
            other => Err(wrong_type(name, "an object or an array of objects", other)),
        }
    }
}
