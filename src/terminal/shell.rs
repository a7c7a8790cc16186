//! Commands that are printed and can be pasted into a shell as they stand.

use std::borrow::Cow;
use std::env;

/// The program as it was called, so that it is found without being on the PATH.
pub fn program() -> String {
    let called = env::args().next().filter(|called| !called.is_empty());
    called.map_or_else(|| "streamsync".to_owned(), |called| quoted(&called).into_owned())
}

/// The command that is running, without the options of these names and with others.
pub fn again(without: &[&str], with: &[&str]) -> String {
    let words: Vec<String> = env::args().skip(1).collect();
    let words = kept(&words, without);
    let words = words.into_iter().chain(with.iter().copied()).map(quoted);
    let words: Vec<_> = words.collect();
    format!("{} {}", program(), words.join(" "))
}

/// Options as `--name value` or `--name=value`.
fn kept<'w>(words: &'w [String], without: &[&str]) -> Vec<&'w str> {
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if without.contains(&word.as_str()) {
            words.next();
        } else if !without
            .iter()
            .any(|name| word.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
        {
            kept.push(word.as_str());
        }
    }
    kept
}

/// One word for any POSIX shell.
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=,@%+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_what_was_quoted() {
        let words = [
            "",
            "plain",
            "rack=\"é\"",
            "it's",
            "$HOME `id` \\ !",
            "a\nb",
            "~",
            "*",
            "name=~^n.*",
        ];
        let quoted: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        let script = format!("printf '%s\\0' {}", quoted.join(" "));
        let printed = Command::new("sh").args(["-c", &script]).output().unwrap();
        let read = String::from_utf8(printed.stdout).unwrap();
        assert_eq!(
            read.strip_suffix('\0').unwrap().split('\0').collect::<Vec<_>>(),
            words
        );
        assert_eq!(
            super::quoted("target/debug/streamsync"),
            "target/debug/streamsync"
        );
    }

    #[test]
    fn options_are_left_out_with_their_values() {
        let words = [
            "tail",
            "--after",
            "c1",
            "--metric",
            "m",
            "--backfill=15m",
            "--backfilled",
        ]
        .map(str::to_owned);
        let left = kept(&words, &["--after", "--backfill"]);
        assert_eq!(left, ["tail", "--metric", "m", "--backfilled"]);
        assert!(program().ends_with(&*quoted(&env::args().next().unwrap())));
    }
}
