//! The examples of the specification, and schemas and bytes that ask for more than there is.

use proptest::prelude::*;

use super::*;
use crate::data::Object;
use crate::decode::SchemaText;

mod peers;
mod random;

fn text(schema: &str) -> SchemaText {
    SchemaText {
        text: schema.to_owned(),
        references: Vec::new(),
    }
}

fn schema(schema: &str) -> Schema {
    Schema::parse(&text(schema)).expect("a schema")
}

fn mistake(schema: &str) -> String {
    let mistake = Schema::parse(&text(schema)).expect_err("a mistake");
    assert!(mistake.len() < 400, "{mistake}");
    mistake
}

fn refused(schema: &Schema, payload: &[u8]) -> RecordError {
    let error = schema.decode(payload).expect_err("a refusal");
    assert!(error.detail.len() < 400, "{error:?}");
    error
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Value<'a> {
    Value::Object(Object(
        fields
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    ))
}

const READING: &str = r#"{"type": "record", "name": "Reading", "namespace": "com.example", "fields": [
    {"name": "site", "type": "string"},
    {"name": "inner", "type": {"type": "record", "name": "Inner", "fields": [
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["ON", "OFF"]}}
    ]}}
]}"#;

#[test]
fn the_examples_of_the_specification_are_read() {
    let record = schema(
        r#"{"type": "record", "name": "test",
            "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": "string"}]}"#,
    );
    let expected = object([("a", Value::Int(27)), ("b", Value::Text("foo".into()))]);
    assert_eq!(record.decode(b"\x36\x06foo"), Ok(expected));
    let array = schema(r#"{"type": "array", "items": "long"}"#);
    let expected = Value::List(vec![Value::Int(3), Value::Int(27)]);
    assert_eq!(array.decode(b"\x04\x06\x36\x00"), Ok(expected));
    let union = schema(r#"["null", "string"]"#);
    assert_eq!(union.decode(b"\x02\x02a"), Ok(Value::Text("a".into())));
    assert_eq!(union.decode(b"\x00"), Ok(Value::Null));
}

#[test]
fn names_and_texts_are_borrowed() {
    use std::borrow::Cow;

    let schema = schema(READING);
    let Ok(Value::Object(Object(fields))) = schema.decode(b"\x02a\x00") else {
        panic!("no object");
    };
    let borrowed = (Cow::Borrowed("site"), Value::Text(Cow::Borrowed("a")));
    assert_eq!(fields[0], borrowed);
    assert!(matches!(
        fields[0],
        (Cow::Borrowed(_), Value::Text(Cow::Borrowed(_)))
    ));
    let Value::Object(Object(inner)) = &fields[1].1 else {
        panic!("no object");
    };
    assert!(matches!(
        inner[0],
        (Cow::Borrowed("state"), Value::Text(Cow::Borrowed("ON")))
    ));
}

#[test]
fn blocks_may_say_their_size_which_must_be_right() {
    let array = schema(r#"{"type": "array", "items": "long"}"#);
    let expected = Value::List(vec![Value::Int(3), Value::Int(27), Value::Int(1)]);
    assert_eq!(array.decode(b"\x03\x04\x06\x36\x02\x02\x00"), Ok(expected));
    assert!(
        refused(&array, b"\x03\x02\x06\x36\x00")
            .detail
            .contains("a block of items")
    );
    assert!(
        refused(&array, b"\x03\x7e\x06\x36\x00")
            .detail
            .contains("a length of 63")
    );
    let map = schema(r#"{"type": "map", "values": "int"}"#);
    let expected = object([("a", Value::Int(1)), ("a", Value::Int(2))]);
    assert_eq!(map.decode(b"\x01\x06\x02a\x02\x02\x02a\x04\x00"), Ok(expected));
}

#[test]
fn a_refusal_names_what_was_found_where_and_in_which_field() {
    for (payload, detail) in [
        (
            &b"\x02a\x04"[..],
            "found symbol 2 of an enum that has 2 at byte 3, in the field 'inner.state'",
        ),
        (
            b"\x02\xff\x00",
            "found a text that is not UTF-8 at byte 2, in the field 'site'",
        ),
        (
            b"\x02a",
            "found the end of the record within a value at byte 2, in the field 'inner.state'",
        ),
        (
            b"\x02a\x00\x00\x00",
            "found 2 bytes more than the schema says at byte 3",
        ),
        (
            b"\x08a",
            "found a length of 4, where 1 bytes are left, at byte 1, in the field 'site'",
        ),
        (
            b"\x01",
            "found a length of -1, where 0 bytes are left, at byte 1, in the field 'site'",
        ),
    ] {
        let error = refused(&schema(READING), payload);
        assert_eq!(error.reason, Reason::NotAvro);
        assert_eq!(
            error.detail,
            format!("the record is not Avro of its schema: {detail}")
        );
    }
    assert!(
        refused(&schema("\"boolean\""), b"\x02")
            .detail
            .contains("the byte 0x02 as a boolean")
    );
    assert!(
        refused(&schema(r#"["null"]"#), b"\x02")
            .detail
            .contains("branch 1 of a union that has 1")
    );
    assert!(
        refused(&schema(r#"["null"]"#), b"\x01")
            .detail
            .contains("branch -1")
    );
}

#[test]
fn numbers_beyond_their_bits_are_refused() {
    let long = schema("\"long\"");
    let largest = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_eq!(long.decode(largest), Ok(Value::Int(i64::MAX)));
    for payload in [&b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"[..], &[0x80; 11]] {
        assert!(
            refused(&long, payload)
                .detail
                .contains("a number of more than 64 bits")
        );
    }
    assert!(
        refused(&long, &[0x80; 9])
            .detail
            .contains("the end of the record")
    );
    assert!(
        refused(&schema("\"int\""), b"\x80\x80\x80\x80\x10")
            .detail
            .contains("an int of more than 32")
    );
}

#[test]
fn items_without_bytes_take_neither_memory_nor_time() {
    // 2^60, and the largest that can be said.
    for count in [
        &b"\x80\x80\x80\x80\x80\x80\x80\x80\x20"[..],
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ] {
        for items in [
            r#""null""#,
            r#"{"type": "fixed", "name": "F", "size": 0}"#,
            r#"{"type": "record", "name": "R", "fields": []}"#,
            r#""long""#,
        ] {
            let array = schema(&format!(r#"{{"type": "array", "items": {items}}}"#));
            assert!(
                refused(&array, count)
                    .detail
                    .contains("more items than the record has bytes")
            );
        }
    }
    // Twice itself at each of 30 levels.
    let mut doubled = r#"{"type": "record", "name": "R0", "fields": []}"#.to_owned();
    for level in 1..=30 {
        let before = level - 1;
        doubled = format!(
            r#"{{"type": "record", "name": "R{level}", "fields": [
                {{"name": "a", "type": {doubled}}}, {{"name": "b", "type": "R{before}"}}]}}"#
        );
    }
    assert!(
        refused(&schema(&doubled), b"")
            .detail
            .contains("more values than the record has bytes")
    );
    let array = schema(r#"{"type": "array", "items": "null"}"#);
    assert_eq!(
        array.decode(b"\xd0\x0f\x00"),
        Ok(Value::List(vec![Value::Null; 1_000]))
    );
    assert!(array.decode(&b"\xd0\x0f".repeat(3)).is_err());
}

#[test]
fn records_inside_each_other_end_at_a_depth() {
    let endless = r#"{"type": "record", "name": "R", "fields": [{"name": "r", "type": "R"}]}"#;
    assert_eq!(refused(&schema(endless), b"").reason, Reason::TooDeep);
    let chain = r#"{"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]}"#;
    let nested = |depth: usize| [&b"\x02".repeat(depth - 1)[..], b"\x00"].concat();
    assert!(schema(chain).decode(&nested(128)).is_ok());
    assert_eq!(refused(&schema(chain), &nested(129)).reason, Reason::TooDeep);
}

#[test]
fn a_length_that_is_not_there_takes_no_memory() {
    let huge = r#"{"type": "fixed", "name": "F", "size": 18446744073709551615}"#;
    assert!(
        refused(&schema(huge), b"abc")
            .detail
            .contains("the end of the record")
    );
    for kind in ["bytes", "string"] {
        let schema = schema(&format!("\"{kind}\""));
        refused(&schema, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    }
}

#[test]
fn mistakes_of_a_schema_are_sentences() {
    for (text, expected) in [
        ("", "the schema is not an Avro schema: it is not JSON: EOF"),
        ("7", "expected a type, found 7"),
        ("{}", "a type lacks the attribute 'type'"),
        (
            r#""text""#,
            "the type 'text' is neither defined before nor in a reference",
        ),
        (
            r#"{"type": "array"}"#,
            "the type 'array' lacks the attribute 'items'",
        ),
        (
            r#"{"type": "enum", "name": "E", "symbols": "A"}"#,
            "the attribute 'symbols' of 'enum' is no array",
        ),
        (
            r#"{"type": "enum", "name": "E", "symbols": [1]}"#,
            "a symbol of an enum is no text",
        ),
        (
            r#"{"type": "fixed", "name": "F", "size": -1}"#,
            "the size of a fixed is no count",
        ),
        (
            r#"{"type": "fixed", "size": 1}"#,
            "a record, an enum or a fixed lacks a name",
        ),
        (r#"["null", ["int"]]"#, "a union stands directly in a union"),
        (
            r#"{"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "a", "type": ["null", "S"]}]}"#,
            "the type 'S' is neither defined before nor in a reference, in the field 'a' of 'n.R'",
        ),
        (
            r#"{"type": "record", "name": "R", "fields": [{"name": "a"}]}"#,
            "a type is missing, in the field 'a' of 'R'",
        ),
        (
            r#"{"type": "record", "name": "R", "fields": [{}]}"#,
            "a field of 'R' lacks a name",
        ),
        (
            r#"[{"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}]"#,
            "the type 'F' is defined twice",
        ),
    ] {
        assert!(mistake(text).contains(expected), "{}", mistake(text));
    }
    let referring = SchemaText {
        text: "\"A\"".to_owned(),
        references: vec![("A".to_owned(), "\"B\"".to_owned())],
    };
    let mistake = Schema::parse(&referring).expect_err("a mistake");
    assert!(
        mistake.starts_with("the referenced schema 'A' is not"),
        "{mistake}"
    );
}

#[test]
fn a_schema_that_asks_for_too_much_is_refused() {
    let deep = format!(
        "{}\"int\"{}",
        r#"{"type": "array", "items": "#.repeat(5_000),
        "}".repeat(5_000)
    );
    assert!(mistake(&deep).contains("recursion limit"));
    assert!(mistake(&" ".repeat((1 << 20) + 1)).contains("more than 1048576 bytes"));
    let long = format!(r#"{{"type": "fixed", "name": "{}", "size": 1}}"#, "n".repeat(600));
    assert!(mistake(&long).contains("a name has more than 512 bytes"));
    // Types that continue each other over references, each of which is shallow.
    let link = |n: usize| {
        format!(
            r#"{{"type": "record", "name": "R{n}", "fields": [{{"name": "r", "type": "R{}"}}]}}"#,
            n - 1
        )
    };
    let first = r#"{"type": "record", "name": "R0", "fields": []}"#.to_owned();
    let texts = std::iter::once(first).chain((1..1_000).map(link));
    let chained = SchemaText {
        text: "\"R999\"".to_owned(),
        references: texts
            .enumerate()
            .map(|(n, text)| (format!("R{n}"), text))
            .collect(),
    };
    let mistake = Schema::parse(&chained).expect_err("too deep");
    assert!(mistake.contains("nested deeper than 256"), "{mistake}");
    let large = SchemaText {
        text: "\"int\"".to_owned(),
        references: vec![("A".to_owned(), " ".repeat(1 << 20)); 4],
    };
    assert!(Schema::parse(&large).expect_err("too large").contains("4194304"));
}

#[test]
fn fingerprints_are_those_of_the_specification() {
    assert_eq!(schema("\"null\"").fingerprint, 0x63dd_24e7_cc25_8f8a);
    assert_eq!(schema("\"int\"").fingerprint, 0x7275_d51a_3f39_5c8f);
    let plain = schema(r#"{"type": "fixed", "name": "a.F", "size": 16}"#);
    let same = schema(
        r#"{"size": 16, "doc": "d", "namespace": "a", "logicalType": "uuid", "name": "F", "type": "fixed"}"#,
    );
    assert_eq!(plain.fingerprint, same.fingerprint);
}

#[test]
fn an_object_of_another_schema_is_told_by_its_fingerprint() {
    let schema = schema(READING);
    let single = |fingerprint: u64| [SINGLE_OBJECT, &fingerprint.to_le_bytes(), b"\x02a\x00"].concat();
    assert_eq!(
        schema.decode(&single(schema.fingerprint)),
        schema.decode(b"\x02a\x00")
    );
    let error = refused(&schema, &single(1));
    assert_eq!(error.reason, Reason::UnknownSchema);
    assert!(error.detail.contains("0000000000000001"), "{error:?}");
}

#[test]
fn a_datum_without_a_header_may_begin_like_one() {
    let numbers = schema(
        r#"{"type": "record", "name": "R", "fields": [
        {"name": "n", "type": "long"}, {"name": "f", "type": {"type": "fixed", "name": "F", "size": 9}}]}"#,
    );
    let payload = b"\xc3\x01123456789";
    let Ok(Value::Object(object)) = numbers.decode(payload) else {
        panic!("no object");
    };
    assert_eq!(object.get("n"), Some(&Value::Int(-98)));
    let long = schema(r#"{"type": "array", "items": "long"}"#);
    assert!(long.decode(b"Obj\x01").is_err());
    let three = schema(
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"},
        {"name": "b", "type": "long"}, {"name": "c", "type": "long"}, {"name": "d", "type": "long"}]}"#,
    );
    assert!(three.decode(b"Obj\x01").is_ok());
}
