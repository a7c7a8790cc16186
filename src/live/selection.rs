//! What a selector selects of a page that many read: found and cut once for each selector and ranges,
//! and shared.

use std::sync::Arc;

use super::cut::cut;
use super::delivery::{Delivery, Page, Selected};
use crate::data::stored::Range;
use crate::data::{Scoped, SharedCursor, Stored};

/// The points of these ranges that the selector selects, shared by all with the same question. They are
/// several deliveries if they are too many for one message. Their cursors have only these partitions.
pub fn select(page: &Arc<Page>, scoped: &Scoped, ranges: &[Range]) -> Arc<[Delivery]> {
    if let Some(known) = page.selections().find(scoped, ranges) {
        return known;
    }
    // Without the lock, so that others can find other selections meanwhile.
    let selected = Selected::new(Arc::clone(page), points(&page.stored, scoped, ranges));
    let after = ranges
        .iter()
        .map(|range| (range.partition_id, range.to))
        .collect();
    let deliveries: Arc<[_]> = cut(selected, &ranges.into(), &SharedCursor::at(after)).into();
    let mut selections = page.selections();
    match selections.find(scoped, ranges) {
        Some(first) => first,
        None => {
            selections.add(scoped, ranges, &deliveries);
            deliveries
        }
    }
}

/// Without ranges: wherever the points come from.
fn points(stored: &Stored, scoped: &Scoped, ranges: &[Range]) -> Vec<u32> {
    let wanted: Vec<bool> = stored.series.iter().map(|s| scoped.matches(&s.series)).collect();
    let of_these = |point| ranges.is_empty() || ranges.iter().any(|range| range.contains(point));
    let points = (0u32..).zip(&stored.points);
    let points = points.filter(|(_, point)| wanted[point.series as usize] && of_these(point));
    points.map(|(at, _)| at).collect()
}
