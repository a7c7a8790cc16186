//! The times and rows of a replay: a past that gets denser towards the present, and no gap before it.

use std::time::Duration;

use crate::data::Micros;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Up to which age, and how far apart points then are, in seconds: a chart that shows as much of the past
/// finds a point for each of its buckets.
const DENSITY: [(u64, u64); 5] = [
    (15 * MINUTE, 1),
    (HOUR, 5),
    (3 * HOUR, 15),
    (6 * HOUR, 30),
    (24 * HOUR, MINUTE),
];

/// How far back the past goes.
pub const SPAN: Duration = Duration::from_secs(24 * HOUR);

/// A point of every series: its time, and which row of a recording it shows. Recordings repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub ts: Micros,
    pub row: i64,
}

impl Moment {
    /// The row follows from the time, so that a restart at the same pace goes on where it would have been.
    pub fn first(now: Micros, pace: Duration) -> Self {
        let ts = millis(now);
        Self {
            ts,
            row: paces(ts.0, pace),
        }
    }

    /// The next one, as many rows on as there should have been by now.
    pub fn next(self, now: Micros, pace: Duration) -> Self {
        let half = pace / 2;
        Self {
            ts: millis(now),
            row: self.row + paces(now.plus(half).0 - self.ts.0, pace).max(1),
        }
    }

    /// The value of a recording, which has at least one.
    pub fn of(self, values: &[f64]) -> f64 {
        let length = i64::try_from(values.len()).unwrap_or(i64::MAX).max(1);
        let at = usize::try_from(self.row.rem_euclid(length)).unwrap_or(0);
        values.get(at).copied().unwrap_or_default()
    }
}

fn paces(micros: i64, pace: Duration) -> i64 {
    micros.div_euclid(i64::try_from(pace.as_micros()).unwrap_or(i64::MAX).max(1))
}

/// What records say: they have no more digits.
fn millis(ts: Micros) -> Micros {
    Micros::from_millis(ts.as_millis())
}

/// What is to be sent: `now`, and before it what is missing of the last day, oldest first. `newest` is the
/// last that is stored.
pub fn due(newest: Option<Micros>, now: Moment, pace: Duration) -> Vec<Moment> {
    let older = |age: Duration| Some(age + distance(age).max(pace));
    let ages = std::iter::successors(older(Duration::ZERO), |age| older(*age));
    let back = (1..).zip(ages.take_while(|age| *age <= SPAN));
    let back = back.map(|(rows, age)| Moment {
        ts: now.ts.minus(age),
        row: now.row - rows,
    });
    // A round is never quite a pace after the last.
    let from = newest.map(|newest| newest.plus(pace / 2));
    let mut due = vec![now];
    due.extend(back.take_while(|moment| from.is_none_or(|from| moment.ts > from)));
    due.reverse();
    due
}

/// What is missing of the day before `first`, where `earliest` is the first that is stored of it.
pub fn before(earliest: Micros, first: Moment, pace: Duration) -> Vec<Moment> {
    let mut past = due(None, Moment::first(earliest, pace), pace);
    past.pop();
    past.retain(|moment| moment.ts >= first.ts.minus(SPAN));
    past
}

