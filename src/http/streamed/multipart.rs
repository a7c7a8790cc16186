//! Apollo's multipart protocol for subscriptions, version 1.0.
//!
//! A part is complete when the boundary after it has arrived, so the boundary is sent with the part.
//! Only the two dashes of the last boundary wait for the end.

use async_graphql::ServerError;
use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use crate::graphql::errors::Code;
use crate::graphql::{Next, Then};
use crate::live::Json;

const BOUNDARY: &[u8] = b"\r\n--graphql";
const PART: &[u8] = b"\r\ncontent-type: application/json\r\n\r\n";

pub fn begin(out: &mut BytesMut) {
    out.put_slice(BOUNDARY);
}

pub fn beat(out: &mut BytesMut) {
    part(&json!({}), out);
}

pub fn next(next: &Next, out: &mut BytesMut) {
    let fatal = match next.then {
        Then::GoOn | Then::End => None,
        Then::TooSlow => Some((Code::SlowClient, "too slow; resume with the last cursor")),
        Then::GoAway => Some((
            Code::GoingAway,
            "this server is about to stop; resume with the last cursor",
        )),
    };
    // Without data it says the same as the error of the transport.
    if fatal.is_none() || has_data(&next.json) {
        let (before, after) = (b"{\"payload\":", b"}");
        let around = PART.len() + before.len() + after.len() + BOUNDARY.len();
        out.reserve(around + next.json.len());
        out.put_slice(PART);
        out.put_slice(before);
        next.json.write(out);
        out.put_slice(after);
        out.put_slice(BOUNDARY);
    }
    if let Some((code, message)) = fatal {
        let error = json!({ "message": message, "extensions": { "code": code.as_str() } });
        part(&json!({ "payload": null, "errors": [error] }), out);
    }
}

pub fn refused(errors: &[ServerError], out: &mut BytesMut) {
    part(&json!({ "payload": { "errors": errors } }), out);
}

/// An error of the transport, and the end.
pub fn denied(error: &ServerError, out: &mut BytesMut) {
    part(&json!({ "payload": null, "errors": [error] }), out);
    end(out);
}

/// Makes the last boundary the final one.
pub fn end(out: &mut BytesMut) {
    out.put_slice(b"--\r\n");
}

fn part(body: &Value, out: &mut BytesMut) {
    out.put_slice(PART);
    out.put_slice(body.to_string().as_bytes());
    out.put_slice(BOUNDARY);
}

fn has_data(json: &Json) -> bool {
    let nothing = br#"{"data":null"#;
    let bytes = json.0.iter().flatten();
    !bytes.take(nothing.len()).eq(nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, then: Then) -> Next {
        Next {
            json: Json::from(text.to_owned()),
            cursor: None,
            then,
        }
    }

    #[test]
    fn each_part_is_followed_by_its_boundary() {
        let mut out = BytesMut::new();
        begin(&mut out);
        next(&message(r#"{"data":1}"#, Then::GoOn), &mut out);
        beat(&mut out);
        end(&mut out);
        let expected = "\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{\"payload\":{\"data\":1}}\
            \r\n--graphql\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql--\r\n";
        assert_eq!(&out[..], expected.as_bytes());
    }

    #[test]
    fn what_ends_the_response_is_an_error_of_the_transport() {
        let mut out = BytesMut::new();
        let text = r#"{"data":null,"errors":[{"message":"slow"}]}"#;
        next(&message(text, Then::TooSlow), &mut out);
        let text = std::str::from_utf8(&out).unwrap();
        assert_eq!(text.matches("content-type").count(), 1, "{text}");
        assert!(text.contains(r#""payload":null"#), "{text}");
        assert!(text.contains("SLOW_CLIENT"), "{text}");
    }
}
