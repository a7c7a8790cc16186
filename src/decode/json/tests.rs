//! What is JSON and what is not, by example and against serde_json.

use proptest::prelude::*;

use super::*;

fn decode(payload: &[u8]) -> Result<Value<'_>, RecordError> {
    Json.decode(payload)
}

fn reason(payload: &str) -> Reason {
    decode(payload.as_bytes()).unwrap_err().reason
}

fn detail(payload: &[u8]) -> String {
    decode(payload).unwrap_err().detail
}

fn field(payload: &str) -> Value<'_> {
    match decode(payload.as_bytes()) {
        Ok(Value::Object(object)) => object.0.into_iter().next().unwrap().1,
        other => panic!("{payload}: {other:?}"),
    }
}

#[test]
fn plain_texts_and_names_are_borrowed_from_the_record() {
    let Ok(Value::Object(object)) = decode(br#"{"metric":"cpu"}"#) else {
        panic!("an object");
    };
    assert!(matches!(
        &object.0[0],
        (Cow::Borrowed("metric"), Value::Text(Cow::Borrowed("cpu")))
    ));
}

#[test]
fn numbers_that_are_not_finite_are_read_wherever_they_stand() {
    for (text, expected) in [
        (r#"{"v": Infinity}"#, f64::INFINITY),
        (r#"{"v":-Infinity}"#, f64::NEG_INFINITY),
        (r#"{"v":1e400}"#, f64::INFINITY),
        (r#"{"v":-1e400}"#, f64::NEG_INFINITY),
    ] {
        assert_eq!(field(text), Value::Float(expected), "{text}");
    }
    assert!(matches!(field("{\n  \"v\": NaN\n}"), Value::Float(v) if v.is_nan()));
}

#[test]
fn a_number_is_the_double_nearest_to_its_text_and_an_integer_keeps_its_digits() {
    for (text, expected) in [
        ("9038037.342105303", Value::Float(9_038_037.342_105_303)),
        ("1E2", Value::Float(100.0)),
        ("100.0", Value::Float(100.0)),
        ("-0", Value::Int(0)),
        ("-999999999999999999", Value::Int(-999_999_999_999_999_999)),
        ("9223372036854775807", Value::Int(i64::MAX)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        (
            "9223372036854775808",
            Value::BigInt(Cow::Borrowed("9223372036854775808")),
        ),
        (
            "-123456789012345678901",
            Value::BigInt(Cow::Borrowed("-123456789012345678901")),
        ),
    ] {
        assert_eq!(decode(text.as_bytes()), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_json_is_said_to_be_so() {
    for bad in [
        "",
        "hello",
        "{",
        r#"{"a":}"#,
        r#"{"a":1} x"#,
        r#"{"a":Nope}"#,
        "\u{0}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "[1,]",
        r#"{"a":1,}"#,
        "{a:1}",
        "'a'",
        "\"a",
        "\"\u{1}\"",
        r#""\x""#,
        r#""\u12""#,
        r#""\ud800""#,
        r#""\ud800A""#,
        r#""\udc00""#,
        "nul",
        "-Inf",
        "{\"a\" 1}",
        "[1 2]",
        "tru",
        "\"\\",
    ] {
        assert_eq!(reason(bad), Reason::NotJson, "{bad}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (bad, said) in [
        ("bad 6", "expected a JSON value, found 'b' at line 1 column 1"),
        (
            "{\n  \"a\": }",
            "expected a JSON value, found '}' at line 2 column 8",
        ),
        ("{\"a\"", "expected ':', but the record ends at line 1 column 5"),
        (
            "{}\n{}",
            "expected nothing more, as a record is one JSON value, found '{' at line 2 column 1",
        ),
    ] {
        assert_eq!(detail(bad.as_bytes()), said);
    }
    assert!(detail("\u{feff}{}".as_bytes()).contains("byte order mark (BOM)"));
    assert!(detail(b"\xff\xfe{\0}\0").contains("UTF-16"));
    assert!(detail(b"{\"a\":\"\xff\"}").contains("the byte 0xff at line 1 column 7"));
}

#[test]
fn nesting_has_a_bound_of_its_own_name() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(decode(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(reason(&nested(DEPTH_MAX + 1)), Reason::TooDeep);
    assert_eq!(reason(&"[".repeat(100_000)), Reason::TooDeep);
    assert_eq!(reason(&"{\"a\":".repeat(100_000)), Reason::TooDeep);
}

#[test]
fn a_dotted_path_finds_nested_fields_and_a_literal_name_wins() {
    let Ok(Value::Object(o)) = decode(br#"{"a":{"b":1},"a.c":2,"n":null}"#) else {
        panic!("an object");
    };
    assert_eq!(o.get("a.b"), Some(&Value::Int(1)));
    assert_eq!(o.get("a.c"), Some(&Value::Int(2)));
    assert_eq!(o.get("n"), None);
}

/// Not for numbers beyond 64 bits, which serde_json rounds.
fn plain(value: &serde_json::Value) -> Value<'_> {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => Value::Int(n),
            (None, Some(n)) => Value::BigInt(n.to_string().into()),
            _ => Value::Float(number.as_f64().unwrap()),
        },
        Json::String(text) => Value::Text(text.into()),
        Json::Array(items) => Value::List(items.iter().map(plain).collect()),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.into(), plain(value)));
            Value::Object(Object(fields.collect()))
        }
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_filter_map("finite", |n| serde_json::Number::from_f64(n).map(Into::into)),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_reads_what_serde_json_writes(value in json(), pretty: bool) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert_eq!(decode(text.as_bytes()), Ok(plain(&value)));
    }

    /// Of texts that are nearly JSON it takes those that serde_json takes, and no others but for
    /// the numbers that are not finite.
    #[test]
    fn it_refuses_what_serde_json_refuses(
        value in json(), at: prop::sample::Index, with in r#"[\x00-\x7f]{0,2}|\\u[0-9a-f]{4}|[0-9eE.+-]{1,3}"#
    ) {
        let text = value.to_string();
        let mut cut = at.index(text.len() + 1);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let text = format!("{}{with}{}", &text[..cut], text[cut..].chars().skip(1).collect::<String>());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        if !matches!(&theirs, Err(error) if error.to_string().starts_with("number out of range")) {
            prop_assert_eq!(decode(text.as_bytes()).is_ok(), theirs.is_ok(), "{}", text);
        }
    }

    #[test]
    fn a_number_with_a_point_is_what_std_makes_of_it(text in "-?(0|[1-9][0-9]{0,12})\\.[0-9]{1,12}") {
        let expected: f64 = text.parse().unwrap();
        let Ok(Value::Float(read)) = decode(text.as_bytes()) else { panic!("a float") };
        prop_assert_eq!(read.to_bits(), expected.to_bits(), "{}", text);
    }

    #[test]
    fn no_bytes_end_it(bytes: Vec<u8>) {
        let _ = decode(&bytes);
    }
}

#[test]
fn lines_of_json_are_values_one_behind_the_other() {
    let text = b"{\"v\": 1}\n\n{\"v\": 2}\r\n{\"v\": 3}";
    let Ok(Value::List(values)) = Ndjson.decode(text) else {
        panic!("values");
    };
    assert_eq!(values.len(), 3);
    let error = Ndjson.decode(b"{\"v\": 1}\n{\"v\": }").unwrap_err();
    assert!(error.detail.ends_with("at line 2 column 7"), "{}", error.detail);
    assert_eq!(Ndjson.decode(b" \n"), Ok(Value::List(Vec::new())));
}
