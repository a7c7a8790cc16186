//! An object of a record and those around it.

use crate::data::{Object, RecordError, Value};

use super::errors::wrong_type;

/// A field is looked for from the inside out.
#[derive(Clone, Copy, Debug)]
pub struct Nested<'p, 'v> {
    pub object: &'p Object<'v>,
    pub outer: Option<&'p Nested<'p, 'v>>,
}

impl<'p, 'v> Nested<'p, 'v> {
    pub fn get(&self, path: &str) -> Option<&'p Value<'v>> {
        let found = self.object.get(path);
        found.or_else(|| self.outer.and_then(|outer| outer.get(path)))
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
                let inner = Nested {
                    object,
                    outer: Some(self),
                };
                match rest {
                    Some(rest) => inner.walk(rest, each),
                    None => each(&inner).map(|()| true),
                }
            }
            other => Err(wrong_type(name, "an object or an array of objects", other)),
        }
    }
}
