//! The examples of the specification, and bytes that declare more than there is.

use proptest::prelude::*;

use super::*;

fn decode(payload: &[u8]) -> Result<Value<'_>, RecordError> {
    MessagePack.decode(payload)
}

#[test]
fn each_kind_of_the_specification_is_a_value() {
    for (payload, value) in [
        (&b"\x07"[..], Value::Int(7)),
        (b"\xff", Value::Int(-1)),
        (b"\xe0", Value::Int(-32)),
        (b"\xc0", Value::Null),
        (b"\xc2", Value::Bool(false)),
        (b"\xc3", Value::Bool(true)),
        (b"\xcc\xff", Value::Int(255)),
        (b"\xcd\x01\x00", Value::Int(256)),
        (b"\xce\xff\xff\xff\xff", Value::Int(4_294_967_295)),
        (
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            Value::BigInt("18446744073709551615".into()),
        ),
        (b"\xd0\x80", Value::Int(-128)),
        (b"\xd1\xff\x7f", Value::Int(-129)),
        (b"\xd2\x80\x00\x00\x00", Value::Int(-2_147_483_648)),
        (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", Value::Int(i64::MIN)),
        (b"\xca\x3f\x80\x00\x00", Value::Float(1.0)),
        (b"\xcb\x3f\xf1\x99\x99\x99\x99\x99\x9a", Value::Float(1.1)),
        (b"\xa2hi", Value::Text("hi".into())),
        (b"\xd9\x02hi", Value::Text("hi".into())),
        (b"\xda\x00\x02hi", Value::Text("hi".into())),
        (b"\xdb\x00\x00\x00\x02hi", Value::Text("hi".into())),
        (b"\xc4\x02\x00\xff", Value::Bytes(Cow::Borrowed(b"\x00\xff"))),
        (b"\x92\x01\xc0", Value::List(vec![Value::Int(1), Value::Null])),
        (b"\xdc\x00\x01\x01", Value::List(vec![Value::Int(1)])),
        (b"\xdd\x00\x00\x00\x01\x01", Value::List(vec![Value::Int(1)])),
        (
            b"\x81\xa1a\x01",
            Value::Object(Object(vec![("a".into(), Value::Int(1))])),
        ),
        (
            b"\xde\x00\x01\x05\x01",
            Value::Object(Object(vec![("5".into(), Value::Int(1))])),
        ),
        (b"\xd6\xff\x00\x00\x00\x01", Value::Time(Micros(1_000_000))),
        (
            b"\xd7\xff\xee\x6b\x27\xfc\x00\x00\x00\x01",
            Value::Time(Micros(1_999_999)),
        ),
        (
            b"\xc7\x0c\xff\x00\x00\x03\xe8\xff\xff\xff\xff\xff\xff\xff\xff",
            Value::Time(Micros(-999_999)),
        ),
        (b"\xd4\x05\x01", Value::Bytes(Cow::Borrowed(b"\x01"))),
    ] {
        assert_eq!(decode(payload), Ok(value), "{payload:02x?}");
    }
}

#[test]
fn what_declares_more_than_there_is_takes_no_memory_and_is_refused() {
    for payload in [
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\xdf\xff\xff\xff\xff\xa1a",
        b"\xdb\xff\xff\xff\xffhi",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\xcb\x00",
        b"",
        b"\x01\x01",
        b"\xc1",
        b"\xa1\xff",
        b"\x81\xc0\x01",
        b"\xc7\x03\xff\x00\x00\x00",
    ] {
        let error = decode(payload).expect_err("refused");
        assert_eq!(
            error.reason,
            Reason::NotMessagePack,
            "{payload:02x?}: {}",
            error.detail
        );
    }
}

#[test]
fn a_record_that_is_nested_too_deep_is_refused() {
    let deep = [vec![0x91; 129], vec![0xc0]].concat();
    assert_eq!(decode(&deep).expect_err("too deep").reason, Reason::TooDeep);
    assert!(decode(&deep[1..]).is_ok());
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&payload);
    }
}
