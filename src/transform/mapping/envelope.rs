//! Known shells around what a record is about: of change data capture, of events, of Telegraf and
//! OpenTelemetry.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::errors::{missing_field, wrong_type};
use super::nested::{Each, Nested, Opened};
use super::origin::Origin;
use super::otlp;
use crate::data::{Decode, Object, RecordError, Value};
use crate::transform::left_out::LeftOut;

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
    /// An export request of OpenTelemetry metrics in OTLP's JSON.
    Otlp,
}

impl Envelope {
    /// Calls `each` with every object inside; the fields around it stay reachable. Says what was left out,
    /// and by which rule.
    pub(super) fn open(
        self,
        whole: &Nested<'_, '_>,
        origin: Origin<'_>,
        decoder: &dyn Decode,
        each: &mut Each<'_>,
    ) -> Opened {
        match self {
            Self::Debezium => debezium(whole, each),
            Self::CloudEvents => all(cloud_event(whole, origin, decoder, each)),
            Self::Telegraf => match whole.object.get("metrics") {
                Some(metrics) => all(inside("metrics", metrics, whole, each)),
                None => all(each(whole)),
            },
            Self::Otlp => otlp::open(whole, each),
        }
    }
}

/// Nothing was left out.
fn all(done: Result<(), RecordError>) -> Opened {
    done.map(|()| LeftOut::default())
}

fn debezium(whole: &Nested<'_, '_>, each: &mut Each<'_>) -> Opened {
    // With schemas the event is in `payload`; of a tombstone that is null.
    let payload = whole.object.0.iter().find(|(name, _)| name == "payload");
    let opened;
    let event = match payload.map(|(_, payload)| payload) {
        Some(Value::Null) => return Ok(LeftOut::one("tombstone")),
        Some(Value::Object(payload)) => {
            opened = Nested::of(payload, Some(whole));
            &opened
        }
        _ => whole,
    };
    // What the transformation that unwraps events leaves of a delete.
    if matches!(event.object.get("__deleted"), Some(Value::Text(text)) if text == "true") {
        return Ok(LeftOut::one("delete"));
    }
    let Some(Value::Text(op)) = event.object.get("op") else {
        return all(each(event));
    };
    match &**op {
        "d" => Ok(LeftOut::one("delete")),
        "t" => Ok(LeftOut::one("truncate")),
        "m" => Ok(LeftOut::one("message")),
        _ => match event.object.get("after") {
            Some(after) => all(inside("after", after, event, each)),
            None => Err(missing_field("after")),
        },
    }
}

fn cloud_event(
    whole: &Nested<'_, '_>,
    origin: Origin<'_>,
    decoder: &dyn Decode,
    each: &mut Each<'_>,
) -> Result<(), RecordError> {
    if origin.header("ce_specversion").is_some() {
        let attributes = Object(attributes(origin).collect());
        let outer = Nested::of(&attributes, None);
        return each(&Nested::of(whole.object, Some(&outer)));
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
fn inside(
    name: &str,
    value: &Value<'_>,
    outer: &Nested<'_, '_>,
    each: &mut Each<'_>,
) -> Result<(), RecordError> {
    match value {
        Value::Object(object) => each(&Nested::of(object, Some(outer))),
        Value::List(items) => items.iter().try_for_each(|item| inside(name, item, outer, each)),
        other => Err(wrong_type(name, "an object or an array of objects", other)),
    }
}
