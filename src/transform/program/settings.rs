//! A program as it is written in the configuration.

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

/// The program itself, or the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "must be a program, or a table such as { file = \"readings.vrl\" }"
)]
pub enum ProgramText {
    Text(String),
    File(ProgramFile),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramFile {
    pub file: PathBuf,
}

impl ProgramText {
    /// # Errors
    /// Why the file cannot be read.
    pub fn read(&self) -> Result<Cow<'_, str>, String> {
        match self {
            Self::Text(text) => Ok(Cow::Borrowed(text)),
            Self::File(ProgramFile { file }) => {
                let text = fs::read_to_string(file).map(Cow::Owned);
                text.map_err(|error| format!("cannot read {}: {error}", file.display()))
            }
        }
    }

    /// A mistake of it, which names the file.
    pub fn says(&self, mistake: &str) -> String {
        match self {
            Self::Text(_) => mistake.to_owned(),
            Self::File(ProgramFile { file }) => format!("{}: {mistake}", file.display()),
        }
    }
}
