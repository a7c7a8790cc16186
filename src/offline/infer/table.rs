//! A file of rows as records of CSV: each row with the row of the names, or on its own.

use std::collections::HashSet;

use super::sample::Sample;
use super::times::Times;
use crate::data::{Decode, Value};
use crate::decode::{Csv, Format};
use crate::offline::words::counted;
use crate::transform::parse_number;

/// Bytes of the names in all records.
const SAMPLE_MAX: usize = 64 << 20;
const COLUMNS_MAX: usize = 1_000;
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// The rows with the delimiter that gives most columns.
pub fn with_some_delimiter(text: &[u8], records_max: usize) -> Result<Sample, String> {
    let mut why = format!("neither , ; | nor a tab gives 2 to {COLUMNS_MAX} columns");
    for csv in ways_to_read(text) {
        let mut sample = rows(text, &csv, records_max);
        if let Err(other) = sample.judge() {
            why = other;
            continue;
        }
        if csv.columns.is_some() {
            let no_names = "the first of them does not look like names";
            sample.told.push(no_names.to_owned());
        }
        return Ok(sample);
    }
    Err(why)
}

/// Delimiters that give more than one column, that with most of them first. Without a first row of names
/// the columns are numbered.
pub fn ways_to_read(text: &[u8]) -> Vec<Csv> {
    let mut ways: Vec<(usize, Csv)> = Vec::new();
    for delimiter in DELIMITERS {
        let csv = Csv {
            delimiter,
            ..Csv::default()
        };
        let Some((first, is_only)) = first_row(text, &csv) else {
            continue;
        };
        let columns = first.len();
        if !(2..=COLUMNS_MAX).contains(&columns) {
            continue;
        }
        let has_names = !is_only && are_names(&first);
        let numbered = || (1..=columns).map(|n| format!("column{n}")).collect();
        let csv = Csv {
            columns: (!has_names).then(numbered),
            ..csv
        };
        ways.push((columns, csv));
    }
    // Stable, so that of two with as many columns the first one stays so.
    ways.sort_by_key(|(columns, _)| std::cmp::Reverse(*columns));
    ways.into_iter().map(|(_, csv)| csv).collect()
}

/// Each row is a record, with the row of the names unless the columns are configured.
pub fn rows(text: &[u8], csv: &Csv, records_max: usize) -> Sample {
    let empty = Sample::plain(Format::Csv, csv.clone(), &[], String::new());
    let parts = empty.reading().parts(text);
    let (names, mut rows) = match (&csv.columns, parts.found.split_first()) {
        (None, Some((names, rows))) => (*names, rows),
        _ => (&b""[..], &*parts.found),
    };
    let mut told = counted(rows.len(), "row");
    if csv.columns.is_none() {
        told.push_str(" below one of names");
    }
    // Each has the names, which may be long.
    let max = records_max.min(SAMPLE_MAX / names.len().max(1));
    if rows.len() > max {
        rows = &rows[..max];
        told = format!("{told}; only the first {max} records");
    }
    let record = |row: &&[u8]| match csv.columns {
        None => [names, &b"\n"[..], row].concat(),
        Some(_) => row.to_vec(),
    };
    let records: Vec<Vec<u8>> = rows.iter().map(record).collect();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let mut sample = Sample::plain(Format::Csv, csv.clone(), &records, told);
    if let Some(error) = parts.stopped {
        sample.told.push(format!("behind them: {}", error.detail));
    }
    sample
}

/// What the fields of the first row hold, read as a row below itself, and whether there are no more rows.
fn first_row(text: &[u8], csv: &Csv) -> Option<(Vec<String>, bool)> {
    let empty = Sample::plain(Format::Csv, csv.clone(), &[], String::new());
    let parts = empty.reading().parts(text);
    let row = *parts.found.first()?;
    let twice = [row, b"\n", row].concat();
    let Ok(Value::List(rows)) = csv.decode(&twice) else {
        return None;
    };
    let Some(Value::Object(row)) = rows.first() else {
        return None;
    };
    let text = |value: &Value<'_>| match value {
        Value::Untyped(text) => text.to_string(),
        _ => String::new(),
    };
    let fields = row.0.iter().map(|(_, value)| text(value)).collect();
    Some((fields, parts.found.len() == 1))
}

fn are_names(row: &[String]) -> bool {
    let mut names = HashSet::new();
    row.iter().all(|text| {
        let mut times = Times::default();
        times.add(&Value::Untyped(text.as_str().into()));
        let is_value = parse_number(text).is_some() || times.best().is_some();
        !text.is_empty() && !is_value && names.insert(text.as_str())
    })
}
