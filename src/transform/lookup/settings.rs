//! A lookup as it is written in the configuration.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::transform::limits::humantime_text;
use crate::transform::mapping::{Label, LabelSource};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupSettings {
    pub by: LookupBy,
    /// The column that the value is looked for in.
    pub key: String,
    pub from: LookupFrom,
    /// Columns, and the labels that they become.
    pub labels: Vec<Label>,
    /// How often a table is read again, or is looked whether the file has changed.
    pub refresh: Duration,
    pub on_missing: LookupMissing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupBy {
    Label(String),
    Field(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupFrom {
    /// CSV, whose first row names the columns.
    File(PathBuf),
    /// Of the database that the points are in.
    Table { schema: Option<String>, name: String },
}

/// What becomes of an object whose value the table lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupMissing {
    /// Its points have no such labels.
    #[default]
    Skip,
    DeadLetter,
}

impl LookupSettings {
    /// Those that become labels.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().filter_map(Label::reads)
    }
}

impl fmt::Display for LookupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(name) => write!(f, "the label '{name}'"),
            Self::Field(name) => write!(f, "the field '{name}'"),
        }
    }
}

impl fmt::Display for LookupFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Table { schema: None, name } => write!(f, "the table {name}"),
            Self::Table {
                schema: Some(schema),
                name,
            } => write!(f, "the table {schema}.{name}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    label: Option<String>,
    field: Option<String>,
    key: String,
    file: Option<PathBuf>,
    table: Option<String>,
    schema: Option<String>,
    labels: Vec<Label>,
    #[serde(default = "minute", with = "humantime_text")]
    refresh: Duration,
    #[serde(default)]
    on_missing: LookupMissing,
}

const fn minute() -> Duration {
    Duration::from_secs(60)
}

impl<'de> Deserialize<'de> for LookupSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer)?
            .checked()
            .map_err(D::Error::custom)
    }
}

impl Written {
    fn checked(self) -> Result<LookupSettings, &'static str> {
        let by = match (self.label, self.field) {
            (Some(label), None) => LookupBy::Label(label),
            (None, Some(field)) => LookupBy::Field(field),
            _ => return Err("a lookup has one of label and field"),
        };
        let from = match (self.file, self.table, self.schema) {
            (Some(file), None, None) => LookupFrom::File(file),
            (None, Some(name), schema) => LookupFrom::Table { schema, name },
            _ => return Err("a lookup has a file, or a table perhaps with its schema"),
        };
        if self.refresh < Duration::from_secs(1) {
            return Err("refresh must be at least 1s");
        }
        if self.labels.is_empty() {
            return Err("labels name the columns that become labels, such as [\"site\"]");
        }
        let is_column =
            |label: &Label| matches!(&label.from, LabelSource::Field(column) if !column.is_empty());
        if !self.labels.iter().all(is_column) || self.key.is_empty() {
            return Err("the labels and the key of a lookup are columns");
        }
        Ok(LookupSettings {
            by,
            key: self.key,
            from,
            labels: self.labels,
            refresh: self.refresh,
            on_missing: self.on_missing,
        })
    }
}
