//! `prometheus.WriteRequest`: each series has the texts of its labels.
//!
//! Metadata and exemplars are not read: a sender of this version cannot be told that only they were left out.

use std::ops::Range;

use super::series::{Counts, SAMPLES, Storing, broken, fields, part_of, text};
use crate::data::RecordError;
use crate::decode::Form;

const SERIES: u32 = 1;
const LABELS: u32 = 1;
const HISTOGRAMS: u32 = 4;

pub(super) fn read<'a>(body: &'a [u8], storing: &mut Storing<'_, '_, 'a>) -> Result<(), RecordError> {
    fields(body, 0..body.len(), |field| match (field.number, field.form) {
        (SERIES, _) => series(body, part_of(field)?, storing),
        // Without this, all that it says would be lost.
        (4 | 5, Form::Bytes) => Err(broken(
            "io.prometheus.write.v2.Request, which Content-Type does not say,",
            field.at,
        )),
        _ => Ok(()),
    })
}

fn series<'a>(
    body: &'a [u8],
    part: Range<usize>,
    storing: &mut Storing<'_, '_, 'a>,
) -> Result<(), RecordError> {
    let mut counts = Counts::default();
    storing.begin();
    fields(body, part.clone(), |field| {
        match field.number {
            LABELS => label(body, part_of(field)?, storing)?,
            SAMPLES => counts.samples += 1,
            HISTOGRAMS => counts.histograms += 1,
            _ => {}
        }
        Ok(())
    })?;
    storing.samples(part, counts)
}

fn label<'a>(
    body: &'a [u8],
    part: Range<usize>,
    storing: &mut Storing<'_, '_, 'a>,
) -> Result<(), RecordError> {
    let (mut name, mut value) = (Some(""), Some(""));
    fields(body, part, |field| {
        match field.number {
            1 => name = text(body, part_of(field)?),
            2 => value = text(body, part_of(field)?),
            _ => {}
        }
        Ok(())
    })?;
    storing.label(name, value);
    Ok(())
}
