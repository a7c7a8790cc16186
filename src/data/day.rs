//! A whole day, UTC: what is archived, dropped and restored at once.

use std::fmt;

use chrono::DateTime;

use super::time::Micros;

const MICROS: i64 = 86_400_000_000;

/// Whole days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day that holds `ts`.
    pub const fn of(ts: Micros) -> Self {
        Self(ts.0.div_euclid(MICROS))
    }

    /// The first day that begins at or after `ts`.
    pub const fn not_before(ts: Micros) -> Self {
        Self(Self::of(Micros(ts.0.saturating_sub(1))).0 + 1)
    }

    pub const fn start(self) -> Micros {
        Micros(self.0.saturating_mul(MICROS))
    }

    /// The first moment after it.
    pub const fn end(self) -> Micros {
        Self(self.0 + 1).start()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.start().0) {
            Some(time) => write!(f, "{}", time.format("%Y-%m-%d")),
            None => write!(f, "day {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_holds_its_first_moment_and_not_that_of_the_next() {
        let day = Day::of(Micros(-1));
        assert_eq!((day.start(), day.end()), (Micros(-MICROS), Micros(0)));
        assert_eq!(Day::of(day.start()), day);
        assert_eq!(Day::of(day.end()), Day(0));
        assert_eq!(day.to_string(), "1969-12-31");
    }

    #[test]
    fn days_are_rounded_outwards() {
        let to = |ts| Day::not_before(Micros(ts));
        assert_eq!((to(0), to(1), to(MICROS)), (Day(0), Day(1), Day(1)));
    }
}
