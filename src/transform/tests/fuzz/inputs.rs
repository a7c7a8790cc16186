//! Records as producers write them, and such as nobody should: valid in shape and odd in content, then
//! perhaps with bytes changed, lost, repeated or in the wrong place.

use std::fmt::Write as _;
use std::io::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value as Json};

use super::messages;
use crate::decode::Format;

/// What the plans of the tests read, and a few names more.
const NAMES: &[&str] = &[
    "ts",
    "site",
    "device",
    "device.id",
    "id",
    "temperature",
    "vibration",
    "v",
    "value",
    "metric",
    "labels",
    "tags",
    "fields",
    "name",
    "timestamp",
    "time",
    "measurement",
    "metrics",
    "readings",
    "devices",
    "payload",
    "op",
    "after",
    "before",
    "source",
    "specversion",
    "data",
    "kind",
    "state",
    "",
    ".",
    "a.b",
];

const TEXTS: &[&str] = &[
    "",
    "north",
    "reading",
    "u",
    "c",
    "d",
    "1.0",
    "true",
    "on",
    "NaN",
    "-0",
    "1e999",
    "9007199254740993",
    "123456789012345678901234567890",
    "2023-11-14T22:13:20Z",
    "2023-11-14 22:13:20",
    "14.11.2023 22:13:20",
    "0000-00-00T00:00:00Z",
    "+999999-12-31T23:59:59Z",
    "{\"v\": 1}",
    "\u{0}",
    "\u{feff}",
    "\"\\",
    "ä\u{301}",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "21.5",
    "1700000000000",
    "1700000000",
    "1700000000000000000",
    "9007199254740993",
    "9223372036854775808",
    "-9223372036854775809",
    "1e308",
    "1e-400",
    "0.1",
    "1E+2",
];

pub fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => select(NAMES).prop_map(str::to_owned), 1 => any::<String>()]
}

pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(TEXTS).prop_map(str::to_owned), 1 => any::<String>()]
}

/// A value in the shape of JSON, for every format that has trees.
fn tree() -> impl Strategy<Value = Json> {
    let number = |text: &str| serde_json::from_str(text).unwrap_or(Json::Null);
    let leaf = prop_oneof![
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::from),
        4 => select(NUMBERS).prop_map(number),
        1 => any::<f64>().prop_map(Json::from),
        1 => any::<i64>().prop_map(Json::from),
        4 => text().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..5).prop_map(Json::from),
            3 => object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    vec((name(), inner), 0..7).prop_map(|fields| Json::Object(fields.into_iter().collect()))
}

/// What most records are.
fn record() -> impl Strategy<Value = Json> {
    let usual = serde_json::json!({
        "ts": 1_700_000_000_000_i64, "site": "north", "device": {"id": 7}, "temperature": 21.5, "v": 1,
        "tags": {"rack": "r1"}, "fields": {"a": 1, "b": true},
    });
    let Json::Object(usual) = usual else {
        unreachable!()
    };
    let changed = object(tree()).prop_map(move |more| {
        let mut fields = usual.clone();
        if let Json::Object(more) = more {
            fields.extend(more);
        }
        Json::Object(fields)
    });
    prop_oneof![3 => changed, 1 => tree()]
}

/// One change of the bytes.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let odd = select(&b"\"\\{}[],:= \n\r\t;#0-.eE\xff\x00\xc1\xdd\xdf\xc9"[..]);
    let few = prop_oneof![vec(odd.clone(), 1..4), vec(any::<u8>(), 1..9)];
    prop_oneof![
        (any::<Index>(), prop_oneof![odd, any::<u8>()]).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), few).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), 1..9_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), 1..20_usize, 1..40_usize).prop_map(|(at, n, times)| Change::Repeat(at, n, times)),
        any::<Index>().prop_map(Change::Cut),
    ]
}

impl Change {
    fn apply(self, bytes: &mut Vec<u8>) {
        let place = |at: Index| at.index(bytes.len() + 1);
        match self {
            Self::Set(at, byte) => {
                let at = place(at);
                if let Some(set) = bytes.get_mut(at) {
                    *set = byte;
                }
            }
            Self::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more);
            }
            Self::Remove(at, count) => {
                let at = place(at);
                bytes.drain(at..bytes.len().min(at + count));
            }
            Self::Repeat(at, count, times) => {
                let at = place(at);
                let part = bytes[at..bytes.len().min(at + count)].repeat(times);
                bytes.splice(at..at, part);
            }
            Self::Cut(at) => bytes.truncate(place(at)),
        }
    }
}

/// Half of them as they were written.
pub fn changed(written: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop_oneof![Just(Vec::new()), vec(change(), 1..4)];
    (written, changes).prop_map(|(mut bytes, changes)| {
        for change in changes {
            change.apply(&mut bytes);
        }
        bytes
    })
}

pub fn of(format: Format) -> BoxedStrategy<Vec<u8>> {
    match format {
        Format::Json => changed(record().prop_map(|tree| json(&tree))).boxed(),
        Format::Ndjson => {
            let lines = |trees: Vec<Json>| trees.iter().map(json).collect::<Vec<_>>().join(&b'\n');
            changed(vec(record(), 0..4).prop_map(lines)).boxed()
        }
        Format::MessagePack => changed(record().prop_map(|tree| {
            let mut out = Vec::new();
            messagepack(&tree, &mut out);
            out
        }))
        .boxed(),
        Format::Avro => changed(messages::avro()).boxed(),
        Format::Protobuf => changed(messages::protobuf()).boxed(),
        Format::Csv => changed(csv()).boxed(),
        Format::LineProtocol => {
            changed(vec(line(), 0..4).prop_map(|lines| lines.concat().into_bytes())).boxed()
        }
    }
}

