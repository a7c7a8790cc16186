//! `infer` and `check --sample`: from a sample to a stream, and from a stream back to the sample.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::streamsync::command;
use crate::support::terminal::{Ended, directory, run, streamsync};

fn in_dir(dir: &Path, arguments: &[&str]) -> Ended {
    run(command().args(arguments).current_dir(dir))
}

fn readings(n: u64) -> String {
    let line = |n: u64| {
        format!(
            "{{\"ts\": {}, \"device_id\": {}, \"heat\": {}}}\n",
            1_764_351_845_000 + n,
            n % 3,
            20 + n
        )
    };
    (0..n).map(line).collect()
}

#[test]
fn what_infer_prints_is_a_configuration_whose_test_passes_and_that_takes_the_sample() {
    let dir = directory();
    fs::write(dir.path().join("ovens.ndjson"), readings(30)).expect("a file");
    let inferred = in_dir(dir.path(), &["infer", "ovens.ndjson"]);
    assert!(
        inferred
            .err
            .contains("30 records: 30 points of 3 series, no dead letters"),
        "{}",
        inferred.err
    );
    let toml = inferred.printed();
    for piece in [
        "name = \"ovens\"",
        "format = \"json\" # 30 lines, each a JSON value",
        "time = { field = \"ts\", unit = \"ms\" } # all 30",
        "\"device_id\", # all 30, 3 different",
        "\"heat\", # all 30, such as 20",
    ] {
        assert!(toml.contains(piece), "{piece:?} is not in\n{toml}");
    }
    fs::write(dir.path().join("streamsync.toml"), toml).expect("a file");
    assert!(
        in_dir(dir.path(), &["check"])
            .printed()
            .contains("stream    ovens")
    );
    assert_eq!(in_dir(dir.path(), &["test"]).printed(), "1 passed\n");
    let said = in_dir(dir.path(), &["check", "--sample", "ovens.ndjson"]).printed();
    assert!(
        said.starts_with("record 1\n  ovens_heat{device_id=\"0\"} 20 2025-11-28T17:44:05.000000Z\n"),
        "{said}"
    );
    assert!(
        said.contains("record 20\n") && !said.contains("record 21\n"),
        "{said}"
    );
    assert!(said.contains("30 points of 3 series"), "{said}");
}

#[test]
fn infer_reads_standard_input_and_takes_a_name_a_format_and_a_limit() {
    let inferred = |arguments: &[&str], sample: &[u8]| {
        let mut command: Command = command();
        command.arg("infer").args(arguments).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("its input");
        // A command that refuses its arguments does not read it.
        let _ = stdin.write_all(sample);
        drop(stdin);
        let output = child.wait_with_output().expect("its output");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ended {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    };
    let toml = inferred(&[], readings(5).as_bytes()).printed();
    assert!(
        toml.contains("name = \"sample\"") && toml.contains("from 5 records of standard input"),
        "{toml}"
    );
    let named = inferred(
        &["-", "--name", "ovens-1", "--limit", "2"],
        readings(5).as_bytes(),
    )
    .printed();
    assert!(
        named.contains("name = \"ovens-1\"") && named.contains("from 2 records"),
        "{named}"
    );
    assert!(named.contains("metric_prefix = \"ovens_1\""), "{named}");
    let forced = inferred(&["--format", "ndjson"], readings(5).as_bytes()).printed();
    assert!(forced.contains("format = \"ndjson\""), "{forced}");
    let why = inferred(&["--format", "messagepack"], readings(5).as_bytes()).complaint();
    assert!(
        why.contains("the sample fits no format; tried:\n  messagepack: "),
        "{why}"
    );
    let why = inferred(&[], b"neither this\nnor that").complaint();
    assert!(
        why.contains("\n  json: ") && why.contains("\n  messagepack: "),
        "{why}"
    );
    assert!(
        inferred(&["--format", "xml"], b"")
            .err
            .contains("unknown variant `xml`")
    );
    assert!(
        streamsync(&["infer", "/nowhere.json"])
            .complaint()
            .contains("/nowhere.json")
    );
}

#[test]
fn check_of_a_sample_shows_dead_letters_with_their_reasons_and_fails() {
    let dir = directory();
    let file = "[[stream]]\nname = \"ovens\"\nvalues = [\"heat\"]\nwhen = [\"kind=reading\"]\n\
                [[stream]]\nname = \"meters\"\nformat = \"csv\"\nvalues = [\"kwh\"]\n";
    fs::write(dir.path().join("streamsync.toml"), file).expect("a file");
    let mut sample = "{\"kind\": \"status\"}\n".to_owned();
    for n in 0..30 {
        let heat = if n == 25 {
            "\"hot\"".to_owned()
        } else {
            n.to_string()
        };
        sample += &format!(
            "{{\"kind\": \"reading\", \"ts\": {}, \"heat\": {heat}}}\n",
            1_764_351_845_000_u64 + n
        );
    }
    fs::write(dir.path().join("sample.ndjson"), sample).expect("a file");
    let check = ["check", "--sample", "sample.ndjson", "--stream", "ovens"];
    let ended = in_dir(dir.path(), &check);
    for line in [
        "record 1\n  left out: when\n",
        "record 27\n  dead letter wrong_type: 'heat' must be a number, found a string\n",
        "31 records of sample.ndjson: ",
        "  29 points of 1 series\n",
        "  1 record left out: when\n",
        "  1 dead letter: wrong_type\n",
    ] {
        assert!(ended.out.contains(line), "{line:?} is not in\n{}", ended.out);
    }
    assert!(ended.complaint().contains("1 record would be a dead letter"));
    // Each row is tried with the row of the names.
    fs::write(
        dir.path().join("rows.csv"),
        "ts,kwh\n2026-11-28T17:44:05Z,1\n2026-11-28T17:44:06Z,x\n",
    )
    .expect("a file");
    let rows = in_dir(
        dir.path(),
        &["check", "--sample", "rows.csv", "--stream", "meters"],
    );
    assert!(
        rows.out.contains("record 2, element 1\n  dead letter wrong_type"),
        "{}",
        rows.out
    );
    assert_eq!(rows.code, Some(1));
    let which = in_dir(dir.path(), &["check", "--sample", "sample.ndjson"]).complaint();
    assert!(
        which.contains("say which stream with --stream; configured: ovens, meters"),
        "{which}"
    );
    let unread = in_dir(dir.path(), &["check", "--sample", "none", "--stream", "ovens"]).complaint();
    assert!(unread.contains("cannot read none"), "{unread}");
}
