//! `streamsync produce`: a file or standard input to Kafka, with a progress bar.
//!
//! In come CSV rows (the first row names the columns) or lines of JSON; out go records in groups to
//! a callback that sends them and returns when they are acknowledged. NDJSON lines go as they are:
//! what is wrong with one is for the pipeline to say, as a dead letter.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

use crate::data::Series;

/// Records handed to the callback at once.
const GROUP: usize = 1_000;
/// The longest line, in bytes; Kafka's own limit is usually 1 MiB.
const LINE_MAX: u64 = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum InputFormat {
    Csv,
    Ndjson,
}

#[derive(Clone, Debug)]
pub struct Produce {
    /// `None` or `-`: standard input.
    pub file: Option<PathBuf>,
    /// By the file's ending when not given.
    pub format: Option<InputFormat>,
    /// Fields whose values make the Kafka key, so that what belongs together stays in order.
    /// Records that name a `metric` have their series' key in any case.
    pub key_fields: Vec<String>,
    pub progress: bool,
}

/// One record to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub payload: Vec<u8>,
}

/// What was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Produced {
    pub records: u64,
    /// Of the payloads.
    pub bytes: u64,
    pub elapsed: Duration,
}

/// Sends everything; an error names the line it happened at. Reads its input where it runs, so let
/// it have a thread that may wait.
pub async fn produce(
    what: &Produce,
    mut send: impl AsyncFnMut(Vec<Record>) -> Result<()>,
) -> Result<Produced> {
    let began = Instant::now();
    let file = what.file.as_deref().filter(|path| *path != Path::new("-"));
    let format = what.format.map_or_else(|| by_ending(file), Ok)?;
    let bar = bar(file, what.progress);
    let input: Box<dyn Read> = match file {
        Some(path) => Box::new(File::open(path).with_context(|| format!("cannot open {}", path.display()))?),
        None => Box::new(stdin()),
    };
    let input = BufReader::with_capacity(256 * 1024, bar.wrap_read(input));
    let mut records: Box<dyn Iterator<Item = Result<Record>>> = match format {
        InputFormat::Csv => Box::new(csv_records(input, what.key_fields.clone())?),
        InputFormat::Ndjson => Box::new(json_records(input, what.key_fields.clone())),
    };
    let mut produced = Produced::default();
    loop {
        let group: Vec<_> = records.by_ref().take(GROUP).collect::<Result<_>>()?;
        if group.is_empty() {
            break;
        }
        let count = group.len() as u64;
        let bytes: usize = group.iter().map(|record| record.payload.len()).sum();
        send(group)
            .await
            .with_context(|| format!("after {} records", produced.records))?;
        produced.records += count;
        produced.bytes += bytes as u64;
        bar.set_message(HumanCount(produced.records).to_string());
    }
    bar.finish_and_clear();
    produced.elapsed = began.elapsed();
    Ok(produced)
}

fn by_ending(file: Option<&Path>) -> Result<InputFormat> {
    let Some(path) = file else {
        return Ok(InputFormat::Ndjson);
    };
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    match ending.to_ascii_lowercase().as_str() {
        "csv" => Ok(InputFormat::Csv),
        "ndjson" | "jsonl" | "json" => Ok(InputFormat::Ndjson),
        _ => bail!(
            "cannot tell the format of {} by its name: give --format csv or --format ndjson",
            path.display()
        ),
    }
}

/// Bytes read of a file's size; a spinner for what has no size. Nothing when standard error is no
/// terminal.
fn bar(file: Option<&Path>, wanted: bool) -> ProgressBar {
    if !wanted {
        return ProgressBar::hidden();
    }
    let size = file
        .and_then(|path| path.metadata().ok())
        .filter(std::fs::Metadata::is_file);
    let (bar, template) = match size {
        Some(meta) => (
            ProgressBar::new(meta.len()),
            "{bar:40} {percent:>3} %  {msg} records  {bytes_per_sec}  {eta} left",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {msg} records  {bytes}  {bytes_per_sec}",
        ),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn csv_records<R: Read>(input: R, key_fields: Vec<String>) -> Result<impl Iterator<Item = Result<Record>>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let names: Vec<String> = reader
        .headers()
        .context("the first row must name the columns")?
        .iter()
        .map(str::to_owned)
        .collect();
    let rows = reader.into_records().map(move |row| {
        let row = row.map_err(|error| anyhow!("not CSV: {error}"))?;
        let cells = names.iter().zip(&row).filter(|(_, cell)| !cell.is_empty());
        let object: Map<_, _> = cells.map(|(name, cell)| (name.clone(), value(cell))).collect();
        Ok(Record {
            key: key(&object, &key_fields),
            payload: serde_json::to_vec(&object)?,
        })
    });
    Ok(rows)
}

/// A number where JSON would write it so: `007` and `1e999` stay texts.
fn value(cell: &str) -> Value {
    match serde_json::from_str(cell) {
        Ok(Value::Number(number)) => Value::Number(number),
        Ok(Value::Bool(truth)) => Value::Bool(truth),
        _ => Value::String(cell.to_owned()),
    }
}

fn json_records<R: BufRead>(mut input: R, key_fields: Vec<String>) -> impl Iterator<Item = Result<Record>> {
    let mut number = 0_u64;
    std::iter::from_fn(move || {
        loop {
            number += 1;
            let mut line = Vec::new();
            match (&mut input).take(LINE_MAX).read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(read) if read as u64 == LINE_MAX => {
                    return Some(Err(anyhow!("line {number} is longer than {LINE_MAX} bytes")));
                }
                Ok(_) => {}
                Err(error) => {
                    return Some(Err(error).with_context(|| format!("cannot read line {number}")));
                }
            }
            let payload = line.trim_ascii();
            if payload.is_empty() {
                continue;
            }
            let object: Option<Map<_, _>> = serde_json::from_slice(payload).ok();
            return Some(Ok(Record {
                key: object.and_then(|object| key(&object, &key_fields)),
                payload: payload.to_vec(),
            }));
        }
    })
}

/// The canonical key of the series a record names, else `field=value,..` of the key fields.
fn key(object: &Map<String, Value>, fields: &[String]) -> Option<Vec<u8>> {
    if let Some(metric) = object.get("metric").and_then(Value::as_str) {
        let labels = object.get("labels").and_then(Value::as_object);
        let labels = labels.into_iter().flatten();
        let series = Series::new(metric, labels.map(|(name, v)| (name.as_str(), text(v))));
        return Some(series.key.as_bytes().to_vec());
    }
    let parts: Vec<_> = fields
        .iter()
        .filter_map(|name| Some(format!("{name}={}", text(object.get(name)?))))
        .collect();
    (!parts.is_empty()).then(|| parts.join(",").into_bytes())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
