//! A file as records of a format, which is found out by trying or known.

use std::borrow::Cow;
use std::fmt::Write;

use anyhow::{Result, bail};

use super::sample::{OPENED_MAX, Sample, compression_name, format_name};
use super::table;
use crate::data::RecordError;
use crate::decode::{Compression, Csv, Format};
use crate::offline::words::counted;

/// Bytes of a file that are looked at.
pub const BYTES_MAX: usize = 8 << 20;
pub const RECORDS_MAX: usize = 10_000;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The order in which formats are tried.
const FORMATS: [Format; 4] = [
    Format::Json,
    Format::LineProtocol,
    Format::Csv,
    Format::MessagePack,
];

/// What is known of a file before.
#[derive(Debug)]
pub struct Known<'k> {
    /// Unset: what fits.
    pub format: Option<Format>,
    /// That of a stream whose records these are, good ones or not.
    pub csv: Option<&'k Csv>,
    pub compression: Compression,
    /// More records are left out.
    pub records_max: usize,
    /// The file goes on behind these bytes.
    pub is_cut: bool,
}

/// The records of a file.
///
/// # Errors
/// What was tried, and why each of it does not fit.
pub fn file(bytes: &[u8], known: &Known<'_>) -> Result<Sample> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        bail!("the sample is empty");
    }
    let mut told = Vec::new();
    let opened = open(bytes, known, &mut told)?;
    let mut text = &*opened;
    if let Some(behind) = text.strip_prefix(BYTE_ORDER_MARK) {
        told.push("without the byte order mark (BOM) at its beginning".to_owned());
        text = behind;
    }
    let is_cut = known.is_cut || text.len() > BYTES_MAX;
    if is_cut {
        text = whole_lines(&text[..text.len().min(BYTES_MAX)]);
        told.push(format!("only the first {} MiB", BYTES_MAX >> 20));
    }
    let cut = Cut { text, known, is_cut };
    let mut sample = match (known.format, known.csv) {
        (Some(format), Some(csv)) => cut.of_stream(format, csv),
        (Some(format), None) => cut.tried(&[format])?,
        (None, _) => match cut.tried(&FORMATS) {
            Ok(sample) => sample,
            Err(complaints) => match block_of_snappy(bytes, known) {
                Some(sample) if told.is_empty() => sample,
                _ => {
                    refuse_schemas(text)?;
                    return Err(complaints);
                }
            },
        },
    };
    sample.told.extend(told);
    Ok(sample)
}

/// One record, as blocks of snappy have no mark.
fn block_of_snappy(bytes: &[u8], known: &Known<'_>) -> Option<Sample> {
    let opened = Compression::Snappy.open(bytes, OPENED_MAX).ok()?;
    let cut = Cut {
        text: &opened,
        known,
        is_cut: false,
    };
    let sample = cut.tried(&FORMATS).ok()?;
    let told = "one record, a block of snappy, which has no mark".to_owned();
    Some(Sample {
        compression: Compression::Snappy,
        ..Sample::plain(sample.format, sample.csv, &[bytes], told)
    })
}

fn open<'b>(bytes: &'b [u8], known: &Known<'_>, told: &mut Vec<String>) -> Result<Cow<'b, [u8]>> {
    let found = match known.compression {
        Compression::Auto => Compression::of(bytes),
        set => set,
    };
    if matches!(found, Compression::Auto | Compression::None) {
        return Ok(Cow::Borrowed(bytes));
    }
    let name = compression_name(found);
    if known.is_cut {
        bail!("a sample that is {name} may have at most {} MiB", BYTES_MAX >> 20);
    }
    told.push(format!(
        "compressed by {name}, which compression = \"auto\", the default, opens"
    ));
    match found.open(bytes, OPENED_MAX) {
        Ok(opened) => Ok(Cow::Owned(opened.into_owned())),
        Err(error) => bail!("{}", error.detail),
    }
}

/// Formats that need a schema have a mark.
pub fn refuse_schemas(bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(b"Obj\x01") {
        bail!("the sample is an Avro object container file; give records as they are in Kafka");
    }
    if let [0, id @ ..] = bytes
        && let Some((id, _)) = id.split_first_chunk::<4>()
    {
        let id = u32::from_be_bytes(*id);
        bail!(
            "the sample begins as records of a schema registry do, with schema id {id}: its format is \"avro\" or \
             \"protobuf\", with [schema_registry]; `streamsync tap --stage decoded` shows the fields of such a stream"
        );
    }
    Ok(())
}

