//! The contestants of this program: its own streams, and serde_json alone.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use streamsync::data::{Assigned, Credits, Micros, OffsetRange, RawBatch, RawRecord, TimeUnit};
use streamsync::decode::{Compression, Csv, Format, Reading as Written, SchemaFile};
use streamsync::telemetry::Metrics;
use streamsync::transform::{Label, Limits, Mapping, Program, StreamPlan, TimeField, Transform, ValueField};

use crate::records::{MANY, Reading, Records};
use crate::stopwatch::{About, Contestant, now};

/// Of one reading.
pub const POINTS: usize = 2;

pub fn every(records: &Records) -> Vec<Box<dyn Contestant>> {
    let columns = "ts,site,device,temperature,vibration";
    let named = Csv {
        columns: Some(columns.split(',').map(str::to_owned).collect()),
        ..Csv::default()
    };
    let plain = Csv::default();
    let head = format!("{columns}\n");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/transform");
    let stream = |name, format, csv: &Csv, readings, messages: Vec<Vec<u8>>| -> Box<dyn Contestant> {
        let schema = SchemaFile {
            file: root.join(match format {
                Format::Avro => "reading.avsc",
                _ => "reading.proto",
            }),
            ..SchemaFile::default()
        };
        let written = Written {
            format,
            compression: Compression::Auto,
            limit: 1 << 20,
            csv,
            schema: Some(&schema),
            registry: None,
        };
        Box::new(Stream::new(name, written, None, readings, &messages))
    };
    let line = Format::LineProtocol;
    vec![
        stream("JSON", Format::Json, &plain, 1, records.each(Reading::json)),
        stream(
            "NDJSON of 100",
            Format::Ndjson,
            &plain,
            MANY,
            records.many("", Reading::json),
        ),
        stream("CSV", Format::Csv, &named, 1, records.each(Reading::csv)),
        stream(
            "CSV of 100",
            Format::Csv,
            &plain,
            MANY,
            records.many(&head, Reading::csv),
        ),
        stream("line protocol", line, &plain, 1, records.each(Reading::line)),
        stream(
            "line protocol of 100",
            line,
            &plain,
            MANY,
            records.many("", Reading::line),
        ),
        stream(
            "MessagePack",
            Format::MessagePack,
            &plain,
            1,
            records.each(Reading::messagepack),
        ),
        stream("Avro", Format::Avro, &plain, 1, records.each(Reading::avro)),
        stream(
            "Protobuf",
            Format::Protobuf,
            &plain,
            1,
            records.each(Reading::protobuf),
        ),
    ]
}

/// Messages through decoder and mapping.
pub struct Stream {
    about: About,
    transform: Transform,
    metrics: Metrics,
    /// What `apply` takes it gives back.
    batch: Option<RawBatch>,
}

impl Stream {
    pub fn new(
        name: &'static str,
        written: Written<'_>,
        program: Option<Program>,
        readings: usize,
        messages: &[Vec<u8>],
    ) -> Self {
        let plan = StreamPlan {
            name: "machines".into(),
            opener: written.opener().expect("a schema"),
            program,
            mapping: mapping(written.format),
            lookups: Vec::new(),
            relabel: Vec::new(),
            limits: Limits::default(),
        };
        let about = About {
            name,
            bytes: mean_length(messages),
            points: readings * POINTS,
        };
        Self {
            about,
            transform: Transform::new([plan]),
            metrics: Metrics::default(),
            batch: Some(batch(messages)),
        }
    }
}

impl Contestant for Stream {
    fn about(&self) -> About {
        self.about
    }

    fn run(&mut self) -> (usize, Duration) {
        let raw = self.batch.take().expect("the batch of the last run");
        let begun = now();
        let applied = self.transform.apply(raw, &self.metrics);
        let taken = now() - begun;
        let messages = applied.raw.records.len();
        assert_eq!(applied.rejected, [], "every message is good");
        assert_eq!(applied.points.len(), messages * self.about.points);
        self.batch = Some(applied.raw);
        (messages, taken)
    }
}

fn mapping(format: Format) -> Mapping {
    let mapping = Mapping {
        metric_prefix: "machines".to_owned(),
        time: TimeField::default(),
        ..Mapping::default()
    };
    if format == Format::LineProtocol {
        return Mapping::of_fields_and_tags(mapping, "measurement", "time", TimeUnit::Ns);
    }
    Mapping {
        labels: ["site", "device"].map(Label::field).into(),
        values: ["temperature", "vibration"].map(ValueField::field).into(),
        ..mapping
    }
}

fn batch(messages: &[Vec<u8>]) -> RawBatch {
    let of = Arc::new(Assigned {
        partition_id: 1,
        owner_epoch: 1,
        stream: "machines".into(),
        topic: "machines".into(),
        partition: 0,
        redrive: false,
    });
    let mut arena: Vec<u8> = Vec::new();
    let record = |(message, offset): (&Vec<u8>, i64)| {
        let start = arena.len() as u32;
        arena.extend(message);
        RawRecord {
            range: 0,
            offset,
            timestamp: Micros(1_764_351_900_000_000),
            key: None,
            payload: Some(start..arena.len() as u32),
            headers: Vec::new(),
        }
    };
    let records: Vec<RawRecord> = messages.iter().zip(0..).map(record).collect();
    let range = OffsetRange {
        of,
        from: 0,
        to: records.len() as i64,
        leader_epoch: None,
    };
    RawBatch {
        ranges: vec![range],
        records,
        arena,
        permit: Credits::new(1).acquire(1, Duration::ZERO).expect("all of it"),
    }
}

pub fn mean_length(messages: &[Vec<u8>]) -> usize {
    messages.iter().map(Vec::len).sum::<usize>() / messages.len()
}

/// What JSON costs at least: its parse alone, without a point made of it.
pub fn parsers(records: &Records) -> Vec<Box<dyn Contestant>> {
    let parser = |name, parse| -> Box<dyn Contestant> {
        let messages = records.each(Reading::json);
        Box::new(Parser {
            name,
            messages,
            parse,
        })
    };
    vec![
        parser("serde_json into a struct", |message| {
            black_box(serde_json::from_slice::<Typed<'_>>(message).expect("a reading"));
        }),
        parser("serde_json into a Value", |message| {
            black_box(serde_json::from_slice::<serde_json::Value>(message).expect("JSON"));
        }),
    ]
}

struct Parser {
    name: &'static str,
    messages: Vec<Vec<u8>>,
    parse: fn(&[u8]),
}

impl Contestant for Parser {
    fn about(&self) -> About {
        About {
            name: self.name,
            bytes: mean_length(&self.messages),
            points: 0,
        }
    }

    fn run(&mut self) -> (usize, Duration) {
        let begun = now();
        for message in &self.messages {
            (self.parse)(message);
        }
        (self.messages.len(), now() - begun)
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is parsed and no more")]
struct Typed<'a> {
    ts: i64,
    site: &'a str,
    device: &'a str,
    temperature: f64,
    vibration: f64,
}
