//! Datums that other libraries have written: tests/avro has what writes them.

use serde_json::Value as Json;

use super::*;
use crate::data::Micros;

/// The notation of those files.
fn value(json: &Json) -> Value<'static> {
    let owned = |json: &Json| json.as_str().expect("a text").to_owned();
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().expect("a number")),
        },
        Json::String(text) => Value::Text(text.clone().into()),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(tagged) => match tagged.iter().next().expect("a tag") {
            (tag, inner) if tag == "object" => {
                let fields = inner.as_array().expect("fields").iter();
                let fields = fields.map(|field| (owned(&field[0]).into(), value(&field[1])));
                Value::Object(Object(fields.collect()))
            }
            (tag, inner) if tag == "bytes" => Value::Bytes(hex(&owned(inner)).into()),
            (tag, inner) if tag == "time" => Value::Time(Micros(inner.as_i64().expect("microseconds"))),
            (tag, inner) if tag == "untyped" => Value::Untyped(owned(inner).into()),
            (tag, inner) if tag == "big" => Value::BigInt(owned(inner).into()),
            (tag, inner) if tag == "float" => Value::Float(owned(inner).parse().expect("a number")),
            other => panic!("{other:?}"),
        },
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits"))
        .collect()
}

fn schema_text(case: &Json) -> SchemaText {
    let text = |json: &Json| json.as_str().expect("a text").to_owned();
    let references = case["references"].as_array();
    SchemaText {
        text: text(&case["schema"]),
        references: references
            .into_iter()
            .flatten()
            .map(|reference| (text(&reference[0]), text(&reference[1])))
            .collect(),
    }
}

fn each(file: &str, mut test: impl FnMut(&Schema, &[u8], &Json)) {
    let file: Json = serde_json::from_str(file).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() > 20, "{}", file["made_by"]);
    for case in cases {
        let schema = Schema::parse(&schema_text(case)).expect("a schema");
        test(&schema, &hex(case["hex"].as_str().expect("digits")), case);
    }
}

const PEERS: [&str; 2] = [
    include_str!("../../../../tests/avro/fastavro.json"),
    include_str!("../../../../tests/avro/java.json"),
];

#[test]
fn datums_of_other_libraries_are_read() {
    for file in PEERS {
        each(file, |schema, payload, case| {
            let read = schema
                .decode(payload)
                .unwrap_or_else(|error| panic!("{error:?} in {case}"));
            // As texts, since NaN is not itself and -0 is 0.
            assert_eq!(
                format!("{read:?}"),
                format!("{:?}", value(&case["expected"])),
                "{case}"
            );
        });
    }
}

#[test]
fn datums_that_were_cut_or_continued_are_refused_or_read_but_never_a_panic() {
    for file in PEERS {
        each(file, |schema, payload, case| {
            for end in 0..payload.len().min(300) {
                let is_file = payload.starts_with(b"Obj");
                let cut = schema.decode(&payload[..end]);
                assert!(cut.is_err() || is_file, "{end} of {case}");
            }
            let longer = [payload, b"\x00"].concat();
            assert!(schema.decode(&longer).is_err(), "{case}");
            for at in 0..payload.len().min(300) {
                let mut changed = payload.to_vec();
                changed[at] ^= 0x55;
                let _ = schema.decode(&changed);
            }
        });
    }
}

#[test]
fn a_file_is_opened_up_to_a_limit() {
    let mut files = 0;
    for file in PEERS {
        each(file, |schema, payload, case| {
            if !payload.starts_with(b"Obj") {
                return;
            }
            files += 1;
            let limited = Schema::parse(&schema_text(case))
                .expect("a schema")
                .with_limit(20);
            assert_eq!(refused(&limited, payload).reason, Reason::RecordTooLarge);
            let mut changed = payload.to_vec();
            *changed.last_mut().expect("bytes") ^= 1;
            assert!(
                refused(schema, &changed)
                    .detail
                    .contains("the mark behind a block")
            );
        });
    }
    assert_eq!(files, 6);
}

#[test]
fn long_names_in_a_file_are_not_repeated_without_end() {
    let name = "n".repeat(10_000);
    let text =
        format!(r#"{{"type": "record", "name": "R", "fields": [{{"name": "{name}", "type": "int"}}]}}"#);
    let text_length = random::long(text.len() as i64);
    let objects = [&random::long(5_000)[..], &random::long(5_000), &[2; 5_000]].concat();
    let mark = [7; 16];
    let header = [
        &b"Obj\x01\x02\x16avro.schema"[..],
        &text_length,
        text.as_bytes(),
        b"\x00",
        &mark,
    ]
    .concat();
    let file = [&header[..], &objects, &mark].concat();
    let null = schema("\"null\"");
    assert_eq!(refused(&null, &file).reason, Reason::RecordTooLarge);
    let higher = null.with_limit(2 << 20);
    assert!(matches!(higher.decode(&file), Ok(Value::List(objects)) if objects.len() == 5_000));
}
