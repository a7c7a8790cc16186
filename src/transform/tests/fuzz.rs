//! Whatever bytes come, a record has points, or one dead letter, or neither by a rule; nothing panics,
//! and memory and time stay within a multiple of the record.
//!
//! `INPUTS=1000000 cargo test --lib transform::tests::fuzz` (`make fuzz`) tries so many of each format, from
//! the seed `SEED`; without these it is a few thousand.

pub mod inputs;
pub mod memory;
mod messages;
mod shapes;

use std::borrow::Cow;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{NOW, record_batch};
use crate::data::{Batch, Header, Open, Reason, TimeUnit};
use crate::decode::{Compression, Csv, Format, Reading, SchemaFile};
use crate::telemetry::Metrics;
use crate::transform::{
    Envelope, Label, Limits, Mapping, MetricField, OnMissing, StreamPlan, TimeField, TimeSource, Transform,
    ValueField, When,
};

/// Memory for each byte of a record, and for a record without any.
const DECODED_BYTES: usize = 96;
const DECODED_LEAST: usize = 128 << 10;
/// The same with its points and their series.
const APPLIED_BYTES: usize = 1_024;
const APPLIED_LEAST: usize = 256 << 10;

fn opener(format: Format, compression: Compression) -> Arc<dyn Open> {
    let directory = tempfile::tempdir().expect("a directory");
    let schema = SchemaFile {
        file: messages::write_schema(directory.path(), format),
        message: Some("Reading".to_owned()),
        ..SchemaFile::default()
    };
    let reading = Reading {
        format,
        compression,
        limit: 1 << 20,
        csv: &Csv::default(),
        schema: Some(&schema),
        registry: None,
    };
    reading.opener().expect("a schema")
}

fn plan(opener: &Arc<dyn Open>, mapping: &Mapping) -> StreamPlan {
    StreamPlan {
        name: "machines".into(),
        opener: Arc::clone(opener),
        program: None,
        mapping: mapping.clone(),
        lookups: Vec::new(),
        relabel: Vec::new(),
        limits: Limits::default(),
    }
}

/// From JSON, as the configuration has it in TOML.
fn labels(text: &str) -> Vec<Label> {
    serde_json::from_str(text).expect("labels")
}

fn values(text: &str) -> Vec<ValueField> {
    serde_json::from_str(text).expect("values")
}

fn when(text: &str) -> Vec<When> {
    serde_json::from_str(text).expect("conditions")
}

