//! Samples, and what is made of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::cut::{self, Known};
use super::sample::Sample;
use super::{Written, written};
use crate::config::{Config, Overrides};
use crate::data::{Header, LoneRecord};
use crate::decode::{Compression, Format};

mod fields;
mod samples;

const EXAMPLES: &str = include_str!("../../../docs/streams.md");

fn known(format: Option<Format>) -> Known<'static> {
    Known {
        format,
        csv: None,
        compression: Compression::Auto,
        records_max: cut::RECORDS_MAX,
        is_cut: false,
    }
}

fn sample(file: impl AsRef<[u8]>) -> Sample {
    cut::file(file.as_ref(), &known(None)).unwrap_or_else(|error| panic!("{error:#}"))
}

fn inferred(file: impl AsRef<[u8]>) -> Written {
    let made = written(sample(file), "m".to_owned(), None, "a test");
    made.unwrap_or_else(|error| panic!("{error:#}"))
}

/// Each piece begins a line, or a line of a list.
#[track_caller]
fn assert_inferred(file: impl AsRef<[u8]>, pieces: &[&str]) {
    let file = file.as_ref();
    let Written { toml, told } = inferred(file);
    let begins = |piece: &&&str| !toml.lines().any(|line| line.trim_start().starts_with(**piece));
    let missing: Vec<_> = pieces.iter().filter(begins).collect();
    assert!(
        missing.is_empty(),
        "{missing:#?} is not in\n{toml}\n{told}\nof\n{}",
        String::from_utf8_lossy(file)
    );
}

fn complaint(file: impl AsRef<[u8]>) -> String {
    let made = cut::file(file.as_ref(), &known(None));
    let made = made.and_then(|sample| written(sample, "m".to_owned(), None, "a test"));
    made.expect_err("a sample of nothing").to_string()
}

/// One for each of `n`.
fn lines(n: usize, line: impl Fn(usize) -> String) -> String {
    (0..n).map(|at| line(at) + "\n").collect()
}

#[test]
fn lines_of_json_become_a_stream_with_a_reason_for_each_guess_and_a_test() {
    let file = lines(40, |n| {
        let (ts, heat, device) = (1_764_351_845_000_u64 + n as u64, n as f64 / 4.0, n % 3);
        format!(
            r#"{{"ts": {ts}, "deviceId": {device}, "site": "berlin", "heat": {heat}, "on": true, "message_id": "m{n}", "text": "it's {n}", "nothing": null}}"#
        )
    });
    let Written { toml, told } = inferred(&file);
    let expected = r##"# A guess from 40 records of a test. Behind each setting stands what it
# rests on: in how many objects a field is, and what it holds.
[[stream]]
name = "m"
format = "json" # 40 lines, each a JSON value
time = { field = "ts", unit = "ms" } # all 40, such as 1764351845000, as milliseconds in this century
labels = [
  "deviceId", # all 40, 3 different, such as "0"
  "site", # all 40, always "berlin"
]
values = [
  "heat", # all 40, such as 0
  "on", # all 40, such as true
]
# Left out:
#   message_id: names one record, such as "m0"
#   text: a text to read, such as "it's 0"
#   nothing: always null

[[stream.test]]
name = "the first record of the sample"
input = '''
{"ts": 1764351845000, "deviceId": 0, "site": "berlin", "heat": 0, "on": true, "message_id": "m0", "text": "it's 0", "nothing": null}'''
points = [
  'm_heat{deviceId="0",site="berlin"} 0 2025-11-28T17:44:05Z',
  'm_on{deviceId="0",site="berlin"} 1 2025-11-28T17:44:05Z',
]
"##;
    assert_eq!(toml, expected);
    assert_eq!(told, "40 records: 80 points of 6 series, no dead letters");
}

#[test]
fn the_array_that_gives_most_points_is_the_one_to_go_through() {
    let file = r#"{"gateway": "g1", "seq": 5, "devices": [
        {"id": 1, "t": 1764351845, "readings": [{"n": "volt", "v": 230}, {"n": "ampere", "v": 2}]},
        {"id": 2, "t": 1764351846, "readings": []}], "alarms": [{"level": 3}]}"#;
    assert_inferred(
        file,
        &[
            "each = \"devices.readings\" # 2 objects in 1 record, 2 points; without it 1",
            "time = { field = \"t\", unit = \"s\" }",
            "metric = { field = \"n\" }",
            "\"gateway\",",
            "\"id\",",
            "#   seq: a number around the objects",
            "#   alarms: an array of objects; another stream",
            "'volt{gateway=\"g1\",id=\"1\"} 230 2025-11-28T17:44:05Z',",
        ],
    );
    assert_inferred(
        "{\"heat\": 1, \"wet\": 2, \"alarms\": [{\"level\": 3}]}",
        &["\"heat\",", "\"wet\","],
    );
}

