//! Lines as InfluxDB, its library for line protocol and Telegraf read them: `tests/line_protocol/peers.go`
//! writes that down.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::*;

const CASES: &str = include_str!("../../../../tests/line_protocol/cases.json");

/// We read lines as InfluxDB's library does, but for these.
const OTHERWISE: [(&str, &[&str]); 7] = [
    (
        "tabs and NULs may stand before a line and anything in a comment, as for InfluxDB",
        &[
            "\t# nothing\n",
            "#\ta tab\n",
            "#\u{1}\n",
            "\0",
            "\tplant t=1 5",
            "\0plant t=1 5",
        ],
    ),
    (
        "control characters are parts of names, mostly as for InfluxDB; the limits say what may be stored",
        &[
            "plant \tt=1",
            "plant t\t=1",
            "plant t\u{1}=1",
            "a\u{1}plant t=1",
            "a\u{7f}plant t=1",
            "a\0plant t=1",
            "plant,si\tte=a t=1",
            "plant,si\u{1}te=a t=1",
            "plant,site=a\tb t=1",
            "plant,site=a\u{1} t=1",
            "plant,site=a\0 t=1",
        ],
    ),
    (
        "a byte order mark is refused, as in every text",
        &["\u{feff}plant t=1"],
    ),
    (
        "a backslash before a letter stands for itself, as documented and as for InfluxDB",
        &[
            r#"plant t="\n""#,
            r#"plant t="\r""#,
            r#"plant t="\t""#,
            r#"plant t="C:\data\new""#,
        ],
    ),
    (
        "numbers are decimal, without underscores, as documented and as for InfluxDB",
        &["plant t=0x1p4", "plant t=1_000"],
    ),
    (
        "an integer beyond 64 bits is read, and rounded or refused by the mapping",
        &[
            "plant t=9223372036854775808i",
            "plant t=-9223372036854775809i",
            "plant t=123456789012345678901234567890i",
            "plant t=18446744073709551616u",
        ],
    ),
    (
        "a number beyond any float is refused by the mapping, which names its field",
        &[
            "plant t=1e309",
            "plant t=-1e309",
            "plant t=1.7976931348623159e308",
        ],
    ),
];

type Named<'a> = BTreeMap<Cow<'a, str>, Value<'a>>;

#[derive(Debug, PartialEq)]
struct Line<'a> {
    measurement: Value<'a>,
    /// Of a repeated name the last counts.
    tags: Named<'a>,
    fields: Named<'a>,
    time: Option<Value<'a>>,
}

fn cases() -> Vec<Map<String, Json>> {
    serde_json::from_str(CASES).expect("cases")
}

fn payload(case: &Map<String, Json>) -> Vec<u8> {
    match case.get("base64") {
        Some(encoded) => STANDARD
            .decode(encoded.as_str().expect("a text"))
            .expect("Base64"),
        None => case["input"].as_str().expect("a text").as_bytes().to_vec(),
    }
}

/// What InfluxDB's library reads.
fn expected(case: &Map<String, Json>) -> Option<Vec<Line<'_>>> {
    let by_it = |by: &str| by == "all" || by.split(' ').any(|peer| peer == "line-protocol");
    let (_, lines) = case.iter().find(|(by, _)| by_it(by)).expect("an outcome");
    Some(lines.as_array()?.iter().map(written).collect())
}

fn written(line: &Json) -> Line<'_> {
    let time = line["time"].as_str();
    Line {
        measurement: value(&line["measurement"]),
        tags: values(&line["tags"]),
        fields: values(&line["fields"]),
        time: time.map(integer),
    }
}

fn values(of: &Json) -> Named<'_> {
    let pairs = of.as_object().expect("an object").iter();
    pairs
        .map(|(name, of)| (Cow::Borrowed(name.as_str()), value(of)))
        .collect()
}

fn value(of: &Json) -> Value<'_> {
    match of {
        Json::Bool(of) => Value::Bool(*of),
        Json::String(of) => text(of),
        tagged => match (tagged["float"].as_str(), tagged["int"].as_str()) {
            (Some(float), _) => Value::Float(float.parse().expect("a number")),
            (_, Some(digits)) => integer(digits),
            _ => panic!("{tagged}"),
        },
    }
}

fn integer(digits: &str) -> Value<'_> {
    digits
        .parse()
        .map_or(Value::BigInt(Cow::Borrowed(digits)), Value::Int)
}

fn read(payload: &[u8]) -> Option<Vec<Line<'_>>> {
    match LineProtocol.decode(payload) {
        Ok(Value::List(lines)) => Some(lines.into_iter().map(line).collect()),
        Ok(other) => panic!("{other:?}"),
        Err(_) => None,
    }
}

fn line(read: Value<'_>) -> Line<'_> {
    let mut parts = named(read);
    Line {
        measurement: parts.remove("measurement").expect("a measurement"),
        tags: named(parts.remove("tags").expect("tags")),
        fields: named(parts.remove("fields").expect("fields")),
        time: parts.remove("time"),
    }
}

fn named(object: Value<'_>) -> Named<'_> {
    match object {
        Value::Object(Object(pairs)) => pairs.into_iter().collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_are_read_as_the_library_of_influxdb_reads_them_but_for_those_with_a_reason() {
    let cases = cases();
    assert!(cases.len() > 700, "{}", cases.len());
    let mut otherwise: Vec<&str> = OTHERWISE
        .iter()
        .flat_map(|(_, inputs)| inputs.iter().copied())
        .collect();
    for case in &cases {
        let payload = payload(case);
        let shown = String::from_utf8_lossy(&payload);
        let listed = otherwise.iter().position(|input| input.as_bytes() == payload);
        match listed {
            Some(at) => {
                otherwise.swap_remove(at);
                assert_ne!(
                    read(&payload),
                    expected(case),
                    "{shown:?} needs no reason any more"
                );
            }
            None => assert_eq!(read(&payload), expected(case), "{shown:?}"),
        }
    }
    assert!(otherwise.is_empty(), "no case has {otherwise:?}");
}

#[test]
fn lines_of_a_file_that_were_cut_apart_are_the_same_lines() {
    for case in &cases() {
        let payload = payload(case);
        let Some(together) = read(&payload) else {
            continue;
        };
        let cut = parts(&payload);
        assert_eq!(cut.stopped, None, "{payload:?}");
        let apart = cut.found.into_iter().map(|part| read(part).expect("a line"));
        assert_eq!(apart.flatten().collect::<Vec<_>>(), together, "{payload:?}");
    }
}
