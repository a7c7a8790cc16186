//! One JSON object a row: `{"series", "metric", "labels", "ts", ..values by name}`.

use bytes::Bytes;

use super::text::{Times, fields, number_or_null};
use super::{Block, Encode, EncodeError, TimeText};

pub(super) struct Ndjson {
    times: Times,
    /// `,"name":` of each value.
    names: Vec<Vec<u8>>,
}

impl Ndjson {
    pub fn new(columns: &[String], times: TimeText) -> Self {
        let name = |name: &String| format!(",{}:", serde_json::Value::from(name.as_str()));
        Self {
            times: Times::new(times, "\""),
            names: columns.iter().map(|column| name(column).into_bytes()).collect(),
        }
    }
}

impl Encode for Ndjson {
    fn encode(&mut self, blocks: &[Block]) -> Result<Bytes, EncodeError> {
        let mut out = Vec::new();
        for block in blocks {
            let head = format!("{{{},\"ts\":", fields(&block.series));
            for (row, ts) in block.line.times.iter().enumerate() {
                out.extend_from_slice(head.as_bytes());
                self.times.write(*ts, &mut out);
                for (name, column) in self.names.iter().zip(&block.line.columns) {
                    out.extend_from_slice(name);
                    number_or_null(column[row], &mut out);
                }
                out.extend_from_slice(b"}\n");
            }
        }
        Ok(out.into())
    }

    fn finish(&mut self) -> Result<Bytes, EncodeError> {
        Ok(Bytes::new())
    }
}
