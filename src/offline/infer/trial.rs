//! A stream that is tried on the sample, without Kafka and without storing anything.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::print::Test;
use super::sample::Sample;
use crate::config::StreamConfig;
use crate::data::{LoneRecord, Micros};
use crate::offline::words::{count, counted};
use crate::transform::{AcceptedTime, Inspected, StreamPlan, Transform};

/// A record that is a test is not longer than this, and has no more points, if there is such a one.
const TEST_BYTES: usize = 4 << 10;
const TEST_POINTS: usize = 20;
const TEST_BYTES_MAX: usize = 64 << 10;
const DAY: i64 = 86_400_000_000;

/// For records of which nothing says the timestamps in Kafka: no time is too far from them.
pub fn at_any_time(mut plan: StreamPlan) -> StreamPlan {
    plan.limits.accepted = AcceptedTime {
        past: Duration::MAX,
        future: Duration::MAX,
    };
    plan.limits.retention = None;
    plan
}

/// What became of a sample.
#[derive(Debug, Default)]
pub struct Tried {
    records: usize,
    pub points: usize,
    series: HashSet<Box<str>>,
    dead: usize,
    pub first_dead: Option<String>,
    /// The record that makes the best test.
    pub example: Option<usize>,
}

/// A stream, record by record.
struct Trial {
    name: Arc<str>,
    transform: Transform,
}

impl Trial {
    fn of(plan: StreamPlan) -> Self {
        Self {
            name: Arc::clone(&plan.name),
            transform: Transform::new([plan]),
        }
    }

    fn run(&mut self, record: &LoneRecord) -> Inspected {
        self.transform.inspect(&self.name, record.clone(), 0)
    }
}

impl Tried {
    pub fn on(stream: &StreamConfig, sample: &Sample) -> Result<Self> {
        let mut trial = Trial::of(at_any_time(stream.plan(None).map_err(Error::msg)?));
        let mut tried = Self {
            records: sample.records.len(),
            ..Self::default()
        };
        let mut short = None;
        for (at, record) in sample.records.iter().enumerate() {
            let Inspected { points, rejected, .. } = trial.run(record);
            if let Some(dead) = rejected {
                tried.dead += 1;
                let first = || format!("record {}: {}: {}", count(at + 1), dead.reason, dead.detail);
                tried.first_dead.get_or_insert_with(first);
            } else if !points.is_empty() {
                let bytes = record.payload.as_ref().map_or(0, Vec::len);
                if bytes <= TEST_BYTES && points.len() <= TEST_POINTS {
                    short = short.or(Some(at));
                }
                if bytes <= TEST_BYTES_MAX {
                    tried.example = tried.example.or(Some(at));
                }
            }
            tried.points += points.len();
            tried
                .series
                .extend(points.into_iter().map(|(series, _, _)| series.key.clone()));
        }
        tried.example = short.or(tried.example);
        Ok(tried)
    }

    pub fn told(&self) -> String {
        let (records, points) = (counted(self.records, "record"), counted(self.points, "point"));
        let told = format!("{records}: {points} of {} series", count(self.series.len()));
        match &self.first_dead {
            Some(first) => format!(
                "{told}, {}; the first: {first}",
                counted(self.dead, "dead letter")
            ),
            None => format!("{told}, no dead letters"),
        }
    }
}

/// `None` where the times of the record are too far from each other for it to pass.
pub fn test_of(stream: &StreamConfig, sample: &Sample, at: usize) -> Result<Option<Test>> {
    let record = &sample.records[at];
    let plan = stream.plan(None).map_err(Error::msg)?;
    let points = |plan: StreamPlan, timestamp: Micros| {
        let recorded = LoneRecord {
            timestamp,
            ..record.clone()
        };
        let Inspected { points, rejected, .. } = Trial::of(plan).run(&recorded);
        match rejected {
            Some(dead) => bail!(dead.detail),
            None => Ok(points),
        }
    };
    let found = points(at_any_time(plan.clone()), record.timestamp)?;
    let Some(first) = found.first().map(|(_, time, _)| *time) else {
        return Ok(None);
    };
    let newest = found.iter().map(|(_, time, _)| *time).max().unwrap_or(first);
    let later = Micros(record.timestamp.0.saturating_add(1));
    let is_from_kafka = found != points(at_any_time(plan.clone()), later)?;
    let time = match is_from_kafka {
        true => record.timestamp,
        false if newest.0.saturating_sub(first.0) > DAY => newest,
        false => first,
    };
    if !points(plan, time).is_ok_and(|tested| tested == found) {
        return Ok(None);
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
    let headers = record.headers.iter().filter_map(|header| {
        let value = text(&header.value).ok()?;
        Some((header.name.clone(), value))
    });
    let payload = record.payload.as_deref().unwrap_or_default();
    let shown = found.iter();
    let shown = shown.map(|(series, time, value)| format!("{} {value} {}", series.key, short(*time)));
    Ok(Some(Test {
        name: match at {
            0 => "the first record of the sample".to_owned(),
            _ => format!("record {} of the sample", count(at + 1)),
        },
        input: text(payload).map_err(|_| STANDARD.encode(payload)),
        key: record.key.as_deref().and_then(|key| text(key).ok()),
        headers: headers.collect(),
        // Unless it is set it is that of the first point.
        time: (is_from_kafka || time != first).then(|| short(time)),
        points: shown.collect(),
    }))
}

/// Without a fraction that is zero.
fn short(time: Micros) -> String {
    time.to_string().replace(".000000Z", "Z")
}
