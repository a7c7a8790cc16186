//! Frames to the client (RFC 6455, 5.2): not masked, not fragmented.

use actix_http::ws::{CloseCode, CloseReason, OpCode, Parser};
use bytes::{BufMut, Bytes, BytesMut};

/// The longest head of a frame.
pub const HEAD_MAX: usize = 14;
/// The longest payload of a control frame.
pub const CONTROL_MAX: usize = 125;
/// A close frame has room for this much of a reason.
const REASON_MAX: usize = 123;

/// The payload's length in the head of a frame, once the head is there.
pub fn declared(frame: &[u8]) -> Option<u64> {
    match frame.get(1)? & 0x7f {
        126 => Some(u16::from_be_bytes(frame.get(2..4)?.try_into().ok()?).into()),
        127 => Some(u64::from_be_bytes(frame.get(2..10)?.try_into().ok()?)),
        length => Some(length.into()),
    }
}

/// The head of a text of `len` bytes, and room for it.
pub fn text_head(out: &mut BytesMut, len: usize) {
    out.reserve(HEAD_MAX + len);
    out.put_u8(0x80 | u8::from(OpCode::Text));
    match len {
        0..=125 => out.put_u8(len as u8),
        126..=0xffff => {
            out.put_u8(126);
            out.put_u16(len as u16);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(len as u64);
        }
    }
}

pub fn text(out: &mut BytesMut, text: &str) {
    text_head(out, text.len());
    out.put_slice(text.as_bytes());
}

pub fn ping(out: &mut BytesMut) {
    Parser::write_message(out, Bytes::new(), OpCode::Ping, true, false);
}

pub fn pong(out: &mut BytesMut, payload: &Bytes) {
    Parser::write_message(out, payload, OpCode::Pong, true, false);
}

pub fn close(out: &mut BytesMut, code: u16, why: &str) {
    let mut end = why.len().min(REASON_MAX);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    let reason = CloseReason {
        code: CloseCode::from(code),
        description: (end > 0).then(|| why[..end].to_owned()),
    };
    Parser::write_close(out, Some(reason), false);
}

/// Answers the peer's close frame.
pub fn close_too(out: &mut BytesMut, reason: Option<CloseReason>) {
    Parser::write_close(out, reason, false);
}

#[cfg(test)]
mod tests {
    use actix_http::ws::{Codec, Frame};
    use tokio_util::codec::Decoder;

    use super::*;

    #[test]
    fn a_text_of_any_length_is_one_frame() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let sent = "x".repeat(len);
            let mut out = BytesMut::new();
            text(&mut out, &sent);
            assert_eq!(declared(&out), Some(len as u64));
            assert_eq!(declared(&out[..1]), None);
            let mut codec = Codec::new().client_mode().max_size(1 << 20);
            match codec.decode(&mut out).unwrap() {
                Some(Frame::Text(heard)) => assert_eq!(heard, sent.as_bytes(), "{len}"),
                other => panic!("{len}: {other:?}"),
            }
            assert!(out.is_empty(), "{len}");
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let mut out = BytesMut::new();
        close(&mut out, 4400, &"é".repeat(100));
        let mut codec = Codec::new().client_mode();
        match codec.decode(&mut out).unwrap() {
            Some(Frame::Close(Some(reason))) => {
                assert_eq!(reason.description.unwrap(), "é".repeat(61));
            }
            other => panic!("{other:?}"),
        }
    }
}
