//! What a record becomes: its points, its one dead letter, or nothing by a named rule.

use std::time::Duration;

use super::*;
use crate::data::headers;
use crate::data::{Assigned, Credits, Header, Micros, OffsetRange, TimeUnit};
use crate::data::{Point, RawRecord, Reason};
use crate::decode::{Compression, Csv, Format, Reading};

mod avro;
pub mod fuzz;
mod lookups;
mod numbers;
mod otlp;
#[cfg(feature = "vrl")]
mod programs;
mod relabelling;
mod remembered;

const NOW: Micros = Micros(1_700_000_000_000_000);

fn plan() -> StreamPlan {
    let csv = Csv::default();
    let reading = Reading {
        format: Format::Json,
        compression: Compression::None,
        limit: 1 << 20,
        csv: &csv,
        schema: None,
        registry: None,
    };
    StreamPlan {
        name: "machines".into(),
        opener: reading.opener().expect("a format without schemas"),
        program: None,
        mapping: Mapping {
            metric_prefix: "machines".into(),
            labels: ["site", "device"].map(Label::field).into(),
            values: ["temperature", "vibration"].map(ValueField::field).into(),
            on_missing: OnMissing::DeadLetter,
            ..Mapping::default()
        },
        lookups: Vec::new(),
        relabel: Vec::new(),
        limits: Limits::default(),
    }
}

fn apply(plan: StreamPlan, payloads: &[Option<&str>], headers: Vec<Header>) -> Batch {
    apply_with(plan, payloads, headers, &Metrics::default())
}

fn apply_with(plan: StreamPlan, payloads: &[Option<&str>], headers: Vec<Header>, metrics: &Metrics) -> Batch {
    let raw = record_batch(payloads.iter().copied(), &headers);
    Transform::new([plan]).apply(raw, metrics)
}

/// A record for each payload.
fn record_batch<P: AsRef<[u8]>>(
    payloads: impl IntoIterator<Item = Option<P>>,
    headers: &[Header],
) -> RawBatch {
    let of = Arc::new(Assigned {
        partition_id: 1,
        owner_epoch: 1,
        stream: "machines".into(),
        topic: "machines".into(),
        partition: 0,
        redrive: false,
    });
    let mut arena = Vec::new();
    let records = payloads
        .into_iter()
        .zip(0_i64..)
        .map(|(payload, offset)| RawRecord {
            range: 0,
            offset,
            timestamp: NOW,
            key: None,
            payload: payload.map(|bytes| {
                let start = arena.len() as u32;
                arena.extend_from_slice(bytes.as_ref());
                start..arena.len() as u32
            }),
            headers: headers.to_vec(),
        })
        .collect::<Vec<_>>();
    RawBatch {
        ranges: vec![OffsetRange {
            of,
            from: 0,
            to: records.len() as i64,
            leader_epoch: None,
        }],
        records,
        arena,
        permit: Credits::new(1).acquire(1, Duration::ZERO).unwrap(),
    }
}

fn by_rule(rule: &str) -> Vec<(&'static str, String)> {
    vec![("stream", "machines".to_owned()), ("rule", rule.to_owned())]
}

/// How many points or objects the rule has left out.
fn left_out(metrics: &Metrics, rule: &str) -> u64 {
    metrics.left_out.get_or_create(&by_rule(rule)).get()
}

/// How many records have no points by the rule.
fn skipped(metrics: &Metrics, rule: &str) -> u64 {
    metrics.skipped.get_or_create(&by_rule(rule)).get()
}

/// The points as `key time value` lines.
fn lines(batch: &Batch) -> Vec<String> {
    let line = |p: &Point| format!("{} {} {}", batch.series[p.series as usize].key, p.ts, p.value);
    batch.points.iter().map(line).collect()
}

fn points(payload: &str) -> Vec<String> {
    let batch = apply(plan(), &[Some(payload)], vec![]);
    assert_eq!(batch.rejected, [], "{payload}");
    lines(&batch)
}

fn refused(plan: StreamPlan, payload: &str) -> (Reason, Option<u32>) {
    let batch = apply(plan, &[Some(payload)], vec![]);
    assert_eq!(batch.points, [], "{payload}");
    let [rejected] = &batch.rejected[..] else {
        panic!("{payload}: {:?}", batch.rejected);
    };
    (rejected.reason, rejected.element)
}

