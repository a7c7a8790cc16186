//! The text of a `.proto` file, or its descriptor in base64, and of those that it imports.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;

use super::compile::{short, shorten};
use super::descriptor::{self, File};
use crate::decode::schema::SchemaText;
use crate::decode::text::place;

/// Bytes of a text with all that it imports.
const TEXT_MAX: usize = 4 << 20;

/// Files that a schema may import without bringing them.
const KNOWN: &str = include_str!("known.protos");

/// The file of the text, and behind it what it imports.
pub(super) fn files(schema: &SchemaText) -> Result<Vec<File>, String> {
    let references = schema.references.iter();
    let total: usize = references.map(|(_, text)| text.len()).sum::<usize>() + schema.text.len();
    if total > TEXT_MAX {
        return Err(format!(
            "the schema and its references have {total} bytes; they may have {TEXT_MAX}"
        ));
    }
    let mut files = vec![parse("the schema", &schema.text)?];
    complete(&mut files, |name| {
        let mut references = schema.references.iter();
        references
            .find(|(reference, _)| reference == name)
            .map(|(_, text)| &**text)
    })?;
    Ok(files)
}

/// Adds what is imported and not there: what `find` gives, or what everybody knows.
pub(super) fn complete<'s>(
    files: &mut Vec<File>,
    find: impl Fn(&str) -> Option<&'s str>,
) -> Result<(), String> {
    let mut there: HashSet<String> = files.iter().map(|file| file.name.clone()).collect();
    let mut index = 0;
    while let Some(file) = files.get(index) {
        let mut imported = Vec::new();
        for name in &file.imports {
            if !there.insert(name.clone()) {
                continue;
            }
            let Some(text) = find(name).or_else(|| known(name)) else {
                let detail = format!(
                    "{} imports '{}', which is neither with it nor one of Google's files",
                    titled(&file.name),
                    short(name)
                );
                return Err(detail);
            };
            imported.push(parse(name, text)?);
        }
        files.append(&mut imported);
        index += 1;
    }
    Ok(())
}

fn known(name: &str) -> Option<&'static str> {
    let mut files = KNOWN.split("\n>>> ").skip(1);
    files.find_map(|file| file.strip_prefix(name)?.strip_prefix('\n'))
}

fn parse(name: &str, text: &str) -> Result<File, String> {
    // Clients of Python register descriptors, which some registries give back as they are. No text of a
    // file can be mistaken for one: it has blanks.
    let serialized = STANDARD.decode(text.trim()).unwrap_or_default();
    if !serialized.is_empty() {
        return descriptor::file(&serialized).map_err(|why| format!("{} in base64: {why}", titled(name)));
    }
    let parsed = protox_parse::parse(name, text).map_err(|error| {
        let what = error.to_string();
        if what.ends_with("found 'edition'") {
            let detail = "has an edition, which is read from a descriptor set alone; `protoc --include_imports \
                          --descriptor_set_out=FILE` writes one";
            return format!("{} {detail}", titled(name));
        }
        let place = match error.span() {
            Some(span) => format!(" at {}", place(&text.as_bytes()[..span.start.min(text.len())])),
            None => String::new(),
        };
        format!("{} cannot be read{place}: {}", titled(name), shorten(&what, 200))
    })?;
    descriptor::file(&parsed.encode_to_vec())
}

/// The main file has no name of its own.
fn titled(name: &str) -> String {
    match name {
        "the schema" => name.to_owned(),
        _ => format!("'{}'", short(name)),
    }
}
