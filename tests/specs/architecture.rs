//! The code keeps its floors: a file imports only what lies below it, says at its head what it is
//! for, and stays short enough to be read in one go.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

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
    &["actors", "history", "cold"],
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

/// The top-level modules a file names by `crate::`; code only, not comments.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for rest in line.split("crate::").skip(1) {
            let names = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or(list),
                None => rest
                    .split([':', ';', ',', ' ', ')', '>', '('])
                    .next()
                    .unwrap_or(rest),
            };
            for name in names.split(',') {
                let name = name.trim().split("::").next().unwrap_or_default();
                if name.chars().next().is_some_and(char::is_lowercase) {
                    found.push(name.trim_end_matches(';').to_owned());
                }
            }
        }
    }
    found
}

#[test]
fn a_file_imports_only_lower_floors_and_no_sibling_of_floor_one() {
    let mut wrong = Vec::new();
    // A test may set its subject up with whatever it takes.
    let is_test = |path: &str| path.ends_with("tests.rs") || path.contains("/tests/");
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(path)) {
        let own = module_of(&path).to_owned();
        for other in imports(&text).into_iter().filter(|other| *other != own) {
            let (here, there) = (floor(&own), floor(&other));
            let allowed = there < here || (there == here && here != 1);
            if !allowed {
                wrong.push(format!(
                    "src/{path} (floor {here}) imports {other} (floor {there})"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn actix_diesel_and_async_graphql_stay_in_their_parts() {
    let homes: [(&str, &[&str]); 3] = [
        ("diesel", &["store"]),
        ("async_graphql::", &["graphql", "http", "app"]),
        (
            "actix",
            &["actors", "http", "client", "app", "cli", "demo", "offline"],
        ),
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (word, allowed) in homes {
            let uses = text.lines().any(|line| {
                let code = line.trim_start();
                !code.starts_with("//")
                    && (code.contains(&format!("use {word}")) || code.contains(&format!(" {word}::")))
            });
            if uses && !allowed.contains(&module_of(&path)) {
                wrong.push(format!("src/{path} uses {word}"));
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
