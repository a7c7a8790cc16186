//! What all subscribers of one selector get of a batch: one delivery, or several when that is too long
//! for one message. It is cut here once, so that the parts are shared too.

use std::sync::Arc;

use super::delivery::{Delivery, Selected};
use crate::data::SharedCursor;
use crate::data::stored::Range;

/// The most points of one message, unless one record or one conflated interval has more.
pub const MESSAGE_MAX: usize = 1_000;

/// Cuts between records, in the order of offsets. Each part has the hub's positions after it; `cursor`
/// is that after all of them.
pub fn cut(selected: Arc<Selected>, ranges: &Arc<[Range]>, cursor: &Arc<SharedCursor>) -> Vec<Delivery> {
    let part = |selected, ranges, cursor| Delivery {
        selected,
        ranges,
        cursor,
    };
    if selected.len() <= MESSAGE_MAX {
        return vec![part(selected, Arc::clone(ranges), Arc::clone(cursor))];
    }
    let place = |at: &u32| {
        let point = &selected.page.stored.points[*at as usize];
        (point.partition_id, point.offset)
    };
    let mut points = selected.points.clone();
    points.sort_by_key(place);
    let mut parts = Vec::new();
    let mut so_far = cursor.positions.clone();
    for range in ranges.iter().rev() {
        so_far.insert(range.partition_id, range.from);
    }
    let mut rest = &points[..];
    while !rest.is_empty() {
        let mut end = MESSAGE_MAX.min(rest.len());
        while end < rest.len() && place(&rest[end]) == place(&rest[end - 1]) {
            end += 1;
        }
        let (now, later) = rest.split_at(end);
        let selected = Selected::new(Arc::clone(&selected.page), now.to_vec());
        if later.is_empty() {
            parts.push(part(selected, Arc::clone(ranges), Arc::clone(cursor)));
            break;
        }
        let (partition_id, offset) = place(&now[end - 1]);
        let mut reached: Vec<Range> = ranges.to_vec();
        reached.retain(|range| range.partition_id < partition_id);
        let of_the_last = ranges.iter().find(|range| range.partition_id == partition_id);
        reached.push(Range {
            partition_id,
            from: of_the_last.map_or(offset, |range| range.from),
            to: offset + 1,
        });
        so_far.extend(reached.iter().map(|range| (range.partition_id, range.to)));
        parts.push(part(selected, reached.into(), SharedCursor::at(so_far.clone())));
        rest = later;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Micros, Positions, Series, Stored, StoredPoint, StoredSeries};
    use crate::live::{Page, Sequence};

    /// One record for each entry: its partition and how many points it has.
    fn stored(records: &[(i32, usize)]) -> Stored {
        let mut stored = Stored::default();
        let series = Arc::new(Series::new("m", Vec::<(&str, &str)>::new()));
        stored.series.push(StoredSeries { id: 1, series });
        let mut next = Positions::new();
        for (partition_id, points) in records {
            let offset = next.entry(*partition_id).or_insert(5);
            let point = StoredPoint {
                series: 0,
                ts: Micros(*offset),
                value: 1.0,
                partition_id: *partition_id,
                offset: *offset,
            };
            stored.points.extend(std::iter::repeat_n(point, *points));
            *offset += 1;
        }
        let range = |(partition_id, to)| Range {
            partition_id,
            from: 5,
            to,
        };
        stored.ranges = next.into_iter().map(range).collect();
        // As the writer leaves them: not in the order of offsets.
        stored.points.sort_by_key(|point| -point.offset);
        stored
    }

    proptest! {
        #[test]
        fn parts_hold_each_point_once_and_no_cursor_passes_one_that_has_yet_to_come(
            records in prop::collection::vec((1i32..4, 0usize..700), 1..12),
        ) {
            let stored = Arc::new(stored(&records));
            let known = stored.ranges.iter().map(|range| (range.partition_id, 5)).chain([(9, 77)]);
            let accepted = Sequence::new(known.collect()).accept(&stored.ranges);
            let selected = Selected::all(Page::new(Arc::clone(&stored)));
            let ranges: Arc<[Range]> = accepted.ranges.as_slice().into();
            let parts = cut(Arc::clone(&selected), &ranges, &accepted.cursor);

            let mut seen = 0;
            for (nth, part) in parts.iter().enumerate() {
                seen += part.selected.len();
                prop_assert!(part.selected.len() < MESSAGE_MAX + 700);
                let behind = |point: &StoredPoint| point.offset < part.cursor.positions[&point.partition_id];
                prop_assert!(parts[..=nth].iter().flat_map(|p| p.selected.points()).all(behind));
                prop_assert!(!parts[nth + 1..].iter().flat_map(|p| p.selected.points()).any(behind));
                for range in part.ranges.iter() {
                    prop_assert_eq!(range.to, part.cursor.positions[&range.partition_id]);
                }
                prop_assert_eq!(part.cursor.positions[&9], 77);
            }
            prop_assert_eq!(seen, selected.len());
            let last = parts.last().unwrap();
            prop_assert_eq!(&last.cursor.positions, &accepted.cursor.positions);
        }
    }
}
