//! What a field means where Google's implementation is not the measure.

use super::*;
use crate::data::{Micros, Object};

fn object<'a>(fields: &[(&'static str, Value<'a>)]) -> Value<'a> {
    let fields = fields.iter().cloned();
    Value::Object(Object(fields.map(|(name, value)| (name.into(), value)).collect()))
}

#[test]
fn a_reading_of_zero_is_a_value_and_an_optional_one_that_is_absent_is_missing() {
    let decoder = only(
        "syntax = \"proto3\"; message Reading { double temperature = 1; optional double pressure = 2; }",
    );
    assert_eq!(
        decoder.decode(b""),
        Ok(object(&[("temperature", Value::Float(0.0))]))
    );
}

#[test]
fn texts_of_the_record_and_names_of_the_schema_are_borrowed() {
    let decoder = only(
        "syntax = \"proto3\"; message M { string s = 1; E e = 2; bytes b = 3; enum E { OFF = 0; ON = 1; } }",
    );
    let value = decoder.decode(b"\x0a\x01a\x10\x01\x1a\x01b").expect("a value");
    let Value::Object(Object(fields)) = &value else {
        panic!("{value:?}")
    };
    for (name, value) in fields {
        assert!(matches!(name, std::borrow::Cow::Borrowed(_)), "{name}");
        let is_borrowed = matches!(
            value,
            Value::Text(std::borrow::Cow::Borrowed(_)) | Value::Bytes(std::borrow::Cow::Borrowed(_))
        );
        assert!(is_borrowed, "{value:?}");
    }
}

#[test]
fn an_unknown_number_of_an_enum_of_proto2_is_that_number() {
    let decoder = only("message M { optional E e = 1; enum E { ON = 1; } }");
    assert_eq!(decoder.decode(b"\x08\x07"), Ok(object(&[("e", Value::Int(7))])));
}

#[test]
fn a_field_of_another_wire_type_is_refused_because_the_schema_is_another() {
    let decoder = only("syntax = \"proto3\"; package plant; message Reading { double temperature = 1; }");
    let error = refused(&decoder, b"\x08\x07");
    assert_eq!(error.reason, Reason::NotProtobuf);
    assert_eq!(
        error.detail,
        "the record is not the message 'plant.Reading' of Protobuf: found another wire type than that of \
         'temperature' at byte 0"
    );
}

#[test]
fn the_id_of_a_schema_before_the_message_is_named_in_the_error() {
    let decoder = only("syntax = \"proto3\"; message M { int32 x = 1; }");
    let error = refused(&decoder, b"\x00\x00\x00\x00\x01\x00\x08\x01");
    assert!(error.detail.contains("the id of a schema"), "{}", error.detail);
}

#[test]
fn a_required_field_that_is_absent_is_named() {
    let decoder = only("message M { required int32 x = 1; }");
    let error = refused(&decoder, b"");
    assert_eq!(error.detail, "the record lacks the required field 'x' of 'M'");
}

#[test]
fn confluents_decimals_are_exact() {
    let decoder = only(
        "syntax = \"proto3\"; import \"confluent/type/decimal.proto\"; message M { confluent.type.Decimal d = 1; }",
    );
    for (unscaled, scale, expected) in [
        (&b"\x04\xd2"[..], 2, Value::Untyped("12.34".into())),
        (b"\xfb\x2e", 2, Value::Untyped("-12.34".into())),
        (b"\xff", 3, Value::Untyped("-0.001".into())),
        (b"\x01\xf4", 2, Value::Int(5)),
        (b"\x04\xce", 2, Value::Untyped("12.3".into())),
        (b"", 2, Value::Int(0)),
        (
            b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            0,
            Value::BigInt("170141183460469231731687303715884105727".into()),
        ),
    ] {
        let inner = [framed(1, unscaled), vec![0x18, scale]].concat();
        let payload = framed(1, &inner);
        assert_eq!(
            decoder.decode(&payload),
            Ok(object(&[("d", expected)])),
            "{unscaled:?}"
        );
    }
    let long = framed(1, &framed(1, &[1; 17]));
    assert!(refused(&decoder, &long).detail.contains("38 digits"));
}

#[test]
fn times_have_microseconds_and_durations_are_seconds() {
    let decoder = only(
        "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/duration.proto\";\n\
         message M { google.protobuf.Timestamp t = 1; google.protobuf.Duration d = 2; }",
    );
    let payload = [
        framed(1, b"\x08\x01\x10\xff\xcf\x0f"),
        framed(2, b"\x08\x02\x10\x80\xca\xb5\xee\x01"),
    ]
    .concat();
    let expected = object(&[("t", Value::Time(Micros(1_000_255))), ("d", Value::Float(2.5))]);
    assert_eq!(decoder.decode(&payload), Ok(expected));
    // Nanoseconds below 0 or of a second and more, and a second beyond microseconds.
    for nanos in [
        &b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..],
        b"\x10\x80\x94\xeb\xdc\x03",
    ] {
        assert!(
            refused(&decoder, &framed(1, nanos))
                .detail
                .contains("a time out of range")
        );
    }
    let far = framed(1, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
    assert_eq!(refused(&decoder, &far).reason, Reason::NotProtobuf);
}

#[test]
fn what_any_holds_is_read_where_the_schema_has_its_type() {
    let schema = parse(
        "syntax = \"proto3\"; package p; import \"google/protobuf/any.proto\";\n\
         message M { google.protobuf.Any any = 1; } message Inner { int32 x = 1; string s = 2; }",
    );
    let decoder = schema.by_name("p.M").expect("a message");
    let known = [
        framed(1, b"type.googleapis.com/p.Inner"),
        framed(2, b"\x08\x05\x12\x01a"),
    ]
    .concat();
    let payload = framed(1, &known);
    let value = decoder.decode(&payload).expect("a value");
    let Value::Object(fields) = &value else {
        panic!("{value:?}")
    };
    assert_eq!(fields.get("any.value.x"), Some(&Value::Int(5)));
    assert_eq!(fields.get("any.value.s"), Some(&Value::Text("a".into())));
    let other = framed(1, &[framed(1, b"x/p.Other"), framed(2, b"\x08\x05")].concat());
    let value = decoder.decode(&other).expect("a value");
    let Value::Object(fields) = &value else {
        panic!("{value:?}")
    };
    let bytes = Value::Bytes(b"\x08\x05"[..].into());
    assert_eq!(fields.get("any.value"), Some(&bytes));
}

#[test]
fn an_entry_of_a_map_with_an_unknown_field_is_an_entry() {
    // Google's runtime for Python drops it, those for Go and Java keep it.
    let decoder = only("syntax = \"proto3\"; message M { map<int32, int32> m = 1; }");
    let expected = object(&[("m", object(&[]))]);
    assert_eq!(decoder.decode(b""), Ok(expected));
    let entries = Value::Object(Object(vec![("2".into(), Value::Int(7))]));
    assert_eq!(
        decoder.decode(b"\x0a\x06\x08\x02\x10\x07\x18\x05"),
        Ok(object(&[("m", entries)]))
    );
}
