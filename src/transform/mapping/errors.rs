//! What a mapping says of a field that it cannot use, or of a record that it leaves out.

use crate::data::{Reason, RecordError, Value};
use crate::transform::limits::shorten;

pub(super) fn missing_field(name: &str) -> RecordError {
    RecordError::new(Reason::MissingField, format!("the field '{name}' is missing"))
}

pub(super) fn wrong_type(field: &str, wanted: &str, found: &Value<'_>) -> RecordError {
    let detail = format!("'{}' must be {wanted}, found {}", shorten(field), found.kind());
    RecordError::new(Reason::WrongType, detail)
}
