//! Known shells around what a record is about: of change data capture, of events, of Telegraf.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::errors::{Rule, missing_field, wrong_type};
use super::nested::Nested;
use super::origin::Origin;
use crate::data::{Decode, Object, RecordError, Value};

/// What the headers of a CloudEvent begin with in its binary mode.
const CLOUD_EVENT: &str = "ce_";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Envelope {
    /// The row after a change; a record that has no envelope is a row itself.
    Debezium,
    /// The data of an event, in structured or binary mode.
    CloudEvents,
    /// One metric or a batch of them, as Telegraf's JSON serializer writes them.
    Telegraf,
}

/// The rule by which something inside was left out.
type Opened = Result<Option<Rule>, RecordError>;
/// What is done with each object inside.
type Each<'e> = dyn FnMut(&Nested<'_, '_>) -> Opened + 'e;

impl Envelope {
    /// Calls `each` with every object inside; the fields around it stay reachable. Or says by which rule
    /// the record has none.
    pub(super) fn open(
        self,
        whole: &Nested<'_, '_>,
        origin: Origin<'_>,
        decoder: &dyn Decode,
        each: &mut Each<'_>,
    ) -> Opened {
        match self {
            Self::Debezium => debezium(whole, each),
            Self::CloudEvents => cloud_event(whole, origin, decoder, each),
            Self::Telegraf => match whole.object.get("metrics") {
                Some(metrics) => inside("metrics", metrics, whole, each),
                None => each(whole),
            },
        }
    }
}

fn debezium(whole: &Nested<'_, '_>, each: &mut Each<'_>) -> Opened {
    // With schemas the event is in `payload`; of a tombstone that is null.
    let payload = whole.object.0.iter().find(|(name, _)| name == "payload");
    let event = match payload.map(|(_, payload)| payload) {
        Some(Value::Null) => return Ok(Some("tombstone")),
        Some(Value::Object(payload)) => Nested {
            object: payload,
            outer: Some(whole),
        },
        _ => *whole,
    };
    // What the transformation that unwraps events leaves of a delete.
    if matches!(event.object.get("__deleted"), Some(Value::Text(text)) if text == "true") {
        return Ok(Some("delete"));
    }
    let Some(Value::Text(op)) = event.object.get("op") else {
        return each(&event);
    };
    match &**op {
        "d" => Ok(Some("delete")),
        "t" => Ok(Some("truncate")),
        "m" => Ok(Some("message")),
        _ => match event.object.get("after") {
            Some(after) => inside("after", after, &event, each),
            None => Err(missing_field("after")),
        },
    }
}

fn cloud_event(
    whole: &Nested<'_, '_>,
    origin: Origin<'_>,
    decoder: &dyn Decode,
    each: &mut Each<'_>,
) -> Opened {
    if origin.header("ce_specversion").is_some() {
        let attributes = Object(attributes(origin).collect());
        let outer = Nested {
            object: &attributes,
            outer: None,
        };
        return each(&Nested {
            object: whole.object,
            outer: Some(&outer),
        });
    }
    if whole.object.get("specversion").is_none() {
        return Err(missing_field("specversion"));
    }
    match whole.object.get("data") {
        // JSON in a text.
        Some(Value::Text(text)) => inside("data", &decoder.decode(text.as_bytes())?, whole, each),
        Some(data) => inside("data", data, whole, each),
        None => Err(missing_field("data")),
    }
}

fn attributes<'a>(origin: Origin<'a>) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> {
    origin.headers.iter().filter_map(|header| {
        let name = header.name.strip_prefix(CLOUD_EVENT)?;
        let text = std::str::from_utf8(&header.value).ok()?;
        Some((name.into(), Value::Text(text.into())))
    })
}

/// The object in a field, or every one of an array there.
fn inside(name: &str, value: &Value<'_>, outer: &Nested<'_, '_>, each: &mut Each<'_>) -> Opened {
    match value {
        Value::Object(object) => each(&Nested {
            object,
            outer: Some(outer),
        }),
        Value::List(items) => {
            let mut rule = None;
            for item in items {
                rule = inside(name, item, outer, each)?.or(rule);
            }
            Ok(rule)
        }
        other => Err(wrong_type(name, "an object or an array of objects", other)),
    }
}