/// What serde_json cannot write as a number stands there as many producers write it.
fn json(tree: &Json) -> Vec<u8> {
    let text = tree.to_string();
    text.replace("\"NaN\"", "NaN")
        .replace("\"1e999\"", "1e999")
        .into_bytes()
}

fn messagepack(tree: &Json, out: &mut Vec<u8>) {
    let length = |out: &mut Vec<u8>, marker: u8, length: usize| {
        out.push(marker);
        out.extend((length as u32).to_be_bytes());
    };
    match tree {
        Json::Null => out.push(0xc0),
        Json::Bool(truth) => out.push(0xc2 + u8::from(*truth)),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(small @ 0..=127), _) => out.push(small as u8),
            (Some(whole), _) => {
                out.push(0xd3);
                out.extend(whole.to_be_bytes());
            }
            (None, float) => {
                out.push(0xcb);
                out.extend(float.unwrap_or(f64::NAN).to_be_bytes());
            }
        },
        Json::String(text) => {
            match u8::try_from(text.len()) {
                Ok(short @ 0..=31) => out.push(0xa0 | short),
                _ => length(out, 0xdb, text.len()),
            }
            out.extend(text.as_bytes());
        }
        Json::Array(items) => {
            length(out, 0xdd, items.len());
            for item in items {
                messagepack(item, out);
            }
        }
        Json::Object(fields) => object_of_messagepack(fields, out),
    }
}

fn object_of_messagepack(fields: &Map<String, Json>, out: &mut Vec<u8>) {
    match u8::try_from(fields.len()) {
        Ok(few @ 0..=15) => out.push(0x80 | few),
        _ => {
            out.push(0xdf);
            out.extend((fields.len() as u32).to_be_bytes());
        }
    }
    for (name, value) in fields {
        messagepack(&Json::from(name.as_str()), out);
        // A time, as an extension of twelve bytes.
        if name == "ts" {
            out.extend([0xc7, 12, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0x00]);
        } else {
            messagepack(value, out);
        }
    }
}

fn csv() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        3 => select(NUMBERS).prop_map(str::to_owned),
        2 => text(),
        1 => text().prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
    ];
    let row = vec(field, 4);
    (vec(name(), 4), vec(row, 0..5), any::<bool>()).prop_map(|(names, rows, usual)| {
        let head = match usual {
            true => "ts,site,temperature,v".to_owned(),
            false => names.join(","),
        };
        let rows = rows.into_iter().map(|row| row.join(","));
        [head]
            .into_iter()
            .chain(rows)
            .collect::<Vec<_>>()
            .join("\n")
            .into_bytes()
    })
}

fn line() -> impl Strategy<Value = String> {
    let escaped = |text: String| text.replace(' ', "\\ ").replace(',', "\\,").replace('=', "\\=");
    let value = prop_oneof![
        4 => select(NUMBERS).prop_map(str::to_owned),
        1 => select(&["1i", "-1i", "18446744073709551615u", "t", "FALSE", "nan", "i", ""][..]).prop_map(str::to_owned),
        1 => text().prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
    ];
    let named = name().prop_map(escaped).boxed();
    let time = prop_oneof![Just(Some(1_700_000_000_000_000_000)), any::<Option<i64>>()];
    let tags = vec((named.clone(), text().prop_map(escaped)), 0..4);
    let fields = vec((named.clone(), value), 1..4);
    (named, tags, fields, time).prop_map(|(name, tags, fields, time)| {
        let mut line = name;
        for (tag, value) in tags {
            let _ = write!(line, ",{tag}={value}");
        }
        for (at, (field, value)) in fields.iter().enumerate() {
            let _ = write!(line, "{}{field}={value}", if at == 0 { ' ' } else { ',' });
        }
        match time {
            Some(time) => line + &format!(" {time}\n"),
            None => line + "\n",
        }
    })
}

/// A payload, whole or damaged.
pub fn compressed() -> impl Strategy<Value = Vec<u8>> {
    let content = prop_oneof![
        record().prop_map(|tree| json(&tree)),
        (any::<u8>(), 0..200_000_usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    changed((content, 0..6_usize).prop_map(|(content, kind)| compress(&content, kind)))
}

fn compress(content: &[u8], kind: usize) -> Vec<u8> {
    match kind {
        0 => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(content).expect("memory");
            writer.finish().expect("memory")
        }
        1 => zstd::encode_all(content, 1).expect("memory"),
        2 => {
            let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            writer.write_all(content).expect("memory");
            writer.finish().expect("a frame")
        }
        3 => {
            let mut writer = snap::write::FrameEncoder::new(Vec::new());
            writer.write_all(content).expect("memory");
            writer.into_inner().expect("memory")
        }
        4 => {
            let block = snap::raw::Encoder::new().compress_vec(content).expect("memory");
            let mut written = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01".to_vec();
            written.extend((block.len() as u32).to_be_bytes());
            written.extend(block);
            written
        }
        _ => snap::raw::Encoder::new().compress_vec(content).expect("memory"),
    }
}
