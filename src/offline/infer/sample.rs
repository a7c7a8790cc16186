//! Records to learn from, and how to read them.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::data::{Decode, LoneRecord, Micros, Object, RecordError};
use crate::decode::{Compression, Csv, Format, Reading};
use crate::transform::{Origin, Program, ProgramFile, ProgramText};

/// Bytes of a record or a file when it is not compressed.
pub const OPENED_MAX: usize = 64 << 20;

/// A program that the records go through, and its file.
#[derive(Debug)]
pub struct Transform {
    pub file: PathBuf,
    pub program: Program,
}

#[derive(Debug)]
pub struct Sample {
    pub format: Format,
    pub compression: Compression,
    pub csv: Csv,
    pub transform: Option<Transform>,
    pub records: Vec<LoneRecord>,
    /// What the format was recognized by, and what was left away.
    pub told: Vec<String>,
}

impl Transform {
    /// # Errors
    /// All mistakes of the program, or why the file cannot be read.
    pub fn read(file: &Path) -> Result<Self> {
        let text = ProgramText::File(ProgramFile {
            file: file.to_owned(),
        });
        let program = Program::of(&text).map_err(|mistakes| anyhow!(mistakes.join("\n")))?;
        let file = file.to_owned();
        Ok(Self { file, program })
    }
}

impl Sample {
    pub fn reading(&self) -> Reading<'_> {
        Reading {
            format: self.format,
            compression: self.compression,
            limit: OPENED_MAX,
            csv: &self.csv,
            schema: None,
            registry: None,
        }
    }

    pub fn plain(format: Format, csv: Csv, records: &[&[u8]], told: String) -> Self {
        let now = now();
        let record = |payload: &&[u8]| LoneRecord {
            timestamp: now,
            payload: Some(payload.to_vec()),
            ..LoneRecord::default()
        };
        Self {
            format,
            compression: Compression::Auto,
            csv,
            transform: None,
            records: records.iter().map(record).collect(),
            told: vec![told],
        }
    }

    /// Whether nearly all records are objects of this format.
    ///
    /// # Errors
    /// Why not, as said of the first that is none.
    pub fn judge(&self) -> Result<(), String> {
        let opener = self.reading().opener()?;
        let read = |record: &LoneRecord| {
            let payload = record.payload.as_deref().unwrap_or_default();
            let opened = opener.open(payload, &record.headers)?;
            let value = opened.decode()?;
            let fields: usize = value.objects().map(|object| object.0.len()).sum();
            Ok::<_, RecordError>((fields > 0, value.kind()))
        };
        let mut why = None;
        let mut good = 0;
        for record in &self.records {
            match read(record) {
                Ok((true, _)) => good += 1,
                Ok((false, kind)) => {
                    why.get_or_insert_with(|| format!("expected an object with fields, found {kind}"));
                }
                Err(error) => {
                    why.get_or_insert(error.detail);
                }
            }
        }
        match good > 0 && good * 10 >= self.records.len() * 9 {
            true => Ok(()),
            false => Err(why.unwrap_or_else(|| "no records".to_owned())),
        }
    }

    /// Calls `each` with every object of the records that can be read.
    pub fn decoded(&self, each: &mut dyn FnMut(&Object<'_>, Origin<'_>, &dyn Decode)) {
        let Ok(opener) = self.reading().opener() else {
            return;
        };
        for record in &self.records {
            let origin = Origin::of(record);
            let payload = record.payload.as_deref().unwrap_or_default();
            let Ok(opened) = opener.open(payload, &record.headers) else {
                continue;
            };
            let Ok(value) = opened.decode() else {
                continue;
            };
            let mut program = self
                .transform
                .as_ref()
                .map(|of| of.program.begin(payload.len(), origin));
            for object in value.objects() {
                let mut each = |object: &Object<'_>| {
                    each(object, origin, &*opened.decoder);
                    Ok(())
                };
                // Those that it fails on are told when the guess is tried.
                let _ = match &mut program {
                    Some(program) => program.objects(object, &mut each).map(|_| ()),
                    None => each(object),
                };
            }
        }
    }
}

/// In whole seconds: stands for a timestamp in Kafka that nothing says.
pub fn now() -> Micros {
    Micros(Micros::now().0 / 1_000_000 * 1_000_000)
}

/// As the configuration has it.
pub const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Ndjson => "ndjson",
        Format::Csv => "csv",
        Format::LineProtocol => "line-protocol",
        Format::MessagePack => "messagepack",
        Format::Avro => "avro",
        Format::Protobuf => "protobuf",
    }
}

pub const fn compression_name(compression: Compression) -> &'static str {
    match compression {
        Compression::Auto => "auto",
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
    }
}
