//! The code keeps its floors: a file imports only what lies below it, says at its head what it is
//! for, and stays short enough to be read in one go. No files use each other in a circle.
//!
//! A file uses another one when it imports an item that is defined there, or names its path in code. A
//! name that a `mod.rs` passes on with `pub use` counts for the file that defines it. So a parent may
//! declare its children, pass on their names and hold what they share; as soon as it also uses one of
//! them, by a path, a private import or a name that it passes on, no child may use the parent.
//! Methods are not seen: whoever has a value may call them, as across crates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use self::uses::Uses;

mod uses;

/// Top-level modules by floor; siblings of floor 1 do not import each other.
const FLOORS: [&[&str]; 6] = [
    &["data", "telemetry"],
    &[
        "sources",
        "decode",
        "transform",
        "store",
        "cache",
        "live",
        "formats",
    ],
    &[
        "actors", "feed", "history", "archive", "inspect", "write", "access",
    ],
    &["graphql"],
    &["http"],
    &[
        "config",
        "client",
        "app",
        "embedded_kafka",
        "demo",
        "offline",
        "terminal",
        "cli",
        "main",
        "lib",
    ],
];

const LINES_MAX: usize = 400;

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|modules| modules.contains(&module))
        .unwrap_or_else(|| panic!("the module '{module}' stands on no floor: add it to FLOORS"))
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// (path below src, text) of every source file.
fn sources() -> BTreeMap<String, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let name = |path: &PathBuf| path.strip_prefix(&src).expect("below src").display().to_string();
    let files = rust_files(&src);
    files
        .iter()
        .map(|path| (name(path), fs::read_to_string(path).expect("a text")))
        .collect()
}

fn module_of(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or(path);
    first.strip_suffix(".rs").unwrap_or(first)
}

fn uses() -> Uses {
    Uses::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn a_file_imports_only_lower_floors_and_no_sibling_of_floor_one() {
    let uses = uses();
    let modules: BTreeSet<&str> = uses.files().into_iter().map(module_of).collect();
    let mut wrong = BTreeSet::new();
    for (file, path) in uses.paths() {
        let own = module_of(file);
        let Some(other) = path.get(1).filter(|other| path[0] == "crate" && *other != own) else {
            continue;
        };
        let other = if modules.contains(other.as_str()) {
            other
        } else {
            "lib"
        };
        let (here, there) = (floor(own), floor(other));
        if there > here || (there == here && here == 1) {
            wrong.insert(format!(
                "src/{file} (floor {here}) imports {other} (floor {there})"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let uses = uses();
    let between = uses.between_files();
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in uses.files() {
        let mut seen = BTreeSet::new();
        let mut next = vec![file];
        while let Some(from) = next.pop() {
            let found = between.keys().filter(|(one, _)| *one == from).map(|(_, to)| *to);
            next.extend(found.filter(|to| seen.insert(*to)));
        }
        reached.insert(file, seen);
    }
    let in_circle = |(from, to): (&str, &str)| reached[to].contains(from);
    let wrong: Vec<String> = (between.iter())
        .filter(|(pair, _)| in_circle(**pair))
        .map(|((from, to), paths)| format!("src/{from} uses src/{to}: {paths:?}"))
        .collect();
    assert!(wrong.is_empty(), "each of these closes a circle: {wrong:#?}");
}

#[test]
fn actix_diesel_and_async_graphql_stay_in_their_parts() {
    let homes: [(&str, &[&str]); 3] = [
        ("diesel", &["store"]),
        ("async_graphql", &["graphql", "http", "app"]),
        (
            "actix",
            &["actors", "http", "client", "app", "cli", "demo", "offline"],
        ),
    ];
    let uses = uses();
    let mut wrong = BTreeSet::new();
    for (file, path) in uses.paths() {
        for (word, allowed) in homes {
            if path[0].starts_with(word) && !allowed.contains(&module_of(file)) {
                wrong.insert(format!("src/{file} uses {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//!") {
            wrong.push(format!("src/{path} does not begin with //!"));
        }
        if text.lines().count() > LINES_MAX {
            wrong.push(format!("src/{path} has {} lines", text.lines().count()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_a_file_uses_is_seen_however_it_is_written() {
    let src = tempfile::tempdir().expect("a folder");
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("main.rs", "fn main() { streamsync::c::run() }"),
        (
            "a.rs",
            "use crate::{\n    b::{\n        self,\n        One,\n    },\n    c,\n};\n\
             // use crate::c::Commented;\n\
             fn f() { say!(\"crate::c::Quoted\", c::run()); b::inner::two() }\n\
             #[cfg(test)]\nmod tests { use crate::c::Tested; }",
        ),
        ("b/mod.rs", "mod inner;\npub use self::inner::One;"),
        ("b/inner.rs", "pub struct One;\npub fn two() {}"),
        ("c.rs", "use crate::b::*;\npub fn run() {}"),
    ];
    fs::create_dir(src.path().join("b")).expect("a folder");
    for (name, text) in files {
        fs::write(src.path().join(name), text).expect("a file");
    }
    let uses = Uses::read(src.path());
    let between = uses.between_files();
    let pairs: Vec<String> = between.keys().map(|(from, to)| format!("{from} {to}")).collect();
    let expected = ["a.rs b/inner.rs", "a.rs c.rs", "c.rs b/mod.rs", "main.rs c.rs"];
    assert_eq!(pairs, expected, "{between:?}");
}

/// A file or folder is named from the repository's root or, as `sources/poll.rs`, from `src`.
#[test]
fn every_path_that_the_documents_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = vec![root.join("ARCHITECTURE.md"), root.join("CONTRIBUTING.md")];
    let decisions = fs::read_dir(root.join("docs/adr")).expect("the decisions");
    documents.extend(decisions.map(|entry| entry.expect("an entry").path()));
    let code = Regex::new(r"`(\w[\w.-]*(?:/[\w.-]+)+/?|\w[\w-]*/|\w[\w-]*\.(?:rs|md|toml))`")
        .expect("an expression");
    let link = Regex::new(r"\]\(([\w./-]+)").expect("an expression");
    let mut missing = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document).expect("a document");
        let folder = document.parent().expect("a folder");
        let named = code
            .captures_iter(&text)
            .map(|found| (found, vec![root.to_owned(), root.join("src")]));
        let linked = link
            .captures_iter(&text)
            .map(|found| (found, vec![folder.to_owned()]));
        for (found, bases) in named.chain(linked) {
            // Made by a build.
            let is_made = found[1].starts_with("dashboard/sealed");
            if !is_made && !bases.iter().any(|base| base.join(&found[1]).exists()) {
                missing.push(format!("{}: {}", document.display(), &found[1]));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
