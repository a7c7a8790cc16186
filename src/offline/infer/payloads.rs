//! Records as they are in Kafka, of a format that is found out by trying.

use std::fmt::Write;

use anyhow::{Result, bail};

use super::cut::refuse_schemas;
use super::sample::{OPENED_MAX, Sample, compression_name, format_name};
use super::table;
use crate::data::LoneRecord;
use crate::decode::{Compression, Csv, Format};
use crate::offline::words::counted;

/// The order in which formats are tried.
const FORMATS: [Format; 5] = [
    Format::Json,
    Format::Ndjson,
    Format::LineProtocol,
    Format::Csv,
    Format::MessagePack,
];

/// A sample of these records.
///
/// # Errors
/// What was tried, and why each of it does not fit.
pub fn sample(records: Vec<LoneRecord>, format: Option<Format>) -> Result<Sample> {
    if records.is_empty() {
        bail!("there are no records to look at");
    }
    let tried: &[Format] = match &format {
        Some(format) => std::slice::from_ref(format),
        None => &FORMATS,
    };
    let mut sample = Sample {
        records,
        ..Sample::plain(Format::Json, Csv::default(), &[], String::new())
    };
    let mut complaints = "the records fit no format; tried:".to_owned();
    // Blocks of snappy have no mark.
    for compression in [Compression::Auto, Compression::Snappy] {
        sample.compression = compression;
        for format in tried {
            sample.format = *format;
            match read(&mut sample) {
                Ok(()) => {
                    sample.told = told(&sample);
                    return Ok(sample);
                }
                Err(why) if compression == Compression::Auto => {
                    write!(complaints, "\n  {}: {why}", format_name(*format))?;
                }
                Err(_) => {}
            }
        }
    }
    refuse_schemas(first(&sample))?;
    bail!("{complaints}")
}

fn first(sample: &Sample) -> &[u8] {
    let payload = sample
        .records
        .first()
        .and_then(|record| record.payload.as_deref());
    payload.unwrap_or_default()
}

fn told(sample: &Sample) -> Vec<String> {
    let mut told = vec![counted(sample.records.len(), "record")];
    match (sample.compression, Compression::of(first(sample))) {
        (Compression::Snappy, _) => told.push("blocks of snappy, which have no mark".to_owned()),
        (_, Compression::None | Compression::Auto) => {}
        (_, found) => told.push(format!(
            "compressed by {}, which compression = \"auto\", the default, opens",
            compression_name(found)
        )),
    }
    told
}

fn read(sample: &mut Sample) -> Result<(), String> {
    if sample.format != Format::Csv {
        return sample.judge();
    }
    let opened = sample.compression.open(first(sample), OPENED_MAX);
    let opened = opened.map_err(|error| error.detail)?.into_owned();
    let mut why = "the first record has a single column".to_owned();
    for csv in table::ways_to_read(&opened) {
        sample.csv = csv;
        match sample.judge() {
            Ok(()) => return Ok(()),
            Err(other) => why = other,
        }
    }
    sample.csv = Csv::default();
    Err(why)
}
