//! Every page of the help: what it shows, its width and its examples.

use std::collections::BTreeSet;

use super::*;
use crate::cli::command;

/// Each command with its path.
fn all(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    found.push((path.to_owned(), command.clone()));
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
    {
        all(inner, format!("{path} {}", inner.get_name()).trim_start(), found);
    }
}

fn commands() -> Vec<(String, Command)> {
    let mut command = command().term_width(WIDTH);
    command.build();
    let mut found = Vec::new();
    all(&command, "", &mut found);
    assert!(found.len() > 25, "{}", found.len());
    found
}

/// The words of a line of a shell, up to what follows it.
fn words(line: &str) -> Vec<String> {
    let line = line.replace("\\\n", " ");
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
        .split(|word| word == "|")
        .find(|words| words[0] == "streamsync")
        .map_or_else(Vec::new, |words| {
            let end = words.iter().position(|word| word.starts_with('>'));
            words[..end.unwrap_or(words.len())].to_vec()
        })
}

#[test]
fn every_page_fits_eighty_columns_and_ends_with_examples() {
    for (path, mut command) in commands() {
        for help in [command.render_help(), command.render_long_help()] {
            let help = help.to_string();
            let longest = help.lines().map(|line| line.chars().count()).max();
            assert!(
                longest.is_some_and(|longest| longest <= WIDTH),
                "{longest:?}\n{help}"
            );
            let examples = examples(&path);
            assert!(examples.contains("streamsync"), "'{path}' has no example");
            assert!(help.trim_end().ends_with(&examples), "{path}\n{help}");
        }
    }
}

#[test]
fn every_example_is_a_command_line_that_can_be_read() {
    for (path, _) in commands() {
        for (_, example) in page(&path).iter().flat_map(|page| page.examples) {
            let read = command().try_get_matches_from(words(example));
            assert!(read.is_ok(), "{example}: {}", read.unwrap_err());
        }
    }
}

#[test]
fn every_command_is_in_one_group_with_its_own_description() {
    let command = command();
    let names: BTreeSet<_> = command.get_subcommands().map(Command::get_name).collect();
    let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
    assert_eq!(grouped.len(), names.len(), "one is grouped twice, or not at all");
    assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), names);
}

#[test]
fn a_page_shows_the_settings_that_matter_to_its_command() {
    let help = |wanted: &str| {
        let found = commands().into_iter().find(|(path, _)| path == wanted);
        found.unwrap().1.render_help().to_string()
    };
    for (path, shown, hidden) in [
        ("", "Look after:", "--listen"),
        ("serve", "--listen", "--url"),
        ("check", "--allowed-origin", "--url"),
        ("health", "--listen", "--database-url"),
        ("migrate", "--database-url", "--listen"),
        ("keys create", "--database-url", "--kafka-brokers"),
        ("produce", "--kafka-brokers", "--redis-url"),
        ("query", "--url", "--config"),
        ("tail", "--url", "--data-dir"),
        ("schema", "Examples:", "--config"),
    ] {
        let help = help(path);
        assert!(help.contains(shown), "{path} does not show {shown}\n{help}");
        assert!(!help.contains(hidden), "{path} shows {hidden}\n{help}");
    }
    let ids: BTreeSet<_> = ALL.iter().copied().collect();
    for (path, command) in commands() {
        let settings = command
            .get_arguments()
            .filter(|arg| arg.get_help_heading() == Some(SETTINGS));
        let settings: BTreeSet<_> = settings.map(|arg| arg.get_id().as_str()).collect();
        assert!(settings.is_empty() || settings == ids, "{path}: {settings:?}");
    }
}

#[test]
fn settings_are_taken_where_they_are_not_shown_and_behind_inner_commands() {
    for line in [
        "streamsync migrate --listen 127.0.0.1:1 --allow-anonymous",
        "streamsync keys --data-dir x list",
        "streamsync keys list --data-dir x",
    ] {
        let read = command().try_get_matches_from(line.split(' '));
        assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
    }
    for line in ["streamsync query --data-dir x", "streamsync --data-dir x serve"] {
        assert!(command().try_get_matches_from(line.split(' ')).is_err(), "{line}");
    }
}
