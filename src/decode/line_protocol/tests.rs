//! Lines as InfluxDB's documentation and Telegraf write them.

use proptest::prelude::*;

use super::*;

mod peers;

fn lines(text: &str) -> Result<Vec<Object<'_>>, RecordError> {
    let Value::List(lines) = LineProtocol.decode(text.as_bytes())? else {
        panic!("lines");
    };
    let object = |line| match line {
        Value::Object(object) => object,
        other => panic!("{other:?}"),
    };
    Ok(lines.into_iter().map(object).collect())
}

fn only(text: &str) -> Object<'_> {
    let mut lines = lines(text).expect(text);
    assert_eq!(lines.len(), 1, "{text}");
    lines.remove(0)
}

fn object<'a>(pairs: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Value<'a> {
    Value::Object(Object(
        pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    ))
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

#[test]
fn a_line_has_a_measurement_tags_fields_and_a_time() {
    let line = "weather,location=us-midwest,season=summer temperature=82,humidity=71i 1465839830100400200";
    let wanted = object([
        ("measurement", text("weather")),
        (
            "tags",
            object([("location", text("us-midwest")), ("season", text("summer"))]),
        ),
        (
            "fields",
            object([("temperature", Value::Float(82.0)), ("humidity", Value::Int(71))]),
        ),
        ("time", Value::Int(1_465_839_830_100_400_200)),
    ]);
    assert_eq!(Value::Object(only(line)), wanted);
    assert_eq!(only("weather t=82").get("time"), None);
}

#[test]
fn each_type_of_a_field_is_read_as_it_is() {
    for (written, value) in [
        ("1", Value::Float(1.0)),
        ("-1.5e+3", Value::Float(-1500.0)),
        (".5", Value::Float(0.5)),
        ("1i", Value::Int(1)),
        ("-9223372036854775808i", Value::Int(i64::MIN)),
        (
            "18446744073709551615u",
            Value::BigInt("18446744073709551615".into()),
        ),
        (
            "00018446744073709551615u",
            Value::BigInt("18446744073709551615".into()),
        ),
        (
            "-0009223372036854775809i",
            Value::BigInt("-9223372036854775809".into()),
        ),
        ("-007i", Value::Int(-7)),
        ("t", Value::Bool(true)),
        ("False", Value::Bool(false)),
        (
            r#""a text, with = and blanks""#,
            text("a text, with = and blanks"),
        ),
        (r#""say \"hi\" \\ \n""#, text(r#"say "hi" \ \n"#)),
        ("\"two\nlines\"", text("two\nlines")),
        (r#""""#, text("")),
    ] {
        let line = format!("m f={written} 1");
        assert_eq!(only(&line).get("fields.f"), Some(&value), "{written}");
    }
}

#[test]
fn a_backslash_escapes_what_would_end_a_name_and_nothing_else() {
    let line = only(r"wea\,th\ er\=a,lo\,c\=\ 1=a\,b\=c\ d\e fi\=eld\ x=1 1");
    assert_eq!(line.get("measurement"), Some(&text(r"wea,th er\=a")));
    assert_eq!(line.get("tags"), Some(&object([("lo,c= 1", text(r"a,b=c d\e"))])));
    assert_eq!(
        line.get("fields"),
        Some(&object([("fi=eld x", Value::Float(1.0))]))
    );
}

#[test]
fn comments_blank_lines_and_line_ends_of_windows_are_no_lines() {
    let text = "# a comment\r\nm f=1 1\r\n\n   \n  m,a=b f=2 2\n#end";
    assert_eq!(lines(text).expect("lines").len(), 2);
    assert_eq!(lines("").expect("lines").len(), 0);
}

#[test]
fn what_is_no_line_is_refused_with_its_place() {
    for (text, told) in [
        (
            "m",
            "expected a blank before the fields, but the record ends at line 1 column 2",
        ),
        (
            "m f=1 1\nm,a f=1",
            "expected '=' behind the key of a tag, found ' ' at line 2 column 4",
        ),
        (
            "m,=x f=1",
            "expected the key of a tag, found '=' at line 1 column 3",
        ),
        (
            "m,a= f=1",
            "expected the value of a tag, found ' ' at line 1 column 5",
        ),
        (
            "m f=",
            "expected a number, a boolean or a text in quotes, but the record ends",
        ),
        (
            "m f=nan",
            "expected a number, a boolean or a text in quotes, found 'n' at line 1 column 5",
        ),
        ("m f=1x", "found '1' at line 1 column 5"),
        ("m f=é", "found 'é' at line 1 column 5"),
        ("m f=1é 1", "found '1' at line 1 column 5"),
        ("m f=\"x", "expected '\"' to end a text, but the record ends"),
        ("m f=+1", "found '+' at line 1 column 5"),
        ("m f=1 1.5", "expected a time as a whole number"),
        ("m f=1 +1", "expected a time as a whole number"),
        (
            "m f=\"x\"5",
            "expected the end of the line, found '5' at line 1 column 8",
        ),
        (
            "m f=1\rm f=2",
            "expected the end of the line, found '\\r' at line 1 column 6",
        ),
        (
            "m f=1\n\rm f=2",
            "expected a measurement, found '\\r' at line 2 column 1",
        ),
        (
            "m f=1 1 1",
            "expected the end of the line, found '1' at line 1 column 9",
        ),
    ] {
        let error = lines(text).expect_err(text);
        assert_eq!(error.reason, Reason::NotLineProtocol);
        assert!(error.detail.contains(told), "{text:?}: {}", error.detail);
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(payload in "[ma,= \"\\\\\n#1.tiué-]{0,60}") {
        let _ = LineProtocol.decode(payload.as_bytes());
    }
}
