//! A sample as the command line names it: a file, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};

use super::infer::cut::BYTES_MAX;

#[derive(Debug)]
pub struct SampleFile {
    pub bytes: Vec<u8>,
    /// It goes on.
    pub is_cut: bool,
    /// For people.
    pub name: String,
}

impl SampleFile {
    pub fn read(path: Option<&Path>) -> Result<Self> {
        let path = path.filter(|path| *path != Path::new("-"));
        let name = match path {
            Some(path) => path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            None => "standard input".to_owned(),
        };
        let mut source: Box<dyn Read> = match path {
            Some(path) => {
                let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
                Box::new(file)
            }
            None => Box::new(io::stdin().lock()),
        };
        let mut bytes = Vec::new();
        let read = source.by_ref().take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        read.with_context(|| format!("cannot read {name}"))?;
        let is_cut = bytes.len() > BYTES_MAX;
        bytes.truncate(BYTES_MAX);
        Ok(Self { bytes, is_cut, name })
    }
}

/// A name that a stream may have.
pub fn stream_name(source: &str) -> String {
    let stem = source
        .split('.')
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name: String = stem
        .chars()
        .map(|c| if legal(c) { c } else { '_' })
        .take(200)
        .collect();
    match (source, name.is_empty()) {
        ("standard input", _) | (_, true) => "sample".to_owned(),
        _ => name,
    }
}
