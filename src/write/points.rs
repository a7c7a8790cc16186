//! Points in the form in which `/api/v1/points` gives them: JSON, NDJSON or CSV with `metric`, `labels`,
//! `ts` and `value`.

use std::borrow::Cow;

use super::refusals::Refusals;
use crate::data::{Decode, Object, Reason, RecordError, TimeUnit, Value};
use crate::decode::{Json, each_row, each_value};
use crate::transform::{Mapping, Taking, TimeField};

/// How the points are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Ndjson,
    Csv,
}

/// A point has at most so many bytes.
const POINT_BYTES: usize = 64 << 10;

/// Each point by itself. One without `ts` has the time of the request; `unit` is that of times that are
/// numbers. An error is one of the body as a whole.
pub fn read(
    body: &[u8],
    format: Format,
    unit: TimeUnit,
    taking: &mut Taking<'_>,
) -> Result<Refusals, RecordError> {
    let mapping = Mapping {
        time: TimeField {
            unit: Some(unit),
            ..TimeField::default()
        },
        ..Mapping::default()
    };
    let (mut refusals, mut number) = (Refusals::default(), 0_usize);
    let what = match format {
        Format::Csv => "row",
        Format::Json | Format::Ndjson => "point",
    };
    let mut settle = |taken: Result<(), RecordError>| {
        number += 1;
        if let Err(error) = taken {
            refusals.add(|| format!("{what} {number}"), error);
        }
    };
    let read = match format {
        Format::Csv => each_row(body, |row| settle(of_row(row, &mapping, taking))),
        Format::Json | Format::Ndjson => each_value(body, POINT_BYTES, |value| {
            settle(match value {
                Value::Object(object) => known(&object).and_then(|()| point(object, &mapping, taking)),
                other => Err(wrong_type(format!("expected an object, found {}", other.kind()))),
            });
        }),
    };
    match read {
        Err(error) if number == 0 => return Err(error),
        Err(error) => refusals.add(|| format!("all from {what} {} on", number + 1), error),
        Ok(()) => {}
    }
    Ok(refusals)
}

fn point(mut object: Object<'_>, mapping: &Mapping, taking: &mut Taking<'_>) -> Result<(), RecordError> {
    if object.get("ts").is_none_or(|ts| *ts == Value::Null) {
        object.0.retain(|(name, _)| name != "ts");
        object.0.push(("ts".into(), Value::Time(taking.now())));
    }
    taking.object(mapping, &object, &Json)
}

/// A misspelt name would lose what it says.
fn known(object: &Object<'_>) -> Result<(), RecordError> {
    const NAMES: [&str; 5] = ["series", "metric", "labels", "ts", "value"];
    let unknown = object.0.iter().find(|(name, _)| !NAMES.contains(&&**name));
    unknown.map_or(Ok(()), |(name, _)| {
        let name: String = name.chars().take(60).collect();
        Err(wrong_type(format!(
            "unknown field '{name}'; a point has metric, labels, ts and value"
        )))
    })
}

/// The column `labels` holds JSON; columns of other names are labels too.
fn of_row(row: Object<'_>, mapping: &Mapping, taking: &mut Taking<'_>) -> Result<(), RecordError> {
    let (mut fields, mut labels, mut json) = (Vec::new(), Vec::new(), None);
    for (name, value) in row.0 {
        match &*name {
            "series" => {}
            "metric" | "ts" | "value" => fields.push((name, value)),
            "labels" => json = Some(value),
            _ => labels.push((name, value)),
        }
    }
    let json: Cow<'_, str> = match json {
        None => "{}".into(),
        Some(Value::Untyped(text)) => text,
        Some(other) => {
            return Err(wrong_type(format!(
                "'labels' must be JSON, found {}",
                other.kind()
            )));
        }
    };
    match Json.decode(json.as_bytes())? {
        Value::Object(more) => labels.extend(more.0),
        other => {
            return Err(wrong_type(format!(
                "'labels' must be a JSON object, found {}",
                other.kind()
            )));
        }
    }
    fields.push(("labels".into(), Value::Object(Object(labels))));
    point(Object(fields), mapping, taking)
}

const fn wrong_type(detail: String) -> RecordError {
    RecordError {
        reason: Reason::WrongType,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Micros;
    use crate::transform::{Intake, Limits};

    const NOW: Micros = Micros(1_764_351_845_000_000);

    fn written(body: &str, format: Format) -> Result<(Vec<String>, Vec<String>), String> {
        let (mut intake, limits) = (Intake::default(), Limits::default());
        let mut taking = intake.begin(&limits, body.as_bytes(), NOW);
        let refusals = read(body.as_bytes(), format, TimeUnit::Ms, &mut taking);
        let refusals = refusals.map_err(|error| error.detail)?;
        let taken = taking.end();
        let points = taken.points.iter().map(|point| {
            let series = &taken.series[point.series as usize].key;
            format!("{series} {} {}", point.value, point.ts.0 - NOW.0)
        });
        let told = refusals.told().iter().map(ToString::to_string);
        Ok((points.collect(), told.collect()))
    }

    #[test]
    fn what_a_get_gives_can_be_sent_in_every_format_and_bad_points_are_named() {
        let json = r#"[
            {"metric": "t", "labels": {"site": "a"}, "ts": 1764351845001, "value": 1},
            {"metric": "t", "value": 2}, {"metric": "t", "value": "x"}, 7,
            {"metric": "t", "label": {}, "value": 3}, {"series": "t", "metric": "t", "ts": null, "value": 4}]"#;
        let (points, told) = written(json, Format::Json).unwrap();
        assert_eq!(points, [r#"t{site="a"} 1 1000"#, "t{} 2 0", "t{} 4 0"]);
        for (told, begin) in told.iter().zip([
            "point 3: wrong_type: 'value'",
            "point 4: wrong_type: expected an object, found an integer",
            "point 5: wrong_type: unknown field 'label'",
        ]) {
            assert!(told.starts_with(begin), "{told}");
        }
        let one = r#"{"metric": "t", "value": 2}"#;
        assert_eq!(written(one, Format::Json).unwrap().0, ["t{} 2 0"]);
        let lines = format!("{one}\n{one}\n");
        assert_eq!(written(&lines, Format::Ndjson).unwrap().0.len(), 2);
        let csv = "series,metric,labels,ts,value,rack\n\
            ,t,\"{\"\"site\"\":\"\"a\"\"}\",2025-11-28T17:44:05.000001Z,1.5,r1\n\
            ,t,,,2,\n\
            ,t,[],,2,\n";
        let (points, told) = written(csv, Format::Csv).unwrap();
        assert_eq!(points, [r#"t{rack="r1",site="a"} 1.5 1"#, "t{} 2 0"]);
        assert!(told[0].starts_with("row 3: wrong_type: 'labels'"), "{told:?}");
        assert!(written("{", Format::Json).is_err());
        let cut = format!("{one}\n{one}\n{{\"metric\"");
        let (points, told) = written(&cut, Format::Ndjson).unwrap();
        assert_eq!(points.len(), 2);
        assert!(told[0].starts_with("all from point 3 on: not_json: "), "{told:?}");
    }
}
