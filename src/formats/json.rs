//! One JSON object: `{"columns": ["ts", ..], "series": [{"series", "metric", "labels", "points":
//! [[ts, ..], ..]}, ..]}`. Each series occurs once, even if it comes in several blocks.

use bytes::Bytes;

use super::text::{Times, fields, number_or_null};
use super::{Block, Encode, EncodeError, TimeText};

pub(super) struct Json {
    times: Times,
    out: Vec<u8>,
    /// The key of the series whose points are being written.
    open: Option<Box<str>>,
}

impl Json {
    pub fn new(columns: &[String], times: TimeText) -> Self {
        let names: Vec<&str> = ["ts"]
            .into_iter()
            .chain(columns.iter().map(String::as_str))
            .collect();
        let names = serde_json::Value::from(names);
        Self {
            times: Times::new(times, "\""),
            out: format!("{{\"columns\":{names},\"series\":[").into_bytes(),
            open: None,
        }
    }

    fn block(&mut self, block: &Block) {
        let mut between = ",";
        if self.open.as_deref() != Some(&*block.series.key) {
            if self.open.is_some() {
                self.out.extend_from_slice(b"]},");
            }
            let head = format!("{{{},\"points\":[", fields(&block.series));
            self.out.extend_from_slice(head.as_bytes());
            self.open = Some(block.series.key.clone());
            between = "";
        }
        for (row, ts) in block.line.times.iter().enumerate() {
            self.out.extend_from_slice(between.as_bytes());
            between = ",";
            self.out.push(b'[');
            self.times.write(*ts, &mut self.out);
            for column in &block.line.columns {
                self.out.push(b',');
                number_or_null(column[row], &mut self.out);
            }
            self.out.push(b']');
        }
    }
}

impl Encode for Json {
    fn encode(&mut self, blocks: &[Block]) -> Result<Bytes, EncodeError> {
        for block in blocks.iter().filter(|block| !block.line.is_empty()) {
            self.block(block);
        }
        Ok(std::mem::take(&mut self.out).into())
    }

    fn finish(&mut self) -> Result<Bytes, EncodeError> {
        if self.open.take().is_some() {
            self.out.extend_from_slice(b"]}");
        }
        self.out.extend_from_slice(b"]}\n");
        Ok(std::mem::take(&mut self.out).into())
    }
}
