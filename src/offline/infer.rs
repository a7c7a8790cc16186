//! `streamsync infer`: a sample becomes a `[[stream]]`, with a test, to go on from.
//!
//! `cut` and `payloads` make records of the sample, `fields` counts what they hold, `guess` decides what a
//! field is to the points, `trial` tries it, `print` writes it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use tokio::task::spawn_blocking;

use super::running_kafka;
use super::sample_file::{self, SampleFile};
use crate::config::{Config, Overrides, StreamConfig};
use crate::data::{LoneRecord, headers};
use crate::decode::{Compression, Format};
use crate::sources::{Broker, Peek, PeekFrom};

use cut::{BYTES_MAX, Known, RECORDS_MAX};
use print::Named;
use sample::{Sample, Transform};
use trial::{Tried, test_of};

pub mod cut;
mod fields;
mod guess;
mod guessed;
mod metric;
mod names;
mod payloads;
mod print;
mod roles;
mod sample;
mod shells;
mod table;
mod times;
pub mod trial;
#[cfg(test)]
mod tests;

/// For the next record of a topic.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub struct InferArgs {
    /// A file of records, or - [default: standard input]
    #[arg(conflicts_with = "topic")]
    file: Option<PathBuf>,
    /// Take the last records of this topic instead
    #[arg(long)]
    topic: Option<String>,
    /// The stream's name [default: that of the file or topic]
    #[arg(long)]
    name: Option<String>,
    /// The format [default: the one that fits]
    #[arg(long, value_parser = format_named)]
    format: Option<Format>,
    /// A program in VRL for the stream's `transform`
    #[arg(long, value_name = "FILE")]
    transform: Option<PathBuf>,
    /// How many records at the most
    #[arg(long, default_value_t = RECORDS_MAX)]
    limit: usize,
}

fn format_named(name: &str) -> Result<Format, String> {
    let name: StrDeserializer<'_, Error> = name.into_deserializer();
    Format::deserialize(name).map_err(|error| error.to_string())
}

/// The configuration says where Kafka is, and is not needed for a file.
pub async fn run(args: &InferArgs, config: impl FnOnce() -> Result<Config>) -> Result<()> {
    let records_max = args.limit.clamp(1, RECORDS_MAX);
    let (mut sample, source) = match &args.topic {
        Some(topic) => {
            let config = config()?;
            let group = config.kafka.group_id.clone();
            let (_, broker) = running_kafka(config).await?;
            let last = topic.clone();
            let records = spawn_blocking(move || last_records(&broker, &group, &last, records_max)).await??;
            (
                payloads::sample(records, args.format)?,
                format!("the topic {topic}"),
            )
        }
        None => {
            let file = SampleFile::read(args.file.as_deref())?;
            let known = Known {
                format: args.format,
                csv: None,
                compression: Compression::Auto,
                records_max,
                is_cut: file.is_cut,
            };
            (cut::file(&file.bytes, &known)?, file.name)
        }
    };
    sample.transform = args.transform.as_deref().map(Transform::read).transpose()?;
    let name = match (&args.name, &args.topic) {
        (Some(name), _) | (None, Some(name)) => name.clone(),
        (None, None) => sample_file::stream_name(&source),
    };
    let topic = args.topic.clone().filter(|topic| *topic != name);
    let written = written(sample, name, topic, &source)?;
    print!("{}", written.toml);
    eprintln!("{}", written.told);
    Ok(())
}

/// Of all partitions together, without tombstones, and without the stream that they name: it may get
/// another name here.
fn last_records(broker: &Broker, group: &str, topic: &str, most: usize) -> Result<Vec<LoneRecord>> {
    let from = PeekFrom::Last(i64::try_from(most).unwrap_or(i64::MAX));
    let mut peek = Peek::open(broker, group, topic, from)?;
    let (mut records, mut bytes) = (Vec::new(), 0);
    while !peek.is_at_end() && bytes < BYTES_MAX {
        let Some(mut record) = peek.next(PATIENCE)? else {
            break;
        };
        record
            .headers
            .retain(|header| ![headers::STREAM, headers::POINTS].contains(&&*header.name));
        if let Some(payload) = &record.payload {
            bytes += payload.len();
            records.push(record);
        }
    }
    records.sort_by_key(|record| (record.timestamp, record.partition, record.offset));
    let surplus = records.len().saturating_sub(most);
    Ok(records.split_off(surplus))
}

/// A `[[stream]]`, and what becomes of the sample with it.
#[derive(Debug)]
struct Written {
    toml: String,
    told: String,
}

fn written(mut sample: Sample, name: String, topic: Option<String>, source: &str) -> Result<Written> {
    const RECORD_BYTES: usize = 1 << 20;
    let guess = guess::guess(&mut sample).map_err(|why| anyhow!(why))?;
    let sizes = sample
        .records
        .iter()
        .map(|record| record.payload.as_ref().map_or(0, Vec::len));
    let largest = sizes.max().unwrap_or(0);
    let named = Named {
        name,
        topic,
        source: source.to_owned(),
        max_record_bytes: (largest > RECORD_BYTES).then(|| largest.next_power_of_two()),
    };
    let mut toml = print::stream(&named, &sample, &guess, &[])?;
    let stream = checked(&toml)?;
    let tried = Tried::on(&stream, &sample)?;
    if tried.points == 0 {
        bail!(
            "the guess gives no points: {}",
            tried.first_dead.unwrap_or_default()
        );
    }
    if let Some(at) = tried.example
        && let Some(test) = test_of(&stream, &sample, at)?
    {
        toml = print::stream(&named, &sample, &guess, &[test])?;
        checked(&toml)?;
    }
    Ok(Written {
        toml,
        told: tried.told(),
    })
}

/// As `check` sees it.
fn checked(toml: &str) -> Result<StreamConfig> {
    let config = Config::from_text(toml, &Overrides::default()).context("this guess cannot be used")?;
    config.streams.into_iter().next().context("no stream")
}
