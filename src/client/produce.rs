//! `streamsync produce`: a file or standard input to Kafka, with a progress bar.
//!
//! Reads CSV rows (the first row names the columns) or lines of JSON, and passes groups of records
//! to a callback that returns when they are acknowledged. NDJSON lines are sent unchanged: the
//! pipeline reports an invalid one as a dead letter.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use indicatif::{HumanCount, ProgressBar};

use super::progress;
use crate::data::{Decode, Series, Value};
use crate::decode::Json;
use crate::offline::words::counted;
use crate::transform::label_text;

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
    /// By the file's ending if `None`.
    pub format: Option<InputFormat>,
    /// Fields whose values make the Kafka key, so that records that belong together stay in order.
    /// Records that name a `metric` always have their series' key.
    pub key_fields: Vec<String>,
    /// Columns of a CSV file whose cells are always texts.
    pub label_fields: Vec<String>,
    /// Columns whose cells may be numbers: the time and the values.
    pub number_fields: Vec<String>,
    pub progress: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub payload: Vec<u8>,
}

/// How much was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Produced {
    pub records: u64,
    /// Of the payloads.
    pub bytes: u64,
    pub elapsed: Duration,
}

/// Sends everything; an error names its line. It reads the input in its own thread, which must be one
/// that may block.
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
        InputFormat::Csv => Box::new(csv_records(input, what)?),
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
            .with_context(|| format!("after {}", counted(produced.records as usize, "record")))?;
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

/// The progress in a file, or a spinner for input without a size. Hidden unless `wanted`.
fn bar(file: Option<&Path>, wanted: bool) -> ProgressBar {
    let meta = file.and_then(|path| path.metadata().ok());
    let size = meta.filter(std::fs::Metadata::is_file).map(|meta| meta.len());
    let template = match size {
        Some(_) => "{wide_bar} {percent:>3} %  {msg} records  {bytes_per_sec}  {eta} left",
        None => "{spinner} {msg} records  {bytes}  {bytes_per_sec}",
    };
    progress::bar(wanted, size, template)
}

fn csv_records<R: Read>(input: R, what: &Produce) -> Result<impl Iterator<Item = Result<Record>>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .from_reader(input);
    let names = reader.headers().context("the first row must name the columns")?;
    let columns: Vec<Column> = names.iter().map(|name| Column::new(name, what)).collect();
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].iter().any(|other| other.name == column.name) {
            bail!("two columns are named '{}'", column.name);
        }
    }
    let key_fields = what.key_fields.clone();
    let rows = reader.into_records().map(move |row| {
        let row = row.map_err(|error| anyhow!("not CSV: {error}"))?;
        let cells = columns.iter().zip(&row);
        let mut payload = String::from("{");
        for (column, cell) in cells.filter(|(_, cell)| !cell.trim().is_empty()) {
            if payload.len() > 1 {
                payload.push(',');
            }
            payload.push_str(&serde_json::to_string(&column.name)?);
            payload.push(':');
            payload.push_str(&column.json(cell)?);
        }
        payload.push('}');
        Ok(Record {
            key: key(payload.as_bytes(), &key_fields),
            payload: payload.into_bytes(),
        })
    });
    Ok(rows)
}

struct Column {
    name: String,
    holds: Cells,
}

/// How the stream uses a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cells {
    /// A label is exactly its cell.
    Labels,
    /// A value or the time: numbers are sent as they are written.
    Numbers,
    /// The labels of a record that names its metric, as an export writes them.
    Object,
    /// Not used now: numbers are sent as such if the label would be the same text.
    Unread,
}

impl Column {
    fn new(name: &str, what: &Produce) -> Self {
        let is_in = |list: &[String]| list.iter().any(|field| field == name);
        let holds = match name {
            _ if is_in(&what.label_fields) || name == "metric" => Cells::Labels,
            _ if is_in(&what.number_fields) => Cells::Numbers,
            "labels" => Cells::Object,
            _ => Cells::Unread,
        };
        Self {
            name: name.to_owned(),
            holds,
        }
    }

    fn json(&self, cell: &str) -> Result<String> {
        let trimmed = cell.trim();
        let unsigned = trimmed.strip_prefix('-').unwrap_or(trimmed);
        // Excludes numbers that only the server's decoder accepts, such as -Infinity.
        let is_json = unsigned.starts_with(|first: char| first.is_ascii_digit() || "{tf".contains(first));
        let value = Json.decode(trimmed.as_bytes()).ok().filter(|_| is_json);
        let plain = match (self.holds, value) {
            (Cells::Labels, _) | (_, None) => false,
            (Cells::Object, Some(value)) => matches!(value, Value::Object(_)),
            (Cells::Numbers, Some(value)) => is_scalar(&value),
            (Cells::Unread, Some(value)) => {
                is_scalar(&value) && label_text(&self.name, &value).is_ok_and(|label| label == cell)
            }
        };
        Ok(match plain {
            true => trimmed.to_owned(),
            false => serde_json::to_string(cell)?,
        })
    }
}

const fn is_scalar(value: &Value<'_>) -> bool {
    matches!(
        value,
        Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_)
    )
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
            return Some(Ok(Record {
                key: key(payload, &key_fields),
                payload: payload.to_vec(),
            }));
        }
    })
}

/// The canonical key of the series a record names, else `field=value,..` of the key fields.
fn key(payload: &[u8], fields: &[String]) -> Option<Vec<u8>> {
    let Ok(Value::Object(object)) = Json.decode(payload) else {
        return None;
    };
    let text = |name: &str, value| label_text(name, value).ok().map(Cow::into_owned);
    if let Some(Value::Text(metric)) = object.get("metric") {
        let labels = match object.get("labels") {
            Some(Value::Object(labels)) => &labels.0[..],
            _ => &[],
        };
        let labels = labels
            .iter()
            .filter_map(|(name, value)| Some((&**name, text(name, value)?)));
        let series = Series::new(&**metric, labels.filter(|(_, value)| !value.is_empty()));
        return Some(series.key.as_bytes().to_vec());
    }
    let parts: Vec<_> = fields
        .iter()
        .filter_map(|name| Some(format!("{name}={}", text(name, object.get(name)?)?)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(",").into_bytes())
}
