//! Server-sent events, by the "distinct connections mode" of graphql-sse's PROTOCOL.md.
//!
//! An event's `id` is the cursor after it, which browsers send back as `Last-Event-ID`.

use async_graphql::ServerError;
use bytes::{BufMut, BytesMut};
use serde_json::json;

use crate::graphql::Next;

const NEXT: &[u8] = b"event: next\n";
const DATA: &[u8] = b"data: ";
const END: &[u8] = b"\n\n";

/// A comment.
pub fn beat(out: &mut BytesMut) {
    out.put_slice(b":\n\n");
}

/// The JSON has no line breaks.
pub fn next(next: &Next, out: &mut BytesMut) {
    let id = next.cursor.as_deref().unwrap_or_default();
    let rest = b"id: \n".len() + DATA.len() + END.len();
    out.reserve(NEXT.len() + id.len() + rest + next.json.len());
    out.put_slice(NEXT);
    if !id.is_empty() {
        out.put_slice(b"id: ");
        out.put_slice(id.as_bytes());
        out.put_slice(b"\n");
    }
    out.put_slice(DATA);
    next.json.write(out);
    out.put_slice(END);
}

pub fn refused(errors: &[ServerError], out: &mut BytesMut) {
    out.put_slice(NEXT);
    out.put_slice(DATA);
    out.put_slice(json!({ "errors": errors }).to_string().as_bytes());
    out.put_slice(END);
}

pub fn denied(error: &ServerError, out: &mut BytesMut) {
    refused(std::slice::from_ref(error), out);
    complete(out);
}

/// It has data, though empty: browsers drop events without.
pub fn complete(out: &mut BytesMut) {
    out.put_slice(b"event: complete\ndata:\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::Then;
    use crate::live::Json;

    #[test]
    fn an_event_has_the_cursor_as_its_id() {
        let mut out = BytesMut::new();
        let mut event = Next {
            json: Json::from(r#"{"data":{}}"#.to_owned()),
            cursor: Some("c1".into()),
            then: Then::GoOn,
        };
        beat(&mut out);
        next(&event, &mut out);
        event.cursor = None;
        next(&event, &mut out);
        complete(&mut out);
        let expected = ":\n\nevent: next\nid: c1\ndata: {\"data\":{}}\n\n\
            event: next\ndata: {\"data\":{}}\n\nevent: complete\ndata:\n\n";
        assert_eq!(&out[..], expected.as_bytes());
    }
}
