//! Which partitions are made, and for whom none is.

use super::*;

const NOW: Micros = Micros(1_000 * DAY + 5);

fn with(known: &[(i64, i64)]) -> Partitions {
    Partitions {
        table: "points",
        length: DAY,
        far: None,
        known: known.to_vec(),
        full: None,
    }
}

#[test]
fn a_new_partition_is_a_day_and_never_overlaps_another() {
    let room = |of: &Partitions, time| of.room(time, NOW);
    assert_eq!(room(&with(&[]), DAY + 5), (DAY, 2 * DAY));
    assert_eq!(room(&with(&[]), -5), (-DAY, 0));
    let odd = with(&[(DAY / 2, DAY), (2 * DAY - 10, 3 * DAY)]);
    assert_eq!(room(&odd, 5), (0, DAY / 2));
    assert_eq!(room(&odd, DAY + 5), (DAY, 2 * DAY - 10));
    let mut weeks = with(&[]);
    weeks.length = 7 * DAY;
    assert_eq!(room(&weeks, Micros::FIRST.0).0, Micros::FIRST.0);
    assert_eq!(room(&weeks, Micros::LAST.0).1, Micros::LAST.0 + 1);
}

#[test]
fn far_from_the_present_partitions_are_longer_and_leave_the_near_days_their_own() {
    let far = with(&[]).with_far(Far::new(30, 10));
    assert_eq!(far.room(999 * DAY, NOW), (999 * DAY, 1_000 * DAY));
    assert_eq!(far.room(940 * DAY, NOW), (940 * DAY, 941 * DAY));
    // 930 is on the grid of 30 days; the days from 940 on are near.
    assert_eq!(far.room(940 * DAY - 1, NOW), (930 * DAY, 940 * DAY));
    assert_eq!(far.room(5, NOW), (0, 30 * DAY));
    assert_eq!(far.room(1_007 * DAY, NOW), (1_007 * DAY, 1_008 * DAY));
    assert_eq!(far.room(1_008 * DAY, NOW), (1_008 * DAY, 1_020 * DAY));
    let cut = with(&[(12 * DAY, 14 * DAY)]).with_far(Far::new(30, 10));
    assert_eq!(cut.room(5, NOW), (0, 12 * DAY));
}

#[test]
fn an_owner_that_would_need_too_many_is_refused_as_a_whole_and_others_are_not() {
    let far = with(&[(0, 30 * DAY)]).with_far(Far::new(30, 3));
    let time = |owner: u32, day: i64| (owner, Micros(day * DAY));
    let times = [
        time(1, 31),
        time(1, 32),
        // Two more would be four.
        time(2, 61),
        time(2, 91),
        time(3, 95),
        time(4, 200),
        time(5, 31),
        time(6, 998),
        time(6, 999),
    ];
    let streams = |owner| if owner == 4 { "b" } else { "a" };
    let opened = |noted: &[(&str, usize)]| Opened {
        all: 1,
        noted: noted.iter().map(|(stream, n)| (note(stream), *n)).collect(),
    };
    let made = |opened| far.missing(times.into_iter(), streams, &opened, NOW);
    let (missing, refused) = made(opened(&[]));
    let missing: Vec<(i64, i64)> = missing.into_iter().map(|(range, _)| range).collect();
    let days = |from: i64, to: i64| (from * DAY, to * DAY);
    assert_eq!(
        missing,
        [days(30, 60), days(90, 120), days(998, 999), days(999, 1_000)]
    );
    assert_eq!(refused, [2, 4]);
    // One that has opened half of them is refused, and there is room for the others.
    let (missing, refused) = made(opened(&[("a", 2)]));
    assert_eq!(refused, [1, 2, 3, 5]);
    assert_eq!(missing[0], (days(180, 210), "b"));
}

#[test]
fn for_a_second_a_refusal_needs_no_other_look_unless_something_else_is_missing() {
    let begun = Instant::now();
    let mut full = with(&[(0, 30 * DAY)]).with_far(Far::new(30, 1));
    let again = |of: &Partitions, days: &[i64], after| {
        let times = (0_u32..).zip(days.iter().map(|day| Micros(day * DAY)));
        of.refused_again(times, |_| "a", begun + Duration::from_millis(after))
    };
    assert_eq!(again(&full, &[40], 0), None);
    let opened = Opened {
        all: 1,
        noted: HashMap::new(),
    };
    full.full = Some((begun, opened));
    assert_eq!(again(&full, &[1, 40, 90], 900), Some(vec![1, 2]));
    assert_eq!(again(&full, &[40], 1_100), None);
    let today = Micros::now().0 / DAY;
    assert_eq!(again(&full, &[40, today], 900), None);
}

#[test]
fn the_statement_names_the_first_day() {
    let sql = statements("points", (0, DAY), Some("it's"));
    assert!(sql.contains("points_p19700101 for values from ('1970-01-01 00:00:00.000000Z')"));
    assert!(
        sql.contains("comment on table points_p19700101 is 'it''s';"),
        "{sql}"
    );
}
