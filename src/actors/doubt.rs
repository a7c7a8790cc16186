//! Unknown errors are retried for some time and then become final.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

const PATIENCE: Duration = Duration::from_secs(300);

/// Outlives generations.
#[derive(Debug, Default)]
pub struct Doubt(Mutex<Option<Streak>>);

/// Failures in a row.
#[derive(Debug)]
struct Streak {
    first: Instant,
    last: Instant,
}

impl Doubt {
    /// An unknown error happened; true when they have lasted too long. An error long after the last one
    /// begins a new streak, even if nothing was stored in between.
    pub fn is_over(&self, now: Instant) -> bool {
        let mut streak = self.0.lock();
        let recent = |streak: &mut Streak| now.duration_since(streak.last) <= PATIENCE;
        let before = streak.take_if(recent);
        let first = before.map_or(now, |streak| streak.first);
        *streak = Some(Streak { first, last: now });
        now.duration_since(first) > PATIENCE
    }

    /// Something was stored.
    pub fn settled(&self) {
        *self.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_over_five_minutes_after_the_first_failure_unless_something_worked() {
        let (doubt, begun) = (Doubt::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(!doubt.is_over(at(0)) && !doubt.is_over(at(300)));
        assert!(doubt.is_over(at(301)));
        doubt.settled();
        assert!(!doubt.is_over(at(302)) && !doubt.is_over(at(602)));
        assert!(doubt.is_over(at(603)));
    }

    #[test]
    fn a_failure_long_after_the_last_is_a_first_one() {
        let (doubt, begun) = (Doubt::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(!doubt.is_over(at(0)) && !doubt.is_over(at(10)));
        assert!(!doubt.is_over(at(311)) && !doubt.is_over(at(611)));
        assert!(doubt.is_over(at(612)));
    }
}
