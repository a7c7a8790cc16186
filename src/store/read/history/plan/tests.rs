//! A cut is exact, whatever is dirty.

use proptest::prelude::*;

use super::*;
use crate::store::level::{DAY, HOUR, MINUTE};
use crate::store::read::history::state::testing::state;

const ALL: [Level; 4] = [Level::Day, Level::Hour, Level::Minute, Level::Raw];

fn pieces(plan: &Plan) -> Vec<(Level, Range<i64>)> {
    plan.pieces.iter().map(|p| (p.level, p.span.clone())).collect()
}

#[test]
fn the_coarsest_levels_are_in_the_middle_and_points_at_the_ends() {
    let state = state(10 * DAY + 90 * MINUTE, &[], &[]);
    let (from, to) = (Micros(DAY - 2 * HOUR - 150_000_001), Micros(11 * DAY));
    let plan = Plan::new(&[7], from, to, &ALL, &state);
    let wanted = [
        (Level::Raw, from.0..DAY - 2 * HOUR - 2 * MINUTE),
        (Level::Minute, DAY - 2 * HOUR - 2 * MINUTE..DAY - 2 * HOUR),
        (Level::Hour, DAY - 2 * HOUR..DAY),
        (Level::Day, DAY..10 * DAY),
        // One hour is left to minutes.
        (Level::Minute, 10 * DAY..10 * DAY + 90 * MINUTE),
        (Level::Raw, 10 * DAY + 90 * MINUTE..11 * DAY),
    ];
    assert_eq!(pieces(&plan), wanted);
    assert_eq!(plan.missing, None);
}

#[test]
fn a_late_point_makes_one_series_read_points_around_it() {
    let state = state(10 * DAY, &[(8, HOUR..HOUR + MINUTE)], &[]);
    let plan = Plan::new(&[7, 8], Micros(0), Micros(4 * HOUR), &ALL, &state);
    let wanted = [
        (Level::Hour, 0..4 * HOUR),
        (Level::Minute, 0..HOUR),
        (Level::Raw, HOUR..HOUR + MINUTE),
        (Level::Minute, HOUR + MINUTE..2 * HOUR),
        (Level::Hour, 2 * HOUR..4 * HOUR),
    ];
    assert_eq!(pieces(&plan), wanted);
}

#[test]
fn levels_nest_in_even_steps_and_calendar_bounds() {
    let even = |micros| {
        let step = crate::data::Step::new(std::time::Duration::from_micros(micros)).unwrap();
        nesting(&Grid::Even(step), Micros(5), Micros(9 * DAY))
    };
    assert_eq!(even(7 * 86_400_000_000), ALL);
    assert_eq!(even(600_000_000), ALL[2..]);
    assert_eq!(even(90_000_000), ALL[3..]);
    let calendar = |bounds: &[i64], from, to| {
        let bounds = bounds.iter().map(|bound| Micros(*bound)).collect();
        nesting(&Grid::Calendar(bounds), Micros(from), Micros(to))
    };
    // A zone of whole hours; bounds beyond the span do not count.
    assert_eq!(
        calendar(&[-5, HOUR, DAY + HOUR, 2 * DAY + 7], 0, 2 * DAY),
        ALL[1..]
    );
    assert_eq!(calendar(&[-5, 2 * DAY + 7], 0, 2 * DAY), ALL);
}

#[test]
fn points_that_are_gone_are_answered_by_rollups_or_are_missing() {
    let floors = [(Level::Raw, 5 * DAY), (Level::Minute, 3 * DAY)];
    let state = state(9 * DAY, &[(1, 4 * DAY..4 * DAY + MINUTE)], &floors);
    let ask = |from, to, levels: &[Level]| Plan::new(&[1], Micros(from), Micros(to), levels, &state);
    // Beyond the age of minutes there are hours; where points are gone a rollup is never stale.
    let plan = ask(2 * DAY + HOUR, 6 * DAY, &ALL[1..]);
    assert_eq!(pieces(&plan), [(Level::Hour, 2 * DAY + HOUR..6 * DAY)]);
    assert_eq!(plan.missing, None);
    // A single row answers what nothing finer can.
    assert_eq!(
        pieces(&ask(2 * DAY, 3 * DAY, &ALL)),
        [(Level::Day, 2 * DAY..3 * DAY)]
    );
    let raw = ask(2 * DAY, 6 * DAY, &[Level::Raw]);
    assert_eq!(raw.missing, Some(Micros(2 * DAY)..Micros(5 * DAY)));
    let ragged = ask(2 * DAY + 5, 6 * DAY, &ALL[1..]);
    assert_eq!(ragged.missing, Some(Micros(2 * DAY + 5)..Micros(2 * DAY + HOUR)));
}

proptest! {
    #[test]
    fn pieces_cover_the_span_once_and_rollups_are_whole_complete_and_clean(
        from in -3 * DAY..3 * DAY,
        length in 1..3 * DAY,
        edge in (-2 * 1_440..3 * 1_440i64).prop_map(|minute| minute * MINUTE),
        late in prop::collection::vec((-3 * 1_440..3 * 1_440i64, 1..90i64), 0..6),
        skip in 0usize..4,
    ) {
        let late: Vec<_> = late.iter().map(|(at, n)| (1, at * MINUTE..(at + n) * MINUTE)).collect();
        let state = state(edge, &late, &[]);
        let span = from..from + length;
        let plan = Plan::new(&[1], Micros(span.start), Micros(span.end), &ALL[skip..], &state);
        let mut at = span.start;
        for piece in &plan.pieces {
            prop_assert_eq!(piece.span.start, at);
            prop_assert!(piece.span.end > at);
            at = piece.span.end;
            if piece.level != Level::Raw {
                let width = piece.level.width();
                prop_assert!(piece.span.start % width == 0 && piece.span.end % width == 0);
                prop_assert!(piece.span.end <= edge);
                let clean = |(_, late): &(i32, Range<i64>)| late.end <= piece.span.start || late.start >= piece.span.end;
                prop_assert!(late.iter().all(clean), "{:?}", piece);
            }
        }
        prop_assert_eq!(at, span.end);
    }
}