#[test]
fn envelopes_are_opened() {
    let debezium = r#"{"schema": {}, "payload": {"op": "c", "ts_ms": 1764351845000, "source": {"table": "readings"},
        "before": null, "after": {"sensor_id": 3, "temperature": "20.5"}}}"#;
    assert_inferred(
        debezium,
        &[
            "envelope = \"debezium\" # 1 of 1 object with op",
            "time = { field = \"ts_ms\", unit = \"ms\" }",
            "\"sensor_id\",",
            "{ field = \"temperature\", number = \"text\" }",
        ],
    );
    let event = r#"{"specversion": "1.0", "type": "reading", "source": "/meters/7", "id": "1",
        "time": "2026-11-28T17:44:05Z", "data": "{\"kwh\": 12.5}"}"#;
    assert_inferred(
        event,
        &[
            "envelope = \"cloudevents\"",
            "time = { field = \"time\" }",
            "\"source\",",
            "\"kwh\",",
        ],
    );
    let telegraf = r#"{"metrics": [{"name": "cpu", "tags": {"host": "a"}, "fields": {"idle": 98.5}, "timestamp": 1764351845000}]}"#;
    assert_inferred(
        telegraf,
        &[
            "envelope = \"telegraf\"",
            "time = { field = \"timestamp\", unit = \"ms\", on_missing = \"kafka\" } # such as 1764351845000, which are milliseconds",
            "'cpu_idle{host=\"a\"} 98.5 2025-11-28T17:44:05Z',",
        ],
    );
}

#[test]
fn records_that_name_all_they_have_need_no_mapping() {
    let own = "{\"metric\": \"cpu\", \"labels\": {\"host\": \"a\"}, \"ts\": 1764351845, \"value\": 3}";
    assert_inferred(
        own,
        &[
            "time = { field = \"ts\", unit = \"s\" }",
            "# Records name all they have",
            "'cpu{host=\"a\"} 3 ",
        ],
    );
    let lines =
        "cpu,host=a idle=98.5,state=\"ok\" 1764351845000000000\ncpu,host=b idle=97 1764351845000000000\n";
    let toml = inferred(lines).toml;
    assert!(
        toml.contains("format = \"line-protocol\" # 2 lines") && !toml.contains("time ="),
        "{toml}"
    );
    assert_inferred(
        "cpu,host=a idle=98.5 1764351845\n",
        &["time = { field = \"time\", unit = \"s\", on_missing = \"kafka\" }"],
    );
}

#[test]
fn what_is_inferred_of_every_example_of_the_documentation_gives_points() {
    let blocks = EXAMPLES.split("```toml\n").skip(1);
    let mut examples = 0;
    // What a program makes of a record is not guessed.
    let guessed = |block: &&str| !block.contains("\ntransform = ");
    for block in blocks
        .filter_map(|block| block.split("```").next())
        .filter(guessed)
    {
        let config =
            Config::from_text(block, &Overrides::default()).unwrap_or_else(|error| panic!("{error:#}"));
        for stream in config.streams {
            for test in stream.tests.iter().filter(|test| !test.points.is_empty()) {
                let bytes = match (&test.input, &test.input_base64) {
                    (Some(text), _) => text.clone().into_bytes(),
                    (_, base64) => STANDARD.decode(base64.clone().unwrap_or_default()).unwrap(),
                };
                let mut sample = sample(&bytes);
                let headers = test.headers.iter().map(|(name, value)| Header {
                    name: name.clone(),
                    value: value.clone().into_bytes(),
                });
                let headers: Vec<Header> = headers.collect();
                for record in &mut sample.records {
                    let payload = std::mem::take(&mut record.payload);
                    *record = LoneRecord {
                        payload,
                        headers: headers.clone(),
                        key: test.key.clone().map(String::into_bytes),
                        timestamp: test.time.unwrap_or(record.timestamp),
                        ..LoneRecord::default()
                    };
                }
                let made = written(sample, "m".to_owned(), None, "the documentation");
                let made = made.unwrap_or_else(|error| panic!("{} / {}: {error:#}", stream.name, test.name));
                assert!(made.toml.contains("[[stream.test]]"), "{}", made.toml);
                examples += 1;
            }
        }
    }
    assert!(examples > 10, "{examples}");
}
