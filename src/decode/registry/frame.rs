//! How a record names its schema, as the serialisers of Confluent write it.
//!
//! Before the payload, or in a header of its own, stand a mark and the id: 0 and four bytes, or 1 and
//! the 16 bytes of a GUID. Of Protobuf the path to the message in its file follows.

use crate::data::{Header, SchemaId};

/// The header that holds the id instead of the payload.
const HEADER: &str = "__value_schema_id";
const NUMBER: u8 = 0;
const GUID: u8 = 1;
/// Messages inside messages.
const PATH_MAX: usize = 64;

/// Where a schema is and what of it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    pub id: SchemaId,
    /// What stands behind the id.
    pub rest: &'a [u8],
    pub in_header: bool,
}

/// `None`: the record names no schema.
pub fn read<'a>(payload: &'a [u8], headers: &'a [Header]) -> Option<Framed<'a>> {
    let header = headers.iter().rev().find(|header| header.name == HEADER);
    let (bytes, in_header) = match header {
        Some(header) => (header.value.as_slice(), true),
        None => (payload, false),
    };
    let (id, rest) = id(bytes)?;
    Some(Framed { id, rest, in_header })
}

fn id(bytes: &[u8]) -> Option<(SchemaId, &[u8])> {
    let (mark, rest) = bytes.split_first()?;
    match *mark {
        NUMBER => {
            let (id, rest) = rest.split_first_chunk()?;
            Some((SchemaId::Number(u32::from_be_bytes(*id)), rest))
        }
        GUID => {
            let (id, rest) = rest.split_first_chunk()?;
            Some((SchemaId::Guid(u128::from_be_bytes(*id)), rest))
        }
        _ => None,
    }
}

/// The path to a Protobuf message in its file, and what follows it. Its length stands before it; that of
/// the first message is 0 and no path follows.
pub fn message_path(bytes: &[u8]) -> Option<(Vec<i32>, &[u8])> {
    let (raw, rest) = varint(bytes)?;
    // Older serialisers wrote plain numbers. Most of their lengths are 1, which is -1 to others.
    let is_plain = raw & 1 == 1;
    let decode = |raw: u64| if is_plain { raw } else { raw >> 1 };
    let length = usize::try_from(decode(raw))
        .ok()
        .filter(|length| *length <= PATH_MAX)?;
    if length == 0 {
        return Some((vec![0], rest));
    }
    let mut path = Vec::with_capacity(length);
    let mut rest = rest;
    for _ in 0..length {
        let (raw, behind) = varint(rest)?;
        // A zigzag number that is negative is no index.
        if !is_plain && raw & 1 == 1 {
            return None;
        }
        path.push(i32::try_from(decode(raw)).ok()?);
        rest = behind;
    }
    Some((path, rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &[u8]) -> Vec<Header> {
        vec![Header {
            name: HEADER.to_owned(),
            value: value.to_vec(),
        }]
    }

    #[test]
    fn an_id_is_a_number_or_a_guid_before_the_payload_or_in_a_header() {
        let guid = 0x89_79_17_62_23_36_41_86_96_74_29_9b_90_a8_02_e2;
        let framed = read(&[0, 0, 0, 1, 2, 9, 9], &[]).unwrap();
        assert_eq!(
            framed,
            Framed {
                id: SchemaId::Number(258),
                rest: &[9, 9],
                in_header: false
            }
        );
        let mut payload = vec![1];
        payload.extend(u128::to_be_bytes(guid));
        let framed = read(&payload, &[]).unwrap();
        assert_eq!((framed.id, framed.rest), (SchemaId::Guid(guid), &[][..]));
        assert_eq!(framed.id.to_string(), "89791762-2336-4186-9674-299b90a802e2");
        let headers = header(&payload);
        let framed = read(&[0, 0, 0, 0, 7], &headers).unwrap();
        assert_eq!((framed.id, framed.in_header), (SchemaId::Guid(guid), true));
    }

    #[test]
    fn a_record_without_an_id_names_no_schema() {
        for payload in [
            &b""[..],
            b"{\"ts\": 1}",
            &[0],
            &[0, 0, 0, 1],
            &[1, 2, 3],
            &[2, 0, 0, 0, 1],
        ] {
            assert_eq!(read(payload, &[]), None, "{payload:?}");
        }
        assert_eq!(read(&[0, 0, 0, 0, 7], &header(b"7")), None);
    }

    #[test]
    fn the_path_of_a_message_is_zigzag_or_plain_numbers() {
        for (bytes, path) in [
            (&[0, 42][..], &[0][..]),
            (&[2, 0, 42], &[0]),
            (&[2, 6, 42], &[3]),
            (&[4, 2, 0, 42], &[1, 0]),
            // Of older serialisers.
            (&[1, 3, 42], &[3]),
            (&[3, 1, 0, 2, 42], &[1, 0, 2]),
        ] {
            assert_eq!(message_path(bytes), Some((path.to_vec(), &[42][..])), "{bytes:?}");
        }
        for bytes in [&[][..], &[2], &[2, 1], &[4, 2], &[0xfe, 1], &[0xff; 20]] {
            assert_eq!(message_path(bytes), None, "{bytes:?}");
        }
    }
}
