//! Round widths of time, each about twice as long as the one before.

use crate::data::{Micros, Step};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Below a second; then seconds and minutes, hours, days. Weeks double up to 78 years.
const BELOW: [i64; 3] = [1, 2, 5];
const SIXTIETHS: [i64; 6] = [1, 2, 5, 10, 15, 30];
const HOURS: [i64; 5] = [1, 2, 3, 6, 12];
const DAYS: [i64; 2] = [1, 2];

/// Ascending, in microseconds.
pub fn widths() -> impl DoubleEndedIterator<Item = i64> + Clone {
    let below = (0..6).flat_map(|power| BELOW.map(|n| n * 10_i64.pow(power)));
    let weeks = (0..13).map(|power| (7 * DAY) << power);
    below
        .chain(SIXTIETHS.map(|n| n * SECOND))
        .chain(SIXTIETHS.map(|n| n * MINUTE))
        .chain(HOURS.map(|n| n * HOUR))
        .chain(DAYS.map(|n| n * DAY))
        .chain(weeks)
}

/// The shortest width with which any span of this length has at most `most` buckets, wherever it lies.
/// So the width does not change while a window moves.
pub fn fit(from: Micros, to: Micros, most: usize) -> Option<Step> {
    widths()
        .find(|width| touched(from, to, *width) <= most)
        .and_then(step)
}

/// The most buckets of this width that a span of this length touches.
pub fn touched(from: Micros, to: Micros, width: i64) -> usize {
    let span = to.0.saturating_sub(from.0).max(1);
    // One moment is in one bucket, two in at most two.
    usize::try_from((span - 1) / width + 1 + i64::from(span > 1)).unwrap_or(usize::MAX)
}

pub fn step(micros: i64) -> Option<Step> {
    Step::new(std::time::Duration::from_micros(u64::try_from(micros).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn widths_ascend_and_all_are_steps() {
        assert!(widths().is_sorted_by(|a, b| a < b));
        assert!(widths().all(|width| step(width).is_some()));
    }

    #[test]
    fn a_span_gets_the_round_width_a_person_would_choose() {
        let fitted = |span: i64, most| fit(Micros(0), Micros(span), most).map(Step::micros);
        assert_eq!(fitted(HOUR, 61), Some(MINUTE));
        assert_eq!(fitted(7 * DAY, 1_000), Some(15 * MINUTE));
        assert_eq!(fitted(365 * DAY, 366), Some(DAY));
        assert_eq!(fitted(10, 20), Some(1));
        assert_eq!(fitted(Micros::LAST.0, 3), None);
    }

    proptest! {
        #[test]
        fn a_span_never_touches_more_buckets_than_it_may(
            from in -DAY * 9..DAY * 9, span in 1i64..DAY * 99, most in 2usize..500,
        ) {
            let (from, to) = (Micros(from), Micros(from + span));
            let width = fit(from, to, most).unwrap();
            let grid = crate::data::Grid::Even(width);
            prop_assert!(grid.starts(from, to).count() <= most);
        }
    }
}