#[test]
fn each_value_field_becomes_a_metric_with_the_labels_sorted() {
    assert_eq!(
        points(r#"{"ts":1700000000000,"site":"b","device":7,"temperature":21.5,"vibration":true}"#),
        [
            r#"machines_temperature{device="7",site="b"} 2023-11-14T22:13:20.000000Z 21.5"#,
            r#"machines_vibration{device="7",site="b"} 2023-11-14T22:13:20.000000Z 1"#,
        ]
    );
}

#[test]
fn a_record_with_metric_labels_ts_and_value_needs_no_mapping() {
    assert_eq!(
        points(
            r#"{"metric":"cpu","labels":{"host":"a","zone":""},"ts":"2023-11-14T22:13:20.000001+00:00","value":3}"#
        ),
        [r#"cpu{host="a"} 2023-11-14T22:13:20.000001Z 3"#]
    );
}

#[test]
fn an_array_of_objects_is_one_record_with_many_points() {
    assert_eq!(
        points(
            r#"[{"metric":"a","ts":1700000000000,"value":1},{"metric":"b","ts":1700000000000,"value":2}]"#
        ),
        [
            "a{} 2023-11-14T22:13:20.000000Z 1",
            "b{} 2023-11-14T22:13:20.000000Z 2"
        ]
    );
}

#[test]
fn times_are_read_in_the_unit_of_the_stream() {
    for (unit, text) in [
        (TimeUnit::S, "1700000000"),
        (TimeUnit::S, "1700000000.0"),
        (TimeUnit::Ms, "1700000000000"),
        (TimeUnit::Us, "1700000000000000"),
        (TimeUnit::Ns, "1700000000000000000"),
    ] {
        let mut plan = plan();
        plan.mapping.time.unit = Some(unit);
        let payload = format!(r#"{{"metric":"m","ts":{text},"value":1}}"#);
        let batch = apply(plan, &[Some(&payload)], vec![]);
        assert_eq!(lines(&batch), ["m{} 2023-11-14T22:13:20.000000Z 1"], "{unit:?}");
    }
}

#[test]
fn every_kind_of_bad_record_has_its_reason() {
    let long = format!(
        r#"{{"metric":"m","labels":{{"a":"{}"}},"ts":1700000000000,"value":1}}"#,
        "x".repeat(2_000)
    );
    let many: Vec<_> = (0..40).map(|i| format!(r#""l{i}":"x""#)).collect();
    let many = format!(
        r#"{{"metric":"m","labels":{{{}}},"ts":1700000000000,"value":1}}"#,
        many.join(",")
    );
    let large = format!(r#"{{"pad":"{}"}}"#, "x".repeat(1 << 20));
    for (payload, reason) in [
        ("not json", Reason::NotJson),
        ("17", Reason::WrongType),
        (
            r#"{"ts":1700000000000,"site":"b","device":"d","temperature":1}"#,
            Reason::MissingField,
        ),
        (
            r#"{"ts":1700000000000,"device":"d","temperature":1,"vibration":2}"#,
            Reason::MissingField,
        ),
        (
            r#"{"metric":"m","ts":1700000000000,"value":"3"}"#,
            Reason::WrongType,
        ),
        (
            r#"{"metric":"m","ts":1700000000000,"value":9007199254740993}"#,
            Reason::WrongType,
        ),
        (
            r#"{"metric":"m","labels":[],"ts":1700000000000,"value":3}"#,
            Reason::WrongType,
        ),
        (
            r#"{"metric":"m","ts":1700000000000,"value":NaN}"#,
            Reason::NotFinite,
        ),
        (
            r#"{"metric":"m","ts":"yesterday","value":1}"#,
            Reason::BadTimestamp,
        ),
        (r#"{"metric":"m","ts":1,"value":1}"#, Reason::OutOfTimeRange),
        (
            r#"{"metric":"m","ts":1800000000000,"value":1}"#,
            Reason::OutOfTimeRange,
        ),
        (
            r#"{"metric":"m{","ts":1700000000000,"value":1}"#,
            Reason::InvalidName,
        ),
        (
            r#"{"metric":"m","labels":{"a":"\u0000"},"ts":1700000000000,"value":1}"#,
            Reason::InvalidName,
        ),
        (&long, Reason::LabelTooLong),
        (&many, Reason::TooManyLabels),
        (&large, Reason::RecordTooLarge),
    ] {
        let head: String = payload.chars().take(80).collect();
        assert_eq!(refused(plan(), payload), (reason, None), "{head}");
    }
}

#[test]
fn one_bad_element_refuses_the_whole_record_and_is_named() {
    let payload = r#"[{"metric":"a","ts":1700000000000,"value":1},{"metric":"b","ts":1700000000000}]"#;
    assert_eq!(refused(plan(), payload), (Reason::MissingField, Some(1)));
}

#[test]
fn a_point_older_than_retention_is_too_old() {
    let mut plan = plan();
    plan.limits.retention = Some(Duration::from_secs(3_600));
    let payload = r#"{"metric":"m","ts":1699990000000,"value":1}"#;
    assert_eq!(refused(plan, payload), (Reason::TooOld, None));
}

#[test]
fn missing_fields_are_left_out_unless_no_value_is_left() {
    let mut plan = plan();
    plan.mapping.on_missing = OnMissing::Skip;
    let payloads = [
        Some(r#"{"ts":1700000000000,"device":"d","temperature":1,"vibration":null}"#),
        Some(r#"{"ts":1700000000000,"device":"d"}"#),
    ];
    let batch = apply(plan, &payloads, vec![]);
    assert_eq!(
        lines(&batch),
        [r#"machines_temperature{device="d"} 2023-11-14T22:13:20.000000Z 1"#]
    );
    let rejected: Vec<_> = batch.rejected.iter().map(|r| (r.record, r.reason)).collect();
    assert_eq!(rejected, [(1, Reason::MissingField)]);
}

#[test]
fn tombstones_are_skipped_and_a_foreign_stream_header_is_refused() {
    let batch = apply(plan(), &[None], vec![]);
    assert_eq!((batch.points.len(), batch.rejected.len()), (0, 0));
    let foreign = Header {
        name: headers::STREAM.into(),
        value: b"other".to_vec(),
    };
    let batch = apply(plan(), &[Some("{}")], vec![foreign]);
    assert_eq!(batch.rejected[0].reason, Reason::UnknownStream);
}

#[test]
fn a_repeated_label_or_field_counts_with_its_last_value() {
    assert_eq!(
        points(r#"{"metric":"x","metric":"m","labels":{"a":"1","a":"2"},"ts":1700000000000,"value":1}"#),
        [r#"m{a="2"} 2023-11-14T22:13:20.000000Z 1"#]
    );
}

#[test]
fn labels_that_are_too_long_together_are_refused() {
    let labels: Vec<String> = (0..4)
        .map(|n| format!(r#""l{n}":"{}""#, "v".repeat(600)))
        .collect();
    let own = |labels: &[String]| {
        format!(
            r#"{{"metric":"m","ts":1700000000000,"value":1,"labels":{{{}}}}}"#,
            labels.join(",")
        )
    };
    assert_eq!(points(&own(&labels[..3])).len(), 1);
    let batch = apply(plan(), &[Some(&own(&labels))], vec![]);
    assert_eq!(batch.rejected[0].reason, Reason::LabelTooLong);
    assert!(
        batch.rejected[0].detail.contains("the limit is 2000"),
        "{:?}",
        batch.rejected
    );
    assert!(batch.series.is_empty());
}

#[test]
fn a_time_outside_the_calendar_is_refused_however_far_the_record_is_off() {
    let mut limits = Limits::default();
    limits.accepted.future = Duration::from_secs(u64::MAX);
    let refused = |ts, recorded| limits.check_time(ts, recorded).unwrap_err().reason;
    // A producer that took microseconds for milliseconds.
    let beyond = Micros::from_millis(NOW.0);
    assert_eq!(refused(beyond, beyond), Reason::OutOfTimeRange);
    assert_eq!(refused(Micros(Micros::LAST.0 + 1), NOW), Reason::OutOfTimeRange);
    assert_eq!(limits.check_time(Micros::LAST, NOW), Ok(()));
}
