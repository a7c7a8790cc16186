//! Times of series as half-open ranges of whole minutes: merged, split and widened.

use std::collections::{BTreeSet, HashMap};

use crate::data::SeriesId;
use crate::store::level::{DAY, round_down, round_up};

/// `from..to` of a series, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    pub series: SeriesId,
    pub from: i64,
    pub to: i64,
}

/// Below which time a series has no raw points, and no complete finer rollups, any more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Floors {
    pub raw: Option<i64>,
    pub rollups: Option<i64>,
}

/// Ordered by series and time; those that touch become one.
pub(super) fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.retain(|range| range.from < range.to);
    ranges.sort_unstable();
    ranges.dedup_by(|later, first| {
        let touch = later.series == first.series && later.from <= first.to;
        if touch {
            first.to = first.to.max(later.to);
        }
        touch
    });
    ranges
}

/// What lies before `at`, and the rest.
pub(super) fn split(ranges: &[Range], at: i64) -> (Vec<Range>, Vec<Range>) {
    let below = |range: &Range| Range {
        to: range.to.min(at),
        ..*range
    };
    let above = |range: &Range| Range {
        from: range.from.max(at),
        ..*range
    };
    let some = |range: &Range| range.from < range.to;
    (
        ranges.iter().map(below).filter(some).collect(),
        ranges.iter().map(above).filter(some).collect(),
    )
}

/// The whole buckets of `step` that the ranges touch and that end by `end`.
pub(super) fn widened(ranges: &[Range], step: i64, end: i64) -> Vec<Range> {
    let widen = |range: &Range| Range {
        from: round_down(range.from, step),
        to: round_up(range.to, step).min(round_down(end, step)),
        ..*range
    };
    merged(ranges.iter().map(widen).collect())
}

/// The days in which any of the ranges lies, by their first moments.
pub(super) fn days(ranges: &[Range]) -> Vec<i64> {
    let anybody = ranges.iter().map(|range| Range { series: 0, ..*range });
    let days = widened(&anybody.collect::<Vec<_>>(), DAY, i64::MAX);
    days.iter()
        .flat_map(|range| (range.from..range.to).step_by(DAY as usize))
        .collect()
}

/// What of the ranges lies in these times, which are ordered and do not overlap.
pub(super) fn within(ranges: &[Range], times: &[(i64, i64)]) -> Vec<Range> {
    let mut all = Vec::with_capacity(ranges.len());
    for range in ranges {
        let first = times.partition_point(|time| time.1 <= range.from);
        let those = times[first..].iter().take_while(|time| time.0 < range.to);
        all.extend(those.map(|time| Range {
            from: range.from.max(time.0),
            to: range.to.min(time.1),
            ..*range
        }));
    }
    merged(all)
}

/// Skips what raw points can no longer answer, except for restored days. Where finer rollups are
/// gone the whole day is recomputed, as a coarser row needs all of it.
pub(super) fn answerable(
    ranges: Vec<Range>,
    floors: &HashMap<SeriesId, Floors>,
    restored: &BTreeSet<i64>,
) -> Vec<Range> {
    let mut all = Vec::with_capacity(ranges.len());
    for range in ranges {
        let floors = floors.get(&range.series).copied().unwrap_or_default();
        let mut from = range.from;
        if let Some(raw) = floors.raw.filter(|raw| *raw > from) {
            let those = restored.range(round_down(from, DAY)..raw.min(range.to));
            all.extend(those.map(|day| Range {
                from: *day,
                to: day + DAY,
                ..range
            }));
            from = raw;
        }
        let mut to = range.to;
        if let Some(rollups) = floors.rollups.filter(|floor| *floor > from) {
            from = round_down(from, DAY);
            to = to.max(round_up(to.min(rollups), DAY));
        }
        all.push(Range { from, to, ..range });
    }
    merged(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::level::HOUR;

    fn range(from: i64, to: i64) -> Range {
        Range { series: 1, from, to }
    }

    #[test]
    fn ranges_that_touch_become_one_and_those_of_other_series_stay_apart() {
        let other = Range {
            series: 2,
            from: 5,
            to: 9,
        };
        let all = vec![other, range(4, 6), range(0, 4), range(8, 9), range(7, 7)];
        assert_eq!(merged(all), [range(0, 6), range(8, 9), other]);
    }

    #[test]
    fn only_complete_buckets_are_widened_to() {
        assert_eq!(
            widened(&[range(-1, 1), range(HOUR + 5, 3 * HOUR)], HOUR, 2 * HOUR + 9),
            [range(-HOUR, 2 * HOUR)]
        );
        assert_eq!(widened(&[range(5, 9)], HOUR, HOUR - 1), []);
    }

    #[test]
    fn what_raw_points_cannot_answer_is_left_out_but_for_restored_days() {
        let floors = Floors {
            raw: Some(4 * DAY),
            rollups: Some(6 * DAY),
        };
        let floors = HashMap::from([(1, floors)]);
        let asked = vec![range(DAY + 5, 2 * DAY + 7), range(3 * DAY + 1, 5 * DAY + 1)];
        let got = answerable(asked, &floors, &BTreeSet::from([2 * DAY]));
        assert_eq!(got, [range(2 * DAY, 3 * DAY), range(4 * DAY, 6 * DAY)]);
    }

    #[test]
    fn only_times_that_have_partitions_are_looked_at() {
        let times = [(0, DAY), (DAY, 2 * DAY), (5 * DAY, 6 * DAY)];
        let got = within(&[range(-9, 3 * DAY), range(4 * DAY, 7 * DAY)], &times);
        assert_eq!(got, [range(0, 2 * DAY), range(5 * DAY, 6 * DAY)]);
    }
}
