//! A part of a batch's records with its offsets: what one transaction writes.
//!
//! Usually the whole batch. When Postgres rejects its data, halves of it, until the bad record is
//! alone.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::data::{Batch, Point, Rejected};

/// Records that will be dead letters, by index into `raw.records`.
pub(super) type Rejects = BTreeMap<u32, Rejected>;

/// Offsets `from..to` of one range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub from: i64,
    pub to: i64,
}

#[derive(Debug)]
pub(super) struct Part {
    pub records: Range<usize>,
    /// By index into `raw.ranges`; `None` where this part holds nothing of the range.
    pub spans: Vec<Option<Span>>,
}

impl Part {
    pub fn whole(batch: &Batch) -> Self {
        let span = |range: &crate::data::OffsetRange| {
            Some(Span {
                from: range.from,
                to: range.to,
            })
        };
        Self {
            records: 0..batch.raw.records.len(),
            spans: batch.raw.ranges.iter().map(span).collect(),
        }
    }

    /// The first and the second half of the records; `None` when one record is left. Within a
    /// range the second half begins at the offset of its first record.
    pub fn halves(&self, batch: &Batch) -> Option<(Self, Self)> {
        if self.records.len() < 2 {
            return None;
        }
        let middle = self.records.start + self.records.len() / 2;
        let mut first = self.spans.clone();
        let mut second = vec![None; self.spans.len()];
        for record in batch.raw.records[middle..self.records.end].iter().rev() {
            let range = record.range as usize;
            if let Some(span) = self.spans[range] {
                second[range] = Some(Span {
                    from: record.offset,
                    to: span.to,
                });
                first[range] = Some(Span {
                    from: span.from,
                    to: record.offset,
                });
            }
        }
        // A range whose records all lie in the second half is its alone, gap before it included.
        let has_first = |range: usize| {
            batch.raw.records[self.records.start..middle]
                .iter()
                .any(|record| record.range as usize == range)
        };
        for range in 0..first.len() {
            if second[range].is_some() && !has_first(range) {
                second[range] = self.spans[range];
                first[range] = None;
            }
        }
        let part = |records, spans| Self { records, spans };
        Some((
            part(self.records.start..middle, first),
            part(middle..self.records.end, second),
        ))
    }

    pub fn points<'a>(&self, batch: &'a Batch) -> &'a [Point] {
        let at = |record: usize| {
            batch
                .points
                .partition_point(|point| (point.record as usize) < record)
        };
        &batch.points[at(self.records.start)..at(self.records.end)]
    }
}