/// Of a text the lines that are there as a whole.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let is_text = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    match bytes.iter().rposition(|byte| *byte == b'\n').filter(|_| is_text) {
        Some(end) => &bytes[..=end],
        None => bytes,
    }
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).collect()
}

/// A text to be cut into records.
#[derive(Clone, Copy)]
struct Cut<'c> {
    text: &'c [u8],
    known: &'c Known<'c>,
    is_cut: bool,
}

impl Cut<'_> {
    fn tried(self, formats: &[Format]) -> Result<Sample> {
        let mut complaints = "the sample fits no format; tried:".to_owned();
        for format in formats {
            let cut = match format {
                Format::Json | Format::Ndjson => self.json(*format),
                Format::Csv => table::with_some_delimiter(self.text, self.known.records_max),
                _ => self.values(*format),
            };
            match cut {
                Ok(sample) => return Ok(sample),
                Err(why) => write!(complaints, "\n  {}: {why}", format_name(*format))?,
            }
        }
        bail!("{complaints}")
    }

    /// Also what is none of this format: it becomes a dead letter.
    fn of_stream(self, format: Format, csv: &Csv) -> Sample {
        match format {
            Format::Csv => table::rows(self.text, csv, self.known.records_max),
            Format::LineProtocol => self.of_parts(lines(self.text), format, "lines"),
            Format::Json | Format::Ndjson => match self.json(format) {
                Ok(sample) => sample,
                Err(_) => self.of_parts(lines(self.text), format, "lines"),
            },
            _ => {
                let sample = Sample::plain(format, csv.clone(), &[], String::new());
                let mut parts = sample.reading().parts(self.text);
                if parts.stopped.is_some() {
                    let read: usize = parts.found.iter().map(|part| part.len()).sum();
                    parts.found.push(self.text.get(read..).unwrap_or_default());
                }
                self.of_parts(parts.found, format, "values")
            }
        }
    }

    /// Each line is a record if nearly all of them are JSON; else each value is.
    fn json(self, format: Format) -> Result<Sample, String> {
        let lines = lines(self.text);
        let is_one_array = matches!(&*lines, [line] if line.starts_with(b"["));
        if !is_one_array {
            let sample = match lines.len() {
                1 => self.of_parts(lines, format, "one JSON value"),
                _ => self.of_parts(lines, format, "lines, each a JSON value"),
            };
            if sample.judge().is_ok() {
                return Ok(sample);
            }
        }
        self.values(format)
    }

    fn values(self, format: Format) -> Result<Sample, String> {
        let empty = Sample::plain(format, Csv::default(), &[], String::new());
        let parts = empty.reading().parts(self.text);
        let n = parts.found.len();
        let is_json = matches!(format, Format::Json | Format::Ndjson);
        let what = match format {
            _ if is_json && self.text.trim_ascii().starts_with(b"[") => {
                "elements of a JSON array, each taken as a record"
            }
            _ if is_json && n == 1 => "one JSON value",
            _ if is_json => "JSON values",
            Format::LineProtocol => "lines",
            _ => "values",
        };
        let mut sample = self.of_parts(parts.found, format, what);
        if let Some(RecordError { detail, .. }) = parts.stopped.filter(|_| !self.is_cut) {
            // One of many may be damaged; the first one says that it is another format.
            if n < 10 {
                return Err(detail);
            }
            sample.told.push(format!("behind them: {detail}"));
        }
        sample.judge()?;
        Ok(sample)
    }

    fn of_parts(self, mut parts: Vec<&[u8]>, format: Format, what: &str) -> Sample {
        let (n, max) = (parts.len(), self.known.records_max);
        parts.truncate(max);
        let told = match what.strip_prefix("one ") {
            Some(_) => what.to_owned(),
            None if n == 1 => counted(n, "record"),
            None => format!("{n} {what}"),
        };
        let mut sample = Sample::plain(format, Csv::default(), &parts, told);
        if n > max {
            sample.told.push(format!("only the first {max} records"));
        }
        sample
    }
}