/// Between a point of this age and the one before it.
fn distance(age: Duration) -> Duration {
    let found = DENSITY.iter().find(|(until, _)| age.as_secs() < *until);
    Duration::from_secs(found.map_or(MINUTE, |(_, apart)| *apart))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_790_000_000_123_456);
    const SECOND: Duration = Duration::from_secs(1);
    const DAY: usize = 900 + 540 + 480 + 360 + 1_080;

    fn after(micros: i64) -> Moment {
        Moment::first(Micros(NOW.0 + micros), SECOND)
    }

    fn seconds(count: i64) -> Moment {
        after(count * 1_000_000)
    }

    fn gaps(moments: &[Moment]) -> Vec<Duration> {
        let gap = |pair: &[Moment]| Duration::from_micros((pair[1].ts.0 - pair[0].ts.0).unsigned_abs());
        moments.windows(2).map(gap).collect()
    }

    #[test]
    fn a_day_leads_without_a_gap_to_the_first_live_point_and_gets_denser_towards_it() {
        let now = seconds(0);
        let day = due(None, now, SECOND);
        assert_eq!(day.len(), DAY + 1);
        assert_eq!((day[0].ts, day[DAY]), (now.ts.minus(SPAN), now));
        assert!(day.windows(2).all(|pair| pair[0].row + 1 == pair[1].row));
        assert!(gaps(&day).is_sorted_by(|earlier, later| earlier >= later));
        assert_eq!(gaps(&day)[DAY - 900..], [SECOND; 900]);
    }

    #[test]
    fn after_a_restart_only_what_came_in_between_is_due() {
        let stored = seconds(0);
        assert_eq!(due(Some(stored.ts), seconds(1), SECOND), [seconds(1)]);
        assert_eq!(
            due(Some(stored.ts), seconds(4), SECOND),
            [1, 2, 3, 4].map(seconds)
        );
        let night = seconds(8 * 3_600);
        let of_the_night = due(Some(stored.ts), night, SECOND);
        assert!(due(None, night, SECOND).ends_with(&of_the_night));
        assert_eq!(
            of_the_night[0],
            Moment {
                ts: seconds(60).ts,
                ..of_the_night[0]
            }
        );
        // Nothing older than a day; and nothing twice when the clock was set back.
        assert_eq!(due(Some(stored.ts), seconds(9 * 86_400), SECOND).len(), DAY + 1);
        assert_eq!(due(Some(night.ts), stored, SECOND), [stored]);
    }

    #[test]
    fn before_the_first_live_point_comes_a_day_and_before_one_of_an_hour_ago_the_rest_of_it() {
        let first = seconds(0);
        let day = before(first.ts, first, SECOND);
        assert_eq!([day.clone(), vec![first]].concat(), due(None, first, SECOND));
        let hour = seconds(-3_600);
        let rest = before(hour.ts, first, SECOND);
        assert_eq!(
            (rest[0].ts, rest[rest.len() - 1]),
            (first.ts.minus(SPAN), seconds(-3_601))
        );
        // Of a day that is whole nothing is missing.
        assert_eq!(before(day[0].ts, first, SECOND), []);
        assert_eq!(before(day[0].ts.minus(SECOND * 50), first, SECOND), []);
    }

    #[test]
    fn a_round_that_is_early_or_late_is_one_row_and_a_missed_one_is_made_up_for() {
        let last = seconds(0);
        for (micros, rows) in [(700_000, 1), (1_004_000, 1), (1_400_000, 1), (3_100_000, 3)] {
            let next = last.next(Micros(NOW.0 + micros), SECOND);
            assert_eq!(next.row, last.row + rows, "{micros}");
            let due = due(Some(last.ts), next, SECOND);
            let found: Vec<i64> = due.iter().map(|moment| moment.row - last.row).collect();
            assert_eq!(found, (1..=rows).collect::<Vec<_>>(), "{micros}");
        }
    }

    #[test]
    fn points_are_never_closer_than_the_pace_and_a_fast_pace_makes_no_more_of_them() {
        let slow = Duration::from_secs(20);
        let day = due(None, Moment::first(NOW, slow), slow);
        assert!(gaps(&day).iter().all(|gap| *gap >= slow));
        let fast = Duration::from_millis(1);
        assert_eq!(due(None, Moment::first(NOW, fast), fast).len(), DAY + 1);
    }

    #[test]
    fn a_recording_repeats() {
        let of = |row| Moment { ts: NOW, row }.of(&[1.0, 2.0, 3.0]);
        assert_eq!([of(-1), of(0), of(2), of(3)], [3.0, 1.0, 3.0, 1.0]);
    }
}
