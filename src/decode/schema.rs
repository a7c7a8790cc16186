//! Schemas as files or a registry give them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A text and what it refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SchemaText {
    pub text: String,
    /// The schemas that it refers to, by the name that it uses, each behind those that it needs itself.
    pub references: Vec<(String, String)>,
}

/// The schema of a stream that needs no registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { file = \"reading.avsc\" }"
)]
pub struct SchemaFile {
    /// Avro's `.avsc`; Protobuf's `.proto`, or a set of descriptors that `protoc -o` wrote.
    pub file: PathBuf,
    /// Protobuf's message with its package, if the file has several.
    pub message: Option<String>,
    /// Files that an Avro schema refers to, each behind those that it needs itself.
    #[serde(default)]
    pub references: Vec<PathBuf>,
    /// Directories of imported `.proto` files; unset: that of `file`.
    #[serde(default)]
    pub include: Vec<PathBuf>,
}

impl SchemaFile {
    pub(super) fn bytes(&self) -> Result<Vec<u8>, String> {
        fs::read(&self.file).map_err(|error| format!("cannot read {}: {error}", self.file.display()))
    }

    /// With its references.
    pub(super) fn avro(&self) -> Result<SchemaText, String> {
        let references = self.references.iter().map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            Ok((name.into_owned(), text(path)?))
        });
        Ok(SchemaText {
            references: references.collect::<Result<_, String>>()?,
            text: text(&self.file)?,
        })
    }

    /// With its imports; those that are in no directory are left to the decoder, which knows Google's.
    pub(super) fn proto(&self) -> Result<SchemaText, String> {
        let own = self.file.parent().unwrap_or(Path::new("")).to_owned();
        let directories = match &*self.include {
            [] => std::slice::from_ref(&own),
            include => include,
        };
        let source = text(&self.file)?;
        let mut references = Vec::new();
        follow(&source, directories, &mut HashSet::new(), &mut references)?;
        Ok(SchemaText {
            text: source,
            references,
        })
    }
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn follow(
    source: &str,
    directories: &[PathBuf],
    seen: &mut HashSet<String>,
    found: &mut Vec<(String, String)>,
) -> Result<(), String> {
    for name in imports(source) {
        let path = directories.iter().map(|directory| directory.join(name));
        let Some(path) = path.into_iter().find(|path| path.is_file()) else {
            continue;
        };
        if seen.insert(name.to_owned()) {
            let source = text(&path)?;
            follow(&source, directories, seen, found)?;
            found.push((name.to_owned(), source));
        }
    }
    Ok(())
}

/// The files that a `.proto` file imports.
fn imports(source: &str) -> impl Iterator<Item = &str> {
    let statements = source.lines().flat_map(|line| line.split(';'));
    statements.filter_map(|statement| {
        let rest = statement.trim().strip_prefix("import")?.trim_start();
        let rest = rest
            .strip_prefix("public")
            .or(rest.strip_prefix("weak"))
            .unwrap_or(rest);
        let rest = rest.trim();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest.strip_prefix(quote)?.strip_suffix(quote)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_a_proto_file_are_read_with_those_that_they_import_before_them() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        };
        write(
            "reading.proto",
            "syntax = \"proto3\"; import 'plant/site.proto';\nimport public \"unit.proto\";\n// import \"no.proto\";\n\
             import \"google/protobuf/timestamp.proto\";",
        );
        write("plant/site.proto", "import weak \"unit.proto\";");
        write("unit.proto", "import \"plant/site.proto\";");
        let schema = SchemaFile {
            file: directory.path().join("reading.proto"),
            ..SchemaFile::default()
        };
        let names = schema
            .proto()
            .expect("files")
            .references
            .into_iter()
            .map(|(name, _)| name);
        assert_eq!(names.collect::<Vec<_>>(), ["unit.proto", "plant/site.proto"]);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let schema = SchemaFile {
            file: "nowhere/reading.avsc".into(),
            ..SchemaFile::default()
        };
        let error = schema.avro().expect_err("no file");
        assert!(error.starts_with("cannot read nowhere/reading.avsc"), "{error}");
    }
}
