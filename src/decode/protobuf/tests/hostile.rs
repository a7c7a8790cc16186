//! Bytes that would take more memory or time than they have.

use super::*;

const TREE: &str =
    "syntax = \"proto3\"; message Tree { Tree one = 1; repeated Tree many = 2; map<string, Tree> map = 3; }";

#[test]
fn a_message_that_is_nested_too_deep_is_refused() {
    let decoder = only(TREE);
    for number in [1, 2] {
        let mut payload = Vec::new();
        for _ in 0..127 {
            payload = framed(number, &payload);
        }
        assert!(decoder.decode(&payload).is_ok());
        for _ in 0..50 {
            payload = framed(number, &payload);
        }
        assert_eq!(refused(&decoder, &payload).reason, Reason::TooDeep);
    }
    let groups = [0x0b].repeat(100_000);
    let decoder = only("message M { optional group G = 1 { optional int32 x = 1; } }");
    assert_eq!(refused(&decoder, &groups).reason, Reason::TooDeep);
    let schema = parse(
        "syntax = \"proto3\"; import \"google/protobuf/struct.proto\"; import \"google/protobuf/any.proto\";\n\
         message M { google.protobuf.Value v = 1; }",
    );
    let value = schema.by_name("google.protobuf.Value").expect("a message");
    let mut payload = vec![0x08, 0x00];
    for _ in 0..1_000 {
        payload = framed(6, &framed(1, &payload));
    }
    assert_eq!(refused(&value, &payload).reason, Reason::TooDeep);
    let any = schema.by_name("google.protobuf.Any").expect("a message");
    let mut payload = Vec::new();
    for _ in 0..1_000 {
        payload = [framed(1, b"/google.protobuf.Any"), framed(2, &payload)].concat();
    }
    assert_eq!(refused(&any, &payload).reason, Reason::TooDeep);
}

#[test]
fn lengths_beyond_the_record_take_no_memory() {
    let decoder = only(
        "syntax = \"proto3\"; message M { string s = 1; repeated double d = 2; M m = 3; map<int32, int32> i = 4; }",
    );
    for number in 1..=4_u8 {
        for length in [
            &b"\x01"[..],
            b"\xff\xff\xff\xff\x0f",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            let payload = [&[number << 3 | 2], length].concat();
            assert_eq!(
                refused(&decoder, &payload).reason,
                Reason::NotProtobuf,
                "{payload:02x?}"
            );
        }
    }
}

#[test]
fn defaults_of_many_small_messages_are_bounded() {
    let fields: String = (1..=2_000).map(|n| format!("int32 f{n} = {n};")).collect();
    let schema = parse(&format!(
        "syntax = \"proto3\"; message Many {{ repeated Wide wide = 1; }} message Wide {{ {fields} }}"
    ));
    let decoder = schema.by_name("Many").expect("a message");
    let few = b"\x0a\x00".repeat(30);
    let value = decoder.decode(&few).expect("a value");
    assert_eq!(count(&value), 1 + 1 + 30 * 2_001);
    let error = refused(&decoder, &b"\x0a\x00".repeat(100_000));
    assert_eq!(
        error.detail,
        "the record lacks too many fields that have a default: each 'Wide' has 2000"
    );
}

#[test]
fn messages_in_many_parts_are_read_once() {
    let decoder = only(TREE);
    // Each of 100 levels has its message in two parts; reading a part twice would take 2^100 steps.
    let mut payload = Vec::new();
    for _ in 0..100 {
        payload = [framed(1, &payload), framed(1, b"")].concat();
    }
    assert!(decoder.decode(&payload).is_ok());
    let parts = framed(1, b"").repeat(500_000);
    assert!(decoder.decode(&parts).is_ok());
}

#[test]
fn fields_of_oneofs_that_take_turns_leave_one() {
    let decoder =
        only("syntax = \"proto3\"; message M { oneof o { M m = 1; int32 i = 2; string s = 3; M n = 4; } }");
    let payload = b"\x0a\x00\x10\x01\x1a\x01a\x22\x00\x0a\x02\x10\x05".repeat(10_000);
    let value = decoder.decode(&payload).expect("a value");
    let Value::Object(fields) = &value else {
        panic!("{value:?}")
    };
    assert_eq!(fields.0.len(), 1);
    assert_eq!(fields.get("m.i"), Some(&Value::Int(5)));
}
