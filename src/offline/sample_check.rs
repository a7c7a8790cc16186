//! `streamsync check --sample`: what becomes of each record of a sample with a stream.

use std::collections::{BTreeMap, HashSet};
use std::io::{Write, stdout};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Error, Result, bail};

use super::infer::cut::{self, Known};
use super::infer::trial::at_any_time;
use super::outcome::became;
use super::sample_file::SampleFile;
use super::stream_named;
use super::words::counted;
use crate::config::{Config, StreamConfig};
use crate::decode::Compression;
use crate::inspect::Inspector;
use crate::transform::Inspected;

/// Records that are shown with their points, dead letters behind them, and points of one record.
const SHOWN: usize = 20;

pub async fn run(config: &Config, stream: Option<&str>, sample: &Path) -> Result<()> {
    let registry = config.registry().map_err(Error::msg)?;
    let stream = stream_named(config, stream)?;
    let file = SampleFile::read(Some(sample))?;
    let known = Known {
        format: Some(stream.format),
        csv: Some(&stream.csv),
        compression: stream.compression,
        records_max: cut::RECORDS_MAX,
        is_cut: file.is_cut,
    };
    let sample = cut::file(&file.bytes, &known)?;
    // The file has been opened as a whole.
    let opened = StreamConfig {
        compression: Compression::Auto,
        ..stream.clone()
    };
    let plan = at_any_time(opened.plan(registry.as_ref()).map_err(Error::msg)?);
    let name = Arc::clone(&plan.name);
    let mut inspector = Inspector::new([plan], registry);
    let mut seen = Seen::default();
    let mut out = stdout().lock();
    let n = sample.records.len();
    for (at, record) in (1..).zip(sample.records) {
        let inspected = inspector.inspect(&name, record).await.map_err(Error::msg)?;
        // Dead letters are what one looks for.
        if at <= SHOWN || (inspected.rejected.is_some() && seen.dead() < SHOWN) {
            writeln!(out, "{}", shown(at, &inspected))?;
        }
        seen.add(inspected);
    }
    let told = sample.told.join("; ");
    writeln!(
        out,
        "{} of {}: {told}\n{}",
        counted(n, "record"),
        file.name,
        seen.text()
    )?;
    match seen.dead() {
        0 => Ok(()),
        1 => bail!("1 record would be a dead letter"),
        n => bail!("{n} records would be dead letters"),
    }
}

#[derive(Debug, Default)]
struct Seen {
    points: usize,
    series: HashSet<Box<str>>,
    left_out: BTreeMap<&'static str, usize>,
    reasons: BTreeMap<&'static str, usize>,
}

impl Seen {
    fn dead(&self) -> usize {
        self.reasons.values().sum()
    }

    fn add(&mut self, inspected: Inspected) {
        self.points += inspected.points.len();
        let series = inspected.points.iter().map(|(series, _, _)| series.key.clone());
        self.series.extend(series);
        match (inspected.rejected, inspected.skipped) {
            (Some(dead), _) => *self.reasons.entry(dead.reason.code()).or_default() += 1,
            (None, Some(rule)) => *self.left_out.entry(rule).or_default() += 1,
            (None, None) => {}
        }
    }

    fn text(&self) -> String {
        let points = counted(self.points, "point");
        let mut lines = vec![format!("  {points} of {} series", self.series.len())];
        let left_out = self.left_out.iter();
        lines.extend(left_out.map(|(rule, n)| format!("  {} left out: {rule}", counted(*n, "record"))));
        let reasons = self.reasons.iter();
        lines.extend(reasons.map(|(reason, n)| format!("  {}: {reason}", counted(*n, "dead letter"))));
        lines.join("\n")
    }
}

fn shown(at: usize, inspected: &Inspected) -> String {
    let element = inspected.rejected.as_ref().and_then(|dead| dead.element);
    let element = element.map_or_else(String::new, |at| format!(", element {}", at + 1));
    let mut text = format!("record {at}{element}");
    if let Some(rule) = inspected.skipped {
        return format!("{text}\n  left out: {rule}");
    }
    let lines = became(inspected);
    for line in lines.iter().take(SHOWN) {
        text = format!("{text}\n  {}", printable(line));
    }
    match lines.len().saturating_sub(SHOWN) {
        0 => text,
        more => format!("{text}\n  and {more} more"),
    }
}

/// What a sample holds moves no cursor.
fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(plain).collect()
}
