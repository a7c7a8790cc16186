//! `dedupe` and `rate`: what a stream remembers of the records before.

use super::*;
use crate::data::LoneRecord;

fn stream(toml: &str) -> StreamPlan {
    #[derive(serde::Deserialize)]
    struct Of {
        dedupe: Option<Dedupe>,
        #[serde(default)]
        values: Vec<ValueField>,
    }
    let of: Of = toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}\n{error}"));
    let mut plan = plan();
    plan.mapping.on_missing = OnMissing::Skip;
    plan.mapping.dedupe = of.dedupe;
    if !of.values.is_empty() {
        plan.mapping.values = of.values;
    }
    plan
}

/// A record of a partition under an owner epoch, so many seconds later.
struct Sent<'a>(&'a str, i64, i64);

fn batch_of(records: &[Sent<'_>]) -> RawBatch {
    let mut raw = RawBatch {
        ranges: Vec::new(),
        records: Vec::new(),
        arena: Vec::new(),
        permit: Credits::new(1).acquire(1, Duration::ZERO).unwrap(),
    };
    for (offset, Sent(payload, seconds, owner_epoch)) in (0_i64..).zip(records) {
        let start = raw.arena.len() as u32;
        raw.arena.extend_from_slice(payload.as_bytes());
        let of = Assigned {
            partition_id: 1,
            owner_epoch: *owner_epoch,
            stream: "machines".into(),
            topic: "machines".into(),
            partition: 0,
            redrive: false,
        };
        raw.ranges.push(OffsetRange {
            of: Arc::new(of),
            from: offset,
            to: offset + 1,
            leader_epoch: None,
        });
        raw.records.push(RawRecord {
            range: offset as u32,
            offset,
            timestamp: Micros(NOW.0 + seconds * 1_000_000),
            key: None,
            payload: Some(start..raw.arena.len() as u32),
            headers: Vec::new(),
        });
    }
    raw
}

fn temperature(seq: &str, value: f64) -> String {
    format!(r#"{{"ts":1700000000000,"device":"a","seq":{seq},"temperature":{value}}}"#)
}

const DEDUPE: &str = r#"dedupe = { by = ["device", "seq"], within = "5m" }"#;

/// The values of all points, over several batches.
fn values(transform: &mut Transform, metrics: &Metrics, batches: &[&[Sent<'_>]]) -> Vec<f64> {
    values_of(transform, metrics, batches, &mut Vec::new())
}

/// The same of partitions that are owned as long as somebody has them.
fn values_of(
    transform: &mut Transform,
    metrics: &Metrics,
    batches: &[&[Sent<'_>]],
    owned: &mut Vec<Arc<Assigned>>,
) -> Vec<f64> {
    let batches = batches.iter().map(|records| {
        let raw = batch_of(records);
        owned.extend(raw.ranges.iter().map(|range| Arc::clone(&range.of)));
        transform.apply(raw, metrics).points
    });
    batches.flatten().map(|point| point.value).collect()
}

#[test]
fn an_object_that_was_taken_a_short_time_ago_is_a_duplicate() {
    let metrics = Metrics::default();
    let mut transform = Transform::new([stream(DEDUPE)]);
    let (first, again) = (temperature("1", 1.0), temperature("1", 2.0));
    let batches: [&[Sent<'_>]; 3] = [
        &[Sent(&first, 0, 1), Sent(&again, 1, 1)],
        &[Sent(&again, 300, 1)],
        // Not since the duplicate, but since what was taken.
        &[Sent(&again, 301, 1), Sent(&again, 302, 1)],
    ];
    assert_eq!(values(&mut transform, &metrics, &batches), [1.0, 2.0]);
    assert_eq!(left_out(&metrics, "duplicate"), 3);
    assert_eq!(skipped(&metrics, "duplicate"), 3);
}

#[test]
fn an_object_that_lacks_a_part_is_no_duplicate_and_each_element_is_one_of_its_own() {
    let metrics = Metrics::default();
    let mut transform = Transform::new([stream(DEDUPE)]);
    let (none, one, two) = (
        temperature("null", 1.0),
        temperature("1", 2.0),
        temperature("2", 3.0),
    );
    let array = format!("[{none},{none},{one},{two},{one}]");
    assert_eq!(
        values(&mut transform, &metrics, &[&[Sent(&array, 0, 1)]]),
        [1.0, 1.0, 2.0, 3.0]
    );
}

#[test]
fn a_dead_letter_does_not_count_as_seen() {
    let metrics = Metrics::default();
    let mut transform = Transform::new([stream(DEDUPE)]);
    let good = temperature("1", 1.0);
    let bad =
        format!("[{good},{{\"ts\":1700000000000,\"device\":\"a\",\"seq\":2,\"temperature\":\"warm\"}}]");
    let batches: [&[Sent<'_>]; 1] = [&[
        Sent(&bad, 0, 1),
        Sent(&good, 1, 1),
        Sent("no json", 2, 1),
        Sent(&good, 3, 1),
    ]];
    assert_eq!(values(&mut transform, &metrics, &batches), [1.0]);
}

#[test]
fn a_partition_that_was_lost_and_comes_back_is_read_again_and_nothing_of_it_was_seen() {
    let metrics = Metrics::default();
    let mut transform = Transform::new([stream(DEDUPE)]);
    let record = temperature("1", 1.0);
    let batches: [&[Sent<'_>]; 2] = [&[Sent(&record, 0, 1)], &[Sent(&record, 0, 2)]];
    assert_eq!(values(&mut transform, &metrics, &batches), [1.0, 1.0]);
}

const RATE: &str = r#"values = [{ field = "bytes", rate = true, as = "bytes_per_second" }, "temperature"]"#;

fn bytes(seconds: i64, bytes: f64) -> String {
    let ts = 1_700_000_000_000 + seconds * 1_000;
    format!(r#"{{"ts":{ts},"device":"a","bytes":{bytes}}}"#)
}

#[test]
fn a_counter_becomes_its_rate_and_a_decrease_is_a_reset() {
    let metrics = Metrics::default();
    let mut transform = Transform::new([stream(RATE)]);
    let records = [
        bytes(0, 100.0),
        bytes(10, 150.0),
        bytes(20, 150.0),
        bytes(20, 170.0),
        bytes(15, 160.0),
        bytes(30, 20.0),
    ];
    let records: Vec<_> = records.iter().map(|record| Sent(record, 0, 1)).collect();
    assert_eq!(
        values(&mut transform, &metrics, &[&records[..2], &records[2..]]),
        [5.0, 0.0, 2.0]
    );
    assert_eq!(left_out(&metrics, "first_of_rate"), 1);
    assert_eq!(left_out(&metrics, "rate_out_of_order"), 2);
}

#[test]
fn each_series_has_a_rate_of_its_own_by_its_labels_before_relabelling() {
    let metrics = Metrics::default();
    let mut plan = stream(RATE);
    #[derive(serde::Deserialize)]
    struct One {
        rule: Relabel,
    }
    let one: One = toml::from_str(r#"rule = { regex = "device", action = "labeldrop" }"#).unwrap();
    plan.relabel = vec![one.rule];
    let mut transform = Transform::new([plan]);
    let of = |device: &str, seconds, n| bytes(seconds, n).replace("\"a\"", &format!("\"{device}\""));
    let records = [
        of("a", 0, 0.0),
        of("b", 0, 1_000.0),
        of("a", 1, 1.0),
        of("b", 1, 1_002.0),
    ];
    let records: Vec<_> = records.iter().map(|record| Sent(record, 0, 1)).collect();
    assert_eq!(values(&mut transform, &metrics, &[&records]), [1.0, 2.0]);
}

#[test]
fn a_dead_letter_leaves_the_counter_as_it_was() {
    let metrics = Metrics::default();
    let mut transform = Transform::new([stream(RATE)]);
    let bad = bytes(10, 1_000.0).replace('}', ",\"temperature\":\"warm\"}");
    let records = [bytes(0, 0.0), bad, bytes(10, 20.0)];
    let records: Vec<_> = records.iter().map(|record| Sent(record, 0, 1)).collect();
    assert_eq!(values(&mut transform, &metrics, &[&records]), [2.0]);
}

#[test]
fn other_plans_leave_what_a_stream_remembers_unless_its_own_has_changed() {
    let metrics = Metrics::default();
    let other = |prefix: &str| {
        let mut plan = stream(DEDUPE);
        plan.name = "others".into();
        plan.mapping.metric_prefix = prefix.into();
        plan
    };
    let mut owned = Vec::new();
    let mut transform = Transform::new([stream(DEDUPE), other("one")]);
    let (first, again) = (temperature("1", 1.0), temperature("1", 2.0));
    let mut of = |transform: &mut Transform, record: &str| {
        values_of(transform, &metrics, &[&[Sent(record, 0, 1)]], &mut owned)
    };
    assert_eq!(of(&mut transform, &first), [1.0]);
    transform.replan([other("two"), stream(DEDUPE)]);
    assert_eq!(of(&mut transform, &again), [0.0; 0]);
    transform.replan([stream(DEDUPE)]);
    assert_eq!(of(&mut transform, &again), [0.0; 0]);
    transform.replan([stream(&DEDUPE.replace("5m", "6m"))]);
    assert_eq!(of(&mut transform, &again), [2.0]);
}

#[test]
fn a_partition_that_was_lost_is_forgotten_with_the_next_batch() {
    let metrics = Metrics::default();
    let mut transform = Transform::new([stream(DEDUPE)]);
    let record = temperature("1", 1.0);
    for _ in 0..2 {
        let batches: [&[Sent<'_>]; 1] = [&[Sent(&record, 0, 1)]];
        // Nobody has the partition any more when it returns.
        assert_eq!(values(&mut transform, &metrics, &batches), [1.0]);
    }
}

#[test]
fn records_that_are_looked_at_one_by_one_are_remembered() {
    let mut transform = Transform::new([stream(DEDUPE)]);
    let mut look = || {
        let record = LoneRecord {
            timestamp: NOW,
            payload: Some(temperature("1", 1.0).into()),
            ..LoneRecord::default()
        };
        transform.inspect(&"machines".into(), record, 0).skipped
    };
    assert_eq!([look(), look()], [None, Some("duplicate")]);
}
