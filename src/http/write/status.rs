//! `google.rpc.Status`, by which OTLP tells errors, and what is needed to write Protobuf.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::json;

use crate::decode::Otlp;

pub(super) fn respond(
    response: HttpResponseBuilder,
    form: Otlp,
    status: StatusCode,
    message: &str,
) -> HttpResponse {
    let code = code(status);
    let mut bytes = Vec::new();
    number(&mut bytes, 1, code);
    text(&mut bytes, 2, message.as_bytes());
    let json = json!({ "code": code, "message": message }).to_string();
    body(response, form, json, bytes)
}

/// The one of the two that has the form of the request.
pub(super) fn body(
    mut response: HttpResponseBuilder,
    form: Otlp,
    json: String,
    protobuf: Vec<u8>,
) -> HttpResponse {
    match form {
        Otlp::Json => response.content_type("application/json").body(json),
        Otlp::Protobuf => response.content_type("application/x-protobuf").body(protobuf),
    }
}

/// The codes of gRPC.
const fn code(status: StatusCode) -> u64 {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE => 3,
        StatusCode::NOT_FOUND => 5,
        StatusCode::FORBIDDEN => 7,
        StatusCode::TOO_MANY_REQUESTS => 8,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::UNAUTHORIZED => 16,
        _ => 13,
    }
}

/// A field of Protobuf that is a number.
pub(super) fn number(to: &mut Vec<u8>, field: u8, number: u64) {
    to.push(field << 3);
    varint(to, number);
}

/// A field of Protobuf that is a text or a message.
pub(super) fn text(to: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    to.push(field << 3 | 2);
    varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
