//! Files and payloads, and which format they are taken for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{assert_inferred, complaint, inferred, known, lines};
use crate::data::{LoneRecord, Micros};
use crate::decode::Format;
use crate::offline::infer::{cut, payloads, written};

#[test]
fn json_may_be_pretty_printed_several_values_or_an_array() {
    let one = "{\n \"ts\": 1764351845,\n \"v\": 1\n}\n";
    assert_inferred(
        one,
        &[
            "format = \"json\" # one JSON value",
            "time = { field = \"ts\", unit = \"s\" }",
            "\"v\",",
        ],
    );
    assert_inferred([one, one].concat(), &["format = \"json\" # 2 JSON values"]);
    assert_inferred(
        format!("[{one}, {one}]"),
        &["format = \"json\" # 2 elements of a JSON array, each taken as a record"],
    );
    assert_inferred("{\"v\": 1}", &["format = \"json\" # one JSON value"]);
}

#[test]
fn rows_become_records_with_their_names_delimiter_and_texts_for_nothing() {
    let file =
        "time;meter;kwh;open\n2026-11-28 18:44:05;007;12.5;true\n2026-11-28 18:45:05;\"0;8\";NA;false\n";
    assert_inferred(
        file,
        &[
            "format = \"csv\" # 2 rows below one of names",
            "time = { field = \"time\", zone = \"UTC\" }",
            "\"meter\",",
            "\"kwh\", # 1 of 2, such as 12.5",
            "\"open\",",
            "[stream.csv]",
            "delimiter = \";\"",
            "null = [\"NA\"]",
            "'m_kwh{meter=\"007\"} 12.5 2026-11-28T18:44:05Z',",
        ],
    );
    assert_inferred(
        "1764351845,a,1.5\n1764351846,b,2.5\n",
        &[
            "columns = [\"column1\", \"column2\", \"column3\"] # give them names",
            "\"column3\",",
        ],
    );
}

#[test]
fn values_of_messagepack_one_behind_the_other_are_records() {
    let one = STANDARD.decode("gqJ0c85pKd9loXYH").unwrap();
    assert_inferred(
        [&one[..], &one].concat(),
        &[
            "format = \"messagepack\" # 2 values",
            "time = { field = \"ts\", unit = \"s\" }",
            "input_base64 = \"gqJ0c85pKd9loXYH\"",
            "'m_v{} 7 2025-11-28T17:44:05Z',",
        ],
    );
}

#[test]
fn compressed_samples_are_opened_and_blocks_of_snappy_are_tried_last() {
    let text = "{\"ts\": 1764351845000, \"v\": 1, \"w\": 1}\n".repeat(20);
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    assert_inferred(
        &zstd,
        &["format = \"json\" # 20 lines, each a JSON value; compressed by zstd"],
    );
    let one = snap::raw::Encoder::new()
        .compress_vec(&text.as_bytes()[..37])
        .unwrap();
    assert_inferred(
        &one,
        &[
            "compression = \"snappy\"",
            "input_base64 = ",
            "'m_v{} 1 2025-11-28T17:44:05Z',",
        ],
    );
}

#[test]
fn records_of_a_topic_are_each_of_the_same_format() {
    let made = |payloads: &[&[u8]]| {
        let record = |payload: &&[u8]| LoneRecord {
            payload: Some(payload.to_vec()),
            timestamp: Micros(1_764_351_845_000_000),
            ..LoneRecord::default()
        };
        let sample = payloads::sample(payloads.iter().map(record).collect(), None)?;
        written(sample, "m".to_owned(), Some("raw".to_owned()), "a topic").map(|written| written.toml)
    };
    let block = snap::raw::Encoder::new().compress_vec(b"{\"v\": 1}").unwrap();
    let cases: [(&[&[u8]], &str); 6] = [
        (
            &[b"{\"v\": 1}", b"{\"v\": 2}"],
            "topic = \"raw\"\nformat = \"json\" # 2 records\n",
        ),
        (&[b"{\"v\": 1}\n{\"v\": 2}"], "format = \"ndjson\" # 1 record\n"),
        (
            &[b"m v=1 1764351845000000000\nm v=2"],
            "format = \"line-protocol\"",
        ),
        (&[b"a,1.5", b"b,2"], "columns = [\"column1\", \"column2\"]"),
        (&[b"k;v\na;1", b"k;v\na;2\nb;3"], "delimiter = \";\""),
        (&[&block], "compression = \"snappy\""),
    ];
    for (payloads, piece) in cases {
        let toml = made(payloads).unwrap_or_else(|error| panic!("{error:#}"));
        assert!(
            toml.contains(piece) && toml.contains("[[stream.test]]"),
            "{piece} is not in\n{toml}"
        );
    }
    assert!(
        made(&[b"\0\0\0\0\x07\x02abc"])
            .unwrap_err()
            .to_string()
            .contains("with schema id 7")
    );
    assert!(made(&[]).unwrap_err().to_string().contains("no records"));
}

#[test]
fn bad_records_among_good_ones_are_told() {
    let file = lines(20, |n| match n {
        7 => "{\"ts\": 17643518".to_owned(),
        _ => format!("{{\"ts\": {}, \"v\": {n}}}", 1_764_351_845_000_u64 + n as u64),
    });
    let told = inferred(&file).told;
    assert!(
        told.starts_with("20 records: 19 points of 1 series, 1 dead letter; the first: record 8: not_json"),
        "{told}"
    );
    let mixed = lines(20, |n| {
        if n == 3 {
            "{\"v\": \"bad\"}".to_owned()
        } else {
            format!("{{\"v\": {n}}}")
        }
    });
    assert_inferred(
        &mixed,
        &["\"v\", # all 20, such as 0; 1 are no numbers, such as \"bad\", which makes dead letters"],
    );
}

#[test]
fn a_sample_of_nothing_is_refused_with_what_was_tried() {
    assert_eq!(complaint(" \n"), "the sample is empty");
    let said = complaint("nothing but words");
    for part in [
        "json: expected a JSON value",
        "line-protocol: ",
        "csv: neither , ; |",
        "messagepack: ",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(
        complaint(b"\x00\x00\x00\x00\x07\x02abc").contains("with schema id 7: its format is \"avro\" or")
    );
    assert!(complaint(b"Obj\x01abc").contains("Avro object container"));
    let said = complaint("{\"site\": \"berlin\", \"ts\": 1764351845000}");
    assert!(
        said.contains("no field of the sample holds numbers") && said.contains("site ('berlin')"),
        "{said}"
    );
    let deep = format!("{}1{}", "{\"a\": ".repeat(5_000), "}".repeat(5_000));
    assert!(complaint(deep).contains("nested deeper"));
    assert!(complaint(b"\x1f\x8bxx").contains("the payload is not gzip"));
}

#[test]
fn samples_are_bounded() {
    let wide = (0..3_000)
        .map(|n| format!("\"f{n}\": {n}"))
        .collect::<Vec<_>>()
        .join(", ");
    assert_inferred(format!("{{{wide}}}"), &["#   …: more fields than are looked at"]);
    let file = "{\"v\": 1}\n".repeat(cut::BYTES_MAX / 9 + 5);
    let toml = inferred(&file).toml;
    assert!(
        toml.contains("only the first 10000 records; only the first 8 MiB"),
        "{toml}"
    );
    let rows = format!("{}\n{}", "a,".repeat(50_000) + "b", "1\n".repeat(5));
    assert!(cut::file(rows.as_bytes(), &known(Some(Format::Csv))).is_err());
}
