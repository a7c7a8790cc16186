//! Envelopes, and records that name all they have, by the fields they are known by.

use super::fields::{Fields, survey};
use super::guessed::{Guess, Line};
use super::sample::Sample;
use crate::data::{Object, TimeUnit, Value};
use crate::decode::Format;
use crate::offline::words::{count, counted};
use crate::transform::{Envelope, Mapping, TimeField, TimeSource};

/// The envelope that nearly all objects have.
pub fn envelope(sample: &Sample) -> Option<Line<Envelope>> {
    type Is = fn(&Object<'_>) -> bool;
    const KNOWN: [(Envelope, &str, Is); 4] = [
        (
            Envelope::Debezium,
            "with op and before or after, or with schema and payload",
            is_change,
        ),
        (Envelope::CloudEvents, "with specversion", is_event),
        (Envelope::Telegraf, "with name, tags and fields", is_telegraf),
        (Envelope::Otlp, "with resourceMetrics", is_otlp),
    ];
    let mut counts = [0; KNOWN.len()];
    let mut objects = 0;
    sample.decoded(&mut |object, origin, _| {
        objects += 1;
        for (found, (envelope, _, is)) in counts.iter_mut().zip(KNOWN) {
            let in_headers = envelope == Envelope::CloudEvents && origin.header("ce_specversion").is_some();
            *found += usize::from(is(object) || in_headers);
        }
    });
    let found = counts.iter().zip(KNOWN);
    let mut found = found.filter(|(found, _)| **found > 0 && **found * 10 >= objects * 9);
    let (found, (envelope, what, _)) = found.next()?;
    let why = format!("{} of {} {what}", count(*found), counted(objects, "object"));
    Some(Line::new(envelope, why))
}

fn is_change(object: &Object<'_>) -> bool {
    let is_event = |event: &Object<'_>| {
        let op = matches!(event.get("op"), Some(Value::Text(op)) if matches!(&**op, "c" | "u" | "d" | "r" | "t" | "m"));
        op && (event.get("after").is_some() || event.get("before").is_some() || event.get("source").is_some())
    };
    // Kafka Connect writes the schema beside each row, whether the row is in an event or not.
    let is_connect =
        object.get("schema").is_some() && matches!(object.get("payload"), Some(Value::Object(_)));
    let in_payload = matches!(object.get("payload"), Some(Value::Object(payload)) if is_event(payload));
    is_event(object) || is_connect || in_payload
}

fn is_event(object: &Object<'_>) -> bool {
    matches!(object.get("specversion"), Some(Value::Text(_))) && object.get("type").is_some()
}

fn is_telegraf(object: &Object<'_>) -> bool {
    let is_metric = |object: &Object<'_>| {
        matches!(object.get("name"), Some(Value::Text(_)))
            && matches!(object.get("fields"), Some(Value::Object(_)))
            && matches!(object.get("tags"), Some(Value::Object(_)))
    };
    match object.get("metrics") {
        Some(Value::List(metrics)) => {
            let first = metrics.first();
            matches!(first, Some(Value::Object(first)) if is_metric(first))
        }
        _ => is_metric(object),
    }
}

fn is_otlp(object: &Object<'_>) -> bool {
    let found = ["resourceMetrics", "resource_metrics"].map(|name| object.get(name));
    found.iter().any(|found| matches!(found, Some(Value::List(_))))
}

/// Whether an envelope has the time of what is in it in this field.
pub fn is_time_around(envelope: Option<Envelope>, path: &str) -> bool {
    match envelope {
        Some(Envelope::Debezium) => path == "ts_ms",
        Some(Envelope::CloudEvents) => path == "time",
        _ => true,
    }
}

/// Whether a field is one of the envelope, and not one of what is in it around an array.
pub fn is_around(envelope: Envelope, path: &str) -> bool {
    let first = path.split('.').next().unwrap_or(path);
    match envelope {
        Envelope::Debezium => matches!(
            first,
            "op" | "ts_ms"
                | "ts_us"
                | "ts_ns"
                | "source"
                | "before"
                | "after"
                | "transaction"
                | "schema"
                | "payload"
        ),
        Envelope::CloudEvents => matches!(
            first,
            "specversion"
                | "id"
                | "source"
                | "type"
                | "subject"
                | "time"
                | "datacontenttype"
                | "dataschema"
                | "data"
        ),
        Envelope::Telegraf | Envelope::Otlp => false,
    }
}

/// Whether a field around what is in an envelope tells series apart.
pub fn is_label_around(envelope: Envelope, path: &str, distinct: usize) -> bool {
    match envelope {
        Envelope::Debezium => path == "source.table" && distinct > 1,
        Envelope::CloudEvents => path == "source" || (matches!(path, "subject" | "type") && distinct > 1),
        Envelope::Telegraf | Envelope::Otlp => false,
    }
}

/// Records that need no mapping: line protocol, Telegraf's, OpenTelemetry's, and those with metric, ts and value.
pub fn that_name_all(sample: &Sample, envelope: Option<Line<Envelope>>) -> Option<Guess> {
    let found = envelope.as_ref().map(|line| line.item);
    let fields = survey(
        sample,
        &Mapping {
            envelope: found,
            ..Mapping::default()
        },
    );
    let (time, unit) = match (sample.format, found) {
        (Format::LineProtocol, _) => ("time", TimeUnit::Ns),
        (_, Some(Envelope::Telegraf)) => ("timestamp", TimeUnit::S),
        // Integers beyond 2^53 need a mapping that rounds them.
        (_, Some(Envelope::Otlp)) if fields.get("value").is_none_or(|value| value.bigs == 0) => {
            ("timeUnixNano", TimeUnit::Ns)
        }
        (_, None) if are_own(&fields) => ("ts", TimeUnit::Ms),
        _ => return None,
    };
    let own = time == "ts";
    Some(Guess {
        envelope,
        time: other_unit(&fields, time, unit, own),
        points: fields.objects,
        ..Guess::default()
    })
}

/// The time, where its numbers are of another unit than the format has.
fn other_unit(fields: &Fields, name: &str, unit: TimeUnit, own: bool) -> Option<Line<TimeField>> {
    let field = fields.get(name)?;
    let found = field.times.best()?.as_time;
    let differs =
        found.unit.is_some_and(|found| found != unit) || found.zone.is_some() || found.format.is_some();
    let mut time = TimeField {
        field: name.to_owned(),
        ..found
    };
    if !own {
        time.on_missing = Some(TimeSource::Kafka);
    }
    let unit = time.unit.map_or("texts", TimeUnit::name);
    let why = format!("such as {}, which are {unit}", field.example());
    differs.then(|| Line::new(time, why))
}

fn are_own(fields: &Fields) -> bool {
    let has = |name: &str| {
        fields
            .get(name)
            .filter(|field| field.seen * 10 >= fields.objects * 9)
    };
    let is_own =
        |path: &str| matches!(path, "metric" | "labels" | "ts" | "value") || path.starts_with("labels.");
    fields.objects > 0
        && has("metric").is_some_and(|field| field.texts > 0)
        && has("ts").is_some_and(|field| field.times.best().is_some())
        && has("value").is_some_and(|field| field.numeric() > 0)
        && fields.fields.iter().all(|field| is_own(&field.path))
}
