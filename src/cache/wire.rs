//! A committed batch as bytes between nodes: one version byte, the batch in postcard's format, and
//! a tag that only a node of the same installation can make.
//!
//! Nodes of another version drop what they cannot read; the tail reader brings it. Nothing is parsed
//! without a valid tag.

use std::sync::Arc;

use crate::data::installation::{Purpose, TAG};
use crate::data::stored::Range;
use crate::data::{Installation, Series, SeriesId, Stored, StoredPoint, StoredSeries};

const VERSION: u8 = 3;

pub(super) type NodeId = u64;

type Text = Box<str>;
type Message = (
    u8,
    NodeId,
    Vec<Range>,
    Vec<(SeriesId, Text, Vec<(Text, Text)>)>,
    Vec<StoredPoint>,
);

/// Redis drops subscribers that are 8 MiB behind for a minute; a batch larger than this many bytes
/// is left to Postgres.
pub(super) const MESSAGE_MAX: usize = 4 * 1024 * 1024;

/// `None` for a batch that is too large.
pub(super) fn encode(installation: &Installation, node: NodeId, stored: &Stored) -> Option<Vec<u8>> {
    let series = stored
        .series
        .iter()
        .map(|StoredSeries { id, series }| (id, &series.metric, &series.labels));
    let series: Vec<_> = series.collect();
    let message = (VERSION, node, &stored.ranges, series, &stored.points);
    let mut out = postcard::to_allocvec(&message).ok()?;
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
    let (message, rest) = postcard::take_from_bytes::<Message>(message).ok()?;
    let (_, node, ranges, series, points) = message;
    let series = series.into_iter().map(|(id, metric, labels)| StoredSeries {
        id,
        series: Arc::new(Series::new(metric, labels)),
    });
    let series: Vec<_> = series.collect();
    let is_known = |point: &StoredPoint| (point.series as usize) < series.len();
    let is_whole = rest.is_empty() && points.iter().all(is_known);
    let stored = Stored {
        ranges,
        series,
        points,
    };
    is_whole.then_some((node, stored))
}