/// One of each way to say what the points of a record are.
fn mappings() -> Vec<Mapping> {
    let machines = Mapping {
        metric_prefix: "machines".to_owned(),
        labels: labels(r#"["site", {"field": "device.id", "as": "device"}]"#),
        values: values(r#"["temperature", "v"]"#),
        ..Mapping::default()
    };
    let all = Mapping {
        labels: labels(
            r#"[{"all": "tags", "as": "tag_"}, "site", {"key": true, "as": "key"}, {"header": "tenant"}]"#,
        ),
        values: values(
            r#"[{"all": "fields"}, {"field": "state", "map": {"on": 1}}, {"field": "v", "number": "round"}]"#,
        ),
        time: serde_json::from_str(r#"{"field": "ts", "zone": "Europe/Berlin"}"#).expect("a time"),
        ..machines.clone()
    };
    let scaled = Mapping {
        values: values(
            r#"[{"field": "temperature", "number": "text", "scale": 1e300, "offset": -1e300}, {"field": "v", "scale": 0.5, "as": "half"}]"#,
        ),
        time: TimeField {
            format: Some("%d.%m.%Y %H:%M:%S".to_owned()),
            on_missing: Some(TimeSource::Kafka),
            ..all.time.clone()
        },
        when: when(r#"["kind!=status", "site=~.*o.*|"]"#),
        on_missing: OnMissing::DeadLetter,
        ..machines.clone()
    };
    let named = Mapping {
        metric: Some(MetricField {
            field: "name".to_owned(),
            prefix: "p_".to_owned(),
        }),
        ..all.clone()
    };
    let unmapped = Mapping::default();
    let mut mappings = vec![
        Mapping::of_fields_and_tags(unmapped.clone(), "measurement", "time", TimeUnit::Ns),
        Mapping {
            each: Some("devices.readings".to_owned()),
            ..named.clone()
        },
        Mapping {
            each: Some("readings".to_owned()),
            ..machines.clone()
        },
        machines,
        all.clone(),
        scaled,
        named,
        unmapped.clone(),
    ];
    for envelope in [Envelope::Debezium, Envelope::CloudEvents, Envelope::Telegraf] {
        let envelope = Some(envelope);
        mappings.push(Mapping {
            envelope,
            ..all.clone()
        });
        mappings.push(Mapping {
            envelope,
            ..Mapping::of_fields_and_tags(unmapped.clone(), "name", "timestamp", TimeUnit::S)
        });
    }
    mappings
}

fn headers() -> Vec<Header> {
    let header = |(name, value): (&str, &str)| Header {
        name: name.to_owned(),
        value: value.into(),
    };
    [
        ("tenant", "acme"),
        ("ce_specversion", "1.0"),
        ("ce_ts", "2023-11-14T22:13:20Z"),
    ]
    .map(header)
    .into()
}

/// A whole number of the environment.
fn set(name: &str) -> Option<u32> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a whole number"))
}

/// How many, `usual` unless `INPUTS` says so.
pub fn fuzz<S: Strategy>(usual: u32, inputs: &S, judge: impl Fn(S::Value)) {
    let seed = set("SEED").unwrap_or(0).to_le_bytes();
    let config = Config {
        cases: set("INPUTS").unwrap_or(usual),
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.repeat(8));
    let mut runner = TestRunner::new_with_rng(config, rng);
    let judged = runner.run(inputs, |input| {
        judge(input);
        Ok(())
    });
    if let Err(error) = judged {
        panic!("{error}");
    }
}

fn every_input_is_decoded_or_refused(format: Format) {
    let opener = opener(format, Compression::None);
    let mappings = mappings();
    let every = (inputs::of(format), 0..mappings.len(), any::<bool>());
    fuzz(600, &every, |(payload, mapping, has_headers)| {
        let (refused, held) = memory::peak(|| opener.open(&payload, &[])?.decode().map(|_| ()));
        let length = payload.len();
        assert!(
            held <= DECODED_BYTES * length + DECODED_LEAST,
            "{held} bytes for {length}"
        );
        let headers = if has_headers { headers() } else { Vec::new() };
        let batch = applied(plan(&opener, &mappings[mapping]), payload, headers);
        if let Err(error) = refused {
            assert_eq!(batch.rejected[0].reason, error.reason);
        }
    });
}

/// Holds the memory that it takes against the record.
fn applied(plan: StreamPlan, payload: Vec<u8>, headers: Vec<Header>) -> Batch {
    let length = payload.len();
    let (batch, held) = judged(plan, payload, &headers);
    assert!(
        held <= APPLIED_BYTES * length + APPLIED_LEAST,
        "{held} bytes for {length}"
    );
    batch
}

/// Holds what comes of it against the limits; says also how much memory it took at once.
fn judged(plan: StreamPlan, payload: Vec<u8>, headers: &[Header]) -> (Batch, usize) {
    let limits = plan.limits.clone();
    let raw = record_batch([Some(payload)], headers);
    let mut transform = Transform::new([plan]);
    let metrics = Metrics::default();
    let (batch, held) = memory::peak(|| transform.apply(raw, &metrics));
    assert!(batch.rejected.len() <= 1);
    assert!(batch.rejected.is_empty() || batch.points.is_empty());
    for rejected in &batch.rejected {
        assert!(rejected.detail.len() <= 700, "{}", rejected.detail);
        assert!(!rejected.detail.is_empty());
    }
    for point in &batch.points {
        assert!(point.value.is_finite());
        assert!(limits.check_time(point.ts, NOW).is_ok());
        assert!((point.series as usize) < batch.series.len());
    }
    for series in &batch.series {
        assert!(limits.check_name("metric", &series.metric).is_ok());
        assert!(limits.check_label_count(series.labels.len()).is_ok());
        assert!(series.labels.is_sorted_by(|(a, _), (b, _)| a < b));
        for (name, value) in &series.labels {
            assert!(limits.check_label(name, value).is_ok());
        }
    }
    (batch, held)
}

#[test]
fn json() {
    every_input_is_decoded_or_refused(Format::Json);
}

#[test]
fn ndjson() {
    every_input_is_decoded_or_refused(Format::Ndjson);
}

#[test]
fn csv() {
    every_input_is_decoded_or_refused(Format::Csv);
}

#[test]
fn line_protocol() {
    every_input_is_decoded_or_refused(Format::LineProtocol);
}

#[test]
fn messagepack() {
    every_input_is_decoded_or_refused(Format::MessagePack);
}

#[test]
fn avro() {
    every_input_is_decoded_or_refused(Format::Avro);
}

#[test]
fn protobuf() {
    every_input_is_decoded_or_refused(Format::Protobuf);
}

#[test]
fn compressed() {
    const LIMIT: usize = 100_000;
    let mapping = &mappings()[3];
    let kinds = [
        Compression::Auto,
        Compression::Gzip,
        Compression::Zstd,
        Compression::Snappy,
        Compression::Lz4,
    ];
    let openers = kinds.map(|set| opener(Format::Json, set));
    fuzz(300, &(0..kinds.len(), inputs::compressed()), |(set, payload)| {
        let (opened, held) = memory::peak(|| kinds[set].open(&payload, LIMIT).map(Cow::into_owned));
        // What it was and the buffers of the decompressor; those of zstd are C's, up to a window of 8 MiB.
        assert!(
            held <= 4 * LIMIT + (1 << 20),
            "{held} bytes for {}",
            payload.len()
        );
        match opened {
            Ok(opened) => assert!(opened.len() <= LIMIT.max(payload.len())),
            Err(error) => assert!(matches!(
                error.reason,
                Reason::BadCompression | Reason::RecordTooLarge
            )),
        }
        judged(plan(&openers[set], mapping), payload, &[]);
    });
}
