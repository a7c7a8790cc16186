//! The labels that tables know.

use std::borrow::Cow;
use std::sync::Arc;

use super::labels::{self, Labels};
use super::nested::Nested;
use super::numbers::label_text;
use crate::data::RecordError;
use crate::transform::limits::Limits;
use crate::transform::lookup::{Lookup, LookupBy, Table};

/// What a record or its mapping says wins over a table.
pub(super) fn add<'a>(
    mut labels: Labels<'a>,
    nested: &Nested<'a, 'a>,
    lookups: &'a [Lookup],
    tables: &'a [Option<Arc<Table>>],
    limits: &Limits,
) -> Result<Labels<'a>, RecordError> {
    if lookups.is_empty() {
        return Ok(labels);
    }
    for (lookup, table) in lookups.iter().zip(tables) {
        let found = match &lookup.settings.by {
            LookupBy::Label(name) => {
                let label = labels.iter().find(|(known, _)| known == name);
                label.map(|(_, value)| Cow::Borrowed(&**value))
            }
            LookupBy::Field(field) => {
                let found = nested.get(field);
                found.map(|value| label_text(field, value)).transpose()?
            }
        };
        let row = lookup.row(table.as_deref(), found.as_deref())?;
        for (label, value) in lookup.settings.labels.iter().zip(row.into_iter().flatten()) {
            labels::push(
                &mut labels,
                Cow::Borrowed(&*label.name),
                Cow::Borrowed(&**value),
                limits,
            )?;
        }
    }
    labels::sorted(labels, limits)
}
