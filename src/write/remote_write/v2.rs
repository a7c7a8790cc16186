//! `io.prometheus.write.v2.Request`: the texts stand once in a table of symbols, which series refer to.
//!
//! Metadata and the times at which counters were created are not read.

use std::ops::Range;

use super::series::{Counts, SAMPLES, Storing, broken, fields, part_of, text, wrong_form};
use crate::data::RecordError;
use crate::decode::{Form, Wire};

const SYMBOLS: u32 = 4;
const SERIES: u32 = 5;
const LABELS: u32 = 1;
const HISTOGRAMS: u32 = 3;
const EXEMPLARS: u32 = 4;

/// Symbols are distinct texts, so that most take more bytes than this. It bounds the memory of the table.
const SYMBOL_BYTES: usize = 4;
const SYMBOLS_AT_LEAST: usize = 20_000;

/// `None` where a text is not UTF-8.
type Symbols<'a> = Vec<Option<&'a str>>;

pub(super) fn read<'a>(body: &'a [u8], storing: &mut Storing<'_, '_, 'a>) -> Result<(), RecordError> {
    let symbols = symbols(body)?;
    fields(body, 0..body.len(), |field| match (field.number, field.form) {
        (SERIES, _) => series(body, part_of(field)?, &symbols, storing),
        // Without this, all that it says would be lost.
        (1..=3, Form::Bytes) => Err(broken(
            "prometheus.WriteRequest, which Content-Type does not say,",
            field.at,
        )),
        _ => Ok(()),
    })
}

/// Counted first: the table takes no more memory than it has to.
fn symbols(body: &[u8]) -> Result<Symbols<'_>, RecordError> {
    let mut count = 0;
    fields(body, 0..body.len(), |field| {
        count += usize::from(field.number == SYMBOLS);
        Ok(())
    })?;
    if count > SYMBOLS_AT_LEAST + body.len() / SYMBOL_BYTES {
        return Err(broken("more symbols than there can be distinct ones", 0));
    }
    let mut symbols = Vec::with_capacity(count);
    fields(body, 0..body.len(), |field| {
        if field.number == SYMBOLS {
            symbols.push(text(body, part_of(field)?));
        }
        Ok(())
    })?;
    Ok(symbols)
}

fn series<'a>(
    body: &'a [u8],
    part: Range<usize>,
    symbols: &Symbols<'a>,
    storing: &mut Storing<'_, '_, 'a>,
) -> Result<(), RecordError> {
    let mut counts = Counts::default();
    // A name whose value is yet to come.
    let mut name = None;
    storing.begin();
    let mut refer = |to: u64, at: usize, storing: &mut Storing<'_, '_, 'a>| {
        let symbol = usize::try_from(to).ok().and_then(|to| symbols.get(to));
        let symbol = *symbol.ok_or_else(|| broken("a reference to a symbol that is not there", at))?;
        match name.take() {
            None => name = Some(symbol),
            Some(name) => storing.label(name, symbol),
        }
        Ok(())
    };
    fields(body, part.clone(), |field| {
        match (field.number, field.form) {
            (LABELS, Form::Varint) => refer(field.bits, field.at, storing)?,
            (LABELS, Form::Bytes) => {
                let mut wire = Wire::new(body, field.range());
                while !wire.is_done() {
                    let to = wire.varint().map_err(|fault| broken(fault.found(), field.at))?;
                    refer(to, field.at, storing)?;
                }
            }
            (LABELS, _) => return Err(wrong_form(field)),
            (SAMPLES, _) => counts.samples += 1,
            (HISTOGRAMS, _) => counts.histograms += 1,
            (EXEMPLARS, _) => counts.exemplars += 1,
            _ => {}
        }
        Ok(())
    })?;
    if name.is_some() {
        return Err(broken("a label without a value in a series", part.start));
    }
    storing.samples(part, counts)
}
