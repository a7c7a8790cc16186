//! Manual pages and completions of every command.

use clap::ValueEnum;

use super::*;
use crate::cli::command;

#[test]
fn every_command_has_a_page_with_its_examples() {
    let dir = tempfile::tempdir().unwrap();
    let out = Some(dir.path().join("man1"));
    man(command(), &ManArgs { out: out.clone() }).unwrap();
    let read = |name: &str| fs::read_to_string(out.as_ref().unwrap().join(name)).unwrap();
    let query = read("streamsync-query.1");
    assert!(
        query.starts_with(".ie") || query.contains(".TH streamsync"),
        "{query}"
    );
    assert!(query.contains("\\-\\-time\\-zone Europe/Berlin"), "{query}");
    assert!(!query.contains('\u{1b}'), "{query}");
    assert!(read("streamsync.1").contains("streamsync\\-export(1)"));
    assert!(read("streamsync-keys-create.1").contains("\\-\\-expires"));
    let pages = fs::read_dir(out.as_ref().unwrap()).unwrap().count();
    let own = command().get_subcommands().count();
    assert_eq!(pages, 1 + own + 4, "the commands, those of keys and the program");
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in Shell::value_variants() {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut command(), "streamsync", &mut script);
        let script = String::from_utf8(script).unwrap();
        for word in ["delete-series", "time-zone", "rotate"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
}
