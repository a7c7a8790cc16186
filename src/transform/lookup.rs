//! `lookup`: labels that a table knows, such as the site of a device.
//!
//! The table is loaded and replaced from outside; a batch uses one state of it from end to end.

mod settings;
mod table;

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use super::limits::shorten;
use crate::data::{Reason, RecordError};

pub use settings::{LookupBy, LookupFrom, LookupMissing, LookupSettings};
pub use table::{Table, TableBuilder};

/// A table and what it is asked. Its clones share the table.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub settings: LookupSettings,
    table: Arc<RwLock<Option<Arc<Table>>>>,
}

impl Lookup {
    pub fn new(settings: LookupSettings) -> Self {
        Self {
            settings,
            table: Arc::default(),
        }
    }

    /// `None` until it is loaded.
    pub fn table(&self) -> Option<Arc<Table>> {
        self.table.read().clone()
    }

    /// Nobody else has a clone of it.
    pub fn is_alone(&self) -> bool {
        Arc::strong_count(&self.table) == 1
    }

    pub fn set(&self, table: Table) {
        *self.table.write() = Some(Arc::new(table));
    }

    /// The table that is in the file now.
    ///
    /// # Errors
    /// With the path, if it cannot be read, lacks a column or is too large.
    pub fn read(&self, file: &Path) -> Result<Table, String> {
        let settings = &self.settings;
        Table::read(file, &settings.key, &settings.columns().collect::<Vec<_>>())
    }

    /// The row for a value that was found in a record, or what becomes of the record without one.
    pub fn row<'t>(
        &self,
        table: Option<&'t Table>,
        found: Option<&str>,
    ) -> Result<Option<&'t [Box<str>]>, RecordError> {
        let row = found.and_then(|found| table?.get(found));
        if row.is_some() || self.settings.on_missing == LookupMissing::Skip {
            return Ok(row);
        }
        let detail = match found {
            Some(found) => format!("{} has no '{}'", self.settings.from, shorten(found)),
            None => format!(
                "{} is missing, by which {} is asked",
                self.settings.by, self.settings.from
            ),
        };
        Err(RecordError::new(Reason::MissingField, detail))
    }
}
