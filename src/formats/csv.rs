//! CSV after RFC 4180, lines ending in a line feed: a row of names, then one for each row. The
//! labels are JSON text; a missing value is an empty field.

use bytes::Bytes;

use super::text::{Times, labels, number};
use super::{Block, Encode, EncodeError, TimeText};

pub(super) struct Csv {
    times: Times,
    out: Vec<u8>,
}

impl Csv {
    pub fn new(columns: &[String], times: TimeText) -> Self {
        let mut out = b"series,metric,labels,ts".to_vec();
        for column in columns {
            out.push(b',');
            field(column, &mut out);
        }
        out.push(b'\n');
        Self {
            times: Times::new(times, ""),
            out,
        }
    }
}

impl Encode for Csv {
    fn encode(&mut self, blocks: &[Block]) -> Result<Bytes, EncodeError> {
        let out = &mut self.out;
        for block in blocks {
            let mut head = Vec::new();
            for text in [
                &block.series.key,
                &block.series.metric,
                &*labels(&block.series).to_string(),
            ] {
                field(text, &mut head);
                head.push(b',');
            }
            for (row, ts) in block.line.times.iter().enumerate() {
                out.extend_from_slice(&head);
                self.times.write(*ts, out);
                for column in &block.line.columns {
                    out.push(b',');
                    if let Some(value) = column[row] {
                        number(value, out);
                    }
                }
                out.push(b'\n');
            }
        }
        Ok(std::mem::take(out).into())
    }

    fn finish(&mut self) -> Result<Bytes, EncodeError> {
        Ok(std::mem::take(&mut self.out).into())
    }
}

/// Quoted if necessary.
fn field(text: &str, out: &mut Vec<u8>) {
    if text.contains(['"', ',', '\n', '\r']) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}
