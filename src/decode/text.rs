//! What decoders of texts share: UTF-8, places for messages, how deep a record may be nested.

use crate::data::{Reason, RecordError};

/// Arrays and objects inside each other; deeper records are refused.
pub(super) const DEPTH_MAX: usize = 128;

pub(super) fn too_deep(place: &str) -> RecordError {
    let detail = format!("arrays and objects are nested deeper than {DEPTH_MAX} at {place}");
    RecordError::new(Reason::TooDeep, detail)
}

/// The record as a text; `reason` if it is none.
pub(super) fn utf8(payload: &[u8], reason: Reason) -> Result<&str, RecordError> {
    let refused = |detail: String| Err(RecordError::new(reason, detail));
    match std::str::from_utf8(payload) {
        Ok(text) if text.starts_with('\u{feff}') => {
            refused("the record begins with a byte order mark (BOM); write UTF-8 without one".to_owned())
        }
        Ok(text) => Ok(text),
        Err(_) if payload.starts_with(b"\xff\xfe") || payload.starts_with(b"\xfe\xff") => {
            refused("the record begins with a byte order mark (BOM) of UTF-16; write UTF-8".to_owned())
        }
        Err(error) => {
            let valid = error.valid_up_to();
            refused(format!(
                "the record is not UTF-8: expected a character, found the byte {:#04x} at {}",
                payload[valid],
                place(&payload[..valid])
            ))
        }
    }
}

/// Where what follows these bytes stands; columns are counted in bytes.
pub(super) fn place(before: &[u8]) -> String {
    place_behind(0, before)
}

/// The same after so many lines.
pub(super) fn place_behind(lines: usize, before: &[u8]) -> String {
    let line_ends = before.iter().filter(|byte| **byte == b'\n').count();
    let in_line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    format!("line {} column {}", lines + line_ends + 1, in_line.len() + 1)
}
