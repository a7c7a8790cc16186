//! Points of the `publish` mutation as Kafka records: JSON that needs no mapping, keyed by the
//! series, so that a series stays in one partition and in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::errors::Code;
use super::limits;
use super::types::PointInput;
use crate::data::{Micros, Reason, RecordError, Rfc3339, Series, Viewer};
use crate::transform::Limits;
use crate::write::{self, Record, StreamTarget};
use async_graphql::Result;

/// # Errors
/// `BAD_USER_INPUT` with the place of the first point that could not be stored, `FORBIDDEN` with that of
/// the first whose series the viewer may not write; then none is sent.
pub fn records(
    stream: &str,
    to: &StreamTarget,
    points: &[PointInput],
    now: Micros,
    viewer: &Viewer,
) -> Result<Vec<Record>> {
    limits::at_most("points", points.len(), limits::PUBLISH_MAX)?;
    if points.is_empty() {
        return Err(Code::BadUserInput.error("no points"));
    }
    let (topic, headers) = (Arc::<str>::from(&*to.topic), write::headers(stream));
    let record = |(at, point): (usize, &PointInput)| {
        let (series, payload) = encode(point, &to.limits, now)
            .map_err(|why| Code::BadUserInput.error(format!("point {at}: {}", why.detail)))?;
        if !viewer.may_write(&series) {
            return Err(Code::Forbidden.error(format!("point {at}: your role may not write this series")));
        }
        Ok(Record {
            topic: Arc::clone(&topic),
            key: Some(series.key.as_bytes().to_vec()),
            payload: Some(payload),
            timestamp: None,
            headers: Arc::clone(&headers),
        })
    };
    points.iter().enumerate().map(record).collect()
}

/// The series of these records, each once.
pub fn series(records: &[Record]) -> Vec<String> {
    let key = |record: &Record| String::from_utf8(record.key.clone()?).ok();
    let mut keys: Vec<String> = records.iter().filter_map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Series and payload, if the pipeline will take them.
fn encode(
    point: &PointInput,
    limits: &Limits,
    now: Micros,
) -> std::result::Result<(Series, Vec<u8>), RecordError> {
    limits.check_name("metric", &point.metric)?;
    limits.check_label_count(point.labels.len())?;
    let mut labels = BTreeMap::new();
    for label in &point.labels {
        limits.check_label(&label.name, &label.value)?;
        if labels.insert(label.name.as_str(), label.value.as_str()).is_some() {
            let detail = format!("label '{}' occurs twice", label.name);
            return Err(RecordError::new(Reason::InvalidName, detail));
        }
    }
    let ts = point.ts.map_or(now, |ts| ts.0);
    limits.check_time(ts, now)?;
    if !point.value.0.is_finite() {
        return Err(RecordError::new(Reason::NotFinite, "the value is not finite"));
    }
    // As the pipeline has it: an empty value means "no such label".
    labels.retain(|_, value| !value.is_empty());
    let series = Series::new(
        point.metric.as_str(),
        labels.iter().map(|(name, value)| (*name, *value)),
    );
    let payload = write::payload(
        &series,
        [(ts, point.value.0)].into_iter(),
        &mut Rfc3339::default(),
    );
    limits.check_size(&payload)?;
    Ok((series, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::scalars::{DateTime, PointValue};
    use crate::graphql::types::LabelInput;

    fn point(labels: &[(&str, &str)], value: f64) -> PointInput {
        PointInput {
            metric: "temperature".to_owned(),
            labels: labels
                .iter()
                .map(|(name, value)| LabelInput {
                    name: (*name).to_owned(),
                    value: (*value).to_owned(),
                })
                .collect(),
            ts: None,
            value: PointValue(value),
        }
    }

    fn machines() -> StreamTarget {
        StreamTarget {
            topic: "t".to_owned(),
            redrive_topic: "r".to_owned(),
            limits: Limits::default(),
            max_series: 10,
        }
    }

    #[test]
    fn a_point_becomes_a_record_that_needs_no_mapping() {
        let everyone = Viewer::everyone();
        let points = [point(&[("site", "b"), ("device", "a\"x"), ("rack", "")], 21.5)];
        let records = records("machines", &machines(), &points, Micros(1_000_001), &everyone).unwrap();
        let record = &records[0];
        assert_eq!(
            record.key.as_deref(),
            Some(&br#"temperature{device="a\"x",site="b"}"#[..])
        );
        assert_eq!(
            std::str::from_utf8(record.payload.as_deref().unwrap()).unwrap(),
            r#"{"metric":"temperature","labels":{"device":"a\"x","site":"b"},"ts":"1970-01-01T00:00:01.000001Z","value":21.5}"#
        );
        assert_eq!(record.headers[0].value, b"machines");
    }

    #[test]
    fn one_unusable_point_refuses_all_and_says_which() {
        let everyone = Viewer::everyone();
        let points = [point(&[], 1.0), point(&[("a", "1"), ("a", "2")], 1.0)];
        let error = records("s", &machines(), &points, Micros(0), &everyone).unwrap_err();
        assert_eq!(error.message, "point 1: label 'a' occurs twice");
        assert!(
            records(
                "s",
                &machines(),
                &[point(&[], f64::INFINITY)],
                Micros(0),
                &everyone
            )
            .is_err()
        );
        assert!(records("s", &machines(), &[], Micros(0), &everyone).is_err());
        let long = point(&[("a", &"x".repeat(2_000))], 1.0);
        assert!(records("s", &machines(), &[long], Micros(0), &everyone).is_err());
        let future = PointInput {
            ts: Some(DateTime(Micros::now())),
            ..point(&[], 1.0)
        };
        assert!(records("s", &machines(), &[future], Micros(0), &everyone).is_err());
    }
}
