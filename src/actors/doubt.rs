//! Errors of which nobody knows whether they pass are waited out for a while, then they are final.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(300);

/// Outlives generations.
#[derive(Debug, Default)]
pub struct Doubt(Mutex<Option<Instant>>);

impl Doubt {
    /// It happened (again); true when it has for too long.
    pub fn is_over(&self, now: Instant) -> bool {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = since.get_or_insert(now);
        now.duration_since(*since) > PATIENCE
    }

    /// Something was stored.
    pub fn settled(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
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
}
