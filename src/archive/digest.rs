//! A checksum over points in their order, the same for what Postgres had and what a file holds.

use std::fmt;
use std::fmt::Write;
use std::sync::Arc;

use openssl::sha::Sha256;

use crate::store::archive::{ArchivedPoint, ArchivedSeries};

#[derive(Default)]
pub struct Digest {
    hash: Sha256,
    rows: u64,
    last: Option<Arc<ArchivedSeries>>,
    buffer: Vec<u8>,
}

/// The number of rows and their checksum.
#[derive(Debug, PartialEq, Eq)]
pub struct Sum {
    pub rows: u64,
    /// `sha256:` and 64 hexadecimal digits.
    pub checksum: String,
}

impl Digest {
    pub fn add(&mut self, points: &[ArchivedPoint]) {
        for point in points {
            if self.last.as_ref() != Some(&point.of) {
                self.series(&point.of);
                self.last = Some(Arc::clone(&point.of));
            }
            // No series' length begins like this.
            self.buffer.extend(u64::MAX.to_le_bytes());
            self.buffer.extend(point.ts.0.to_le_bytes());
            self.buffer.extend(point.value.to_bits().to_le_bytes());
            self.buffer.extend(point.partition_id.to_le_bytes());
            self.buffer.extend(point.offset.to_le_bytes());
            self.buffer.extend(point.recorded_at.0.to_le_bytes());
        }
        self.hash.update(&self.buffer);
        self.buffer.clear();
        self.rows += points.len() as u64;
    }

    pub fn finish(self) -> Sum {
        let mut checksum = String::from("sha256:");
        for byte in self.hash.finish() {
            // Writing into a String cannot fail.
            let _ = write!(checksum, "{byte:02x}");
        }
        Sum {
            rows: self.rows,
            checksum,
        }
    }

    fn series(&mut self, of: &ArchivedSeries) {
        let labels = of.series.labels_json();
        for text in [&*of.stream, &*of.series.metric, &*labels] {
            self.buffer.extend((text.len() as u64).to_le_bytes());
            self.buffer.extend(text.as_bytes());
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows with {}", self.rows, self.checksum)
    }
}
