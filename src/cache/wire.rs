//! A committed batch as bytes between nodes: little-endian, counted lists, one version byte, and at
//! the end a tag that only a node of the same installation can make.
//!
//! Nodes of another version drop what they cannot read; the tail reader brings it. Nothing is parsed
//! whose tag is not ours.

use std::sync::Arc;

use crate::data::installation::{Purpose, TAG};
use crate::data::stored::Range;
use crate::data::{Installation, Micros, Series, Stored, StoredPoint, StoredSeries};

const VERSION: u8 = 2;

pub(super) type NodeId = u64;

/// Redis drops subscribers that are 8 MiB behind for a minute; a batch larger than this many bytes
/// is left to Postgres.
pub(super) const MESSAGE_MAX: usize = 4 * 1024 * 1024;

/// `None` for a batch that is too large.
pub(super) fn encode(installation: &Installation, node: NodeId, stored: &Stored) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(64 + TAG + stored.series.len() * 96 + stored.points.len() * 32);
    out.push(VERSION);
    out.extend(node.to_le_bytes());
    put_count(&mut out, stored.ranges.len());
    for range in &stored.ranges {
        out.extend(range.partition_id.to_le_bytes());
        out.extend(range.from.to_le_bytes());
        out.extend(range.to.to_le_bytes());
    }
    put_count(&mut out, stored.series.len());
    for entry in &stored.series {
        out.extend(entry.id.to_le_bytes());
        put_text(&mut out, &entry.series.metric);
        put_count(&mut out, entry.series.labels.len());
        for (name, value) in &entry.series.labels {
            put_text(&mut out, name);
            put_text(&mut out, value);
        }
    }
    put_count(&mut out, stored.points.len());
    for point in &stored.points {
        out.extend(point.series.to_le_bytes());
        out.extend(point.ts.0.to_le_bytes());
        out.extend(point.value.to_le_bytes());
        out.extend(point.partition_id.to_le_bytes());
        out.extend(point.offset.to_le_bytes());
    }
    if out.len() + TAG > MESSAGE_MAX {
        return None;
    }
    let tag = installation.tag(Purpose::Batch, &out);
    out.extend(tag);
    Some(out)
}

/// `None` for bytes that are not a batch of this version and this installation.
pub(super) fn decode(installation: &Installation, bytes: &[u8]) -> Option<(NodeId, Stored)> {
    if bytes.len() > MESSAGE_MAX || bytes.first() != Some(&VERSION) {
        return None;
    }
    let (message, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
    if !installation.made(Purpose::Batch, message, tag) {
        return None;
    }
    let mut bytes = Reader(message);
    if bytes.take::<1>()? != [VERSION] {
        return None;
    }
    let node = NodeId::from_le_bytes(bytes.take()?);
    let ranges = bytes.list(|b| {
        Some(Range {
            partition_id: i32::from_le_bytes(b.take()?),
            from: i64::from_le_bytes(b.take()?),
            to: i64::from_le_bytes(b.take()?),
        })
    })?;
    let series = bytes.list(|b| {
        let id = i32::from_le_bytes(b.take()?);
        let metric = b.text()?;
        let labels = b.list(|b| Some((b.text()?, b.text()?)))?;
        let series = Arc::new(Series::new(metric, labels));
        Some(StoredSeries { id, series })
    })?;
    let points = bytes.list(|b| {
        let point = StoredPoint {
            series: u32::from_le_bytes(b.take()?),
            ts: Micros(i64::from_le_bytes(b.take()?)),
            value: f64::from_le_bytes(b.take()?),
            partition_id: i32::from_le_bytes(b.take()?),
            offset: i64::from_le_bytes(b.take()?),
        };
        ((point.series as usize) < series.len()).then_some(point)
    })?;
    let stored = Stored {
        ranges,
        series,
        points,
    };
    bytes.0.is_empty().then_some((node, stored))
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    // A batch is bounded by its credits, far below 2^32 entries.
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.take()?)).ok()
    }

    fn text(&mut self) -> Option<Box<str>> {
        let length = self.count()?;
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(std::str::from_utf8(head).ok()?.into())
    }

    fn list<T>(&mut self, mut entry: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        // Every entry has at least four bytes: a wrong count cannot make us allocate much.
        let mut list = Vec::with_capacity(count.min(self.0.len() / 4));
        for _ in 0..count {
            list.push(entry(self)?);
        }
        Some(list)
    }
}
