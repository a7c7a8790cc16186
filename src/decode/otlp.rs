//! Export requests of OpenTelemetry's metrics. Protobuf and OTLP's JSON become the same object.
//!
//! A request is far larger than a record of Kafka, so what it becomes is bounded as a whole.

use std::sync::LazyLock;

use super::json::Json;
use super::protobuf::Schema;
use super::schema::SchemaText;
use crate::data::{Decode, Decoder, Object, Reason, RecordError, Value};

const REQUEST: &str = "opentelemetry.ExportMetricsServiceRequest";

/// Messages of a request in Protobuf: data points, attributes and what is around them. A data point with
/// five attributes has eleven.
const MESSAGES_MAX: usize = 1 << 20;

/// What a request in JSON may take as values.
const JSON_BYTES_MAX: usize = 192 << 20;
/// What a JSON object takes before it has more fields than most.
const OBJECT_BYTES: usize = 512;
/// What an element takes, with room to grow.
const ELEMENT_BYTES: usize = 64;

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otlp {
    Protobuf,
    Json,
}

static PROTOBUF: LazyLock<Result<Decoder, String>> = LazyLock::new(|| {
    let schema = Schema::parse(&SchemaText {
        text: include_str!("otlp/metrics.proto").to_owned(),
        references: Vec::new(),
    })?;
    let decoder = schema.bounded(REQUEST, MESSAGES_MAX);
    decoder.ok_or_else(|| format!("{REQUEST} is not defined"))
});

impl Otlp {
    pub fn decode(self, body: &[u8]) -> Result<Object<'_>, RecordError> {
        let decoder: &dyn Decode = match (self, &*PROTOBUF) {
            (Self::Json, _) => {
                check_json(body)?;
                &Json
            }
            (Self::Protobuf, Ok(decoder)) => &**decoder,
            (Self::Protobuf, Err(why)) => return Err(RecordError::new(Reason::UnknownSchema, why)),
        };
        match decoder.decode(body)? {
            Value::Object(request) => Ok(request),
            other => {
                let detail = format!("expected an object, found {}", other.kind());
                Err(RecordError::new(Reason::WrongType, detail))
            }
        }
    }
}

/// Texts may hold the same characters, so this counts too many rather than too few.
fn check_json(body: &[u8]) -> Result<(), RecordError> {
    let bytes = body.iter().map(|byte| match byte {
        b'{' => OBJECT_BYTES,
        b'[' | b',' => ELEMENT_BYTES,
        _ => 0,
    });
    match bytes.sum::<usize>() {
        0..=JSON_BYTES_MAX => Ok(()),
        _ => {
            let detail = "the request has too many objects and elements; send fewer data points at once";
            Err(RecordError::new(Reason::RecordTooLarge, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_read() {
        assert!(PROTOBUF.is_ok(), "{PROTOBUF:?}");
    }

    #[test]
    fn an_empty_request_is_an_object() {
        let none = Value::List(Vec::new());
        let empty = Otlp::Protobuf.decode(b"").unwrap();
        assert_eq!(empty.get("resource_metrics"), Some(&none));
        assert_eq!(Otlp::Json.decode(b"{}").unwrap(), Object::default());
        assert!(Otlp::Json.decode(b"[]").is_err());
    }

    #[test]
    fn a_request_of_more_parts_than_memory_is_refused() {
        let wrapped = |number, inner: &Vec<u8>| {
            let mut bytes = Vec::new();
            prost::encoding::bytes::encode(number, inner, &mut bytes);
            bytes
        };
        let points = [0x0a, 0x00].repeat(MESSAGES_MAX);
        let gauge = wrapped(5, &points);
        let body = wrapped(1, &wrapped(2, &wrapped(2, &gauge)));
        let error = Otlp::Protobuf.decode(&body).unwrap_err();
        assert_eq!(error.reason, Reason::RecordTooLarge, "{error:?}");
        let json = format!("[{}{{}}]", "{},".repeat(1 << 20));
        let error = Otlp::Json.decode(json.as_bytes()).unwrap_err();
        assert_eq!(error.reason, Reason::RecordTooLarge, "{error:?}");
    }
}
