//! Which GraphQL documents are executed, by the settings of `[http]` that begin with `documents`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

pub use crate::graphql::guard::documents::Settings;
use crate::graphql::guard::documents::{FILE_MAX, List};
use crate::graphql::listed;

const CACHE_MAX_MIB: usize = 1_024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhichDocuments {
    #[default]
    Any,
    /// Those of `documents_file`; others only for who may operate the server.
    Listed,
}

/// # Errors
/// What is wrong with the settings or in the file.
pub fn settings(
    which: WhichDocuments,
    file: Option<&Path>,
    cache_mib: usize,
) -> Result<Settings, Vec<String>> {
    let mut mistakes = Vec::new();
    let only_listed = which == WhichDocuments::Listed;
    let list = match file {
        None if only_listed => {
            mistakes.push("http.documents: \"listed\" needs documents_file, which lists them".to_owned());
            List::default()
        }
        None => List::default(),
        Some(path) => read(path).unwrap_or_else(|why| {
            mistakes.extend(why.into_iter().map(|why| format!("http.documents_file: {why}")));
            List::default()
        }),
    };
    if cache_mib > CACHE_MAX_MIB {
        mistakes.push(format!(
            "http.documents_cache_mib: must be at most {CACHE_MAX_MIB}"
        ));
    }
    match mistakes.is_empty() {
        true => Ok(Settings {
            list,
            only_listed,
            cache_bytes: cache_mib << 20,
        }),
        false => Err(mistakes),
    }
}

fn read(path: &Path) -> Result<List, Vec<String>> {
    let mut json = Vec::new();
    let opened = File::open(path).and_then(|file| match file.metadata()?.is_file() {
        true => file.take(FILE_MAX as u64 + 1).read_to_end(&mut json),
        false => Err(io::Error::other("it is not a file")),
    });
    opened.map_err(|error| vec![format!("cannot read '{}': {error}", path.display())])?;
    let list = List::parse(&json).map_err(|bad| vec![bad.to_string()])?;
    match listed::mistakes(&list) {
        mistakes if mistakes.is_empty() => Ok(list),
        mistakes => Err(mistakes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_with(file: Option<&Path>) -> Result<Settings, Vec<String>> {
        settings(WhichDocuments::Listed, file, 8)
    }

    #[test]
    fn a_list_is_read_and_its_mistakes_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("documents.json");
        let why = |file: Option<&Path>| settings_with(file).unwrap_err().join("\n");
        assert!(why(None).contains("needs documents_file"));
        assert!(why(Some(&file)).contains("cannot read"));
        assert!(why(Some(dir.path())).contains("not a file"));
        std::fs::write(&file, "[]").unwrap();
        assert!(why(Some(&file)).contains("neither a JSON object"));
        std::fs::write(&file, r#"{"a": "{ nothing }", "b": "{"}"#).unwrap();
        assert!(why(Some(&file)).contains("http.documents_file: document 'b'"));
        std::fs::write(&file, r#"{"a": "{ metrics { name } }"}"#).unwrap();
        let settings = settings_with(Some(&file)).unwrap();
        assert!(settings.only_listed && !settings.list.is_empty());
    }
}
