//! The progress of the writer: its watcher sees that it is alive, and tells it to write less at a
//! time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Records in one transaction after the first stall; each further one makes it a quarter.
const AFTER_STALL: usize = 1_024;

#[derive(Debug)]
pub struct Pace {
    steps: AtomicU64,
    most: AtomicUsize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            steps: AtomicU64::new(0),
            most: AtomicUsize::new(usize::MAX),
        }
    }
}

impl Pace {
    /// A statement was answered, or an attempt begins.
    pub fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Records that may be written in one transaction.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Postgres did not get done with what it was given.
    pub fn slower(&self) {
        let most = (self.most() / 4).clamp(1, AFTER_STALL);
        self.most.store(most, Ordering::Relaxed);
    }

    /// A batch went through.
    pub fn faster(&self) {
        let most = self.most();
        if most != usize::MAX {
            let more = if most >= AFTER_STALL { usize::MAX } else { most * 2 };
            self.most.store(more, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stall_makes_transactions_smaller_and_each_batch_larger_again() {
        let pace = Pace::default();
        let mut seen = Vec::new();
        for _ in 0..8 {
            pace.slower();
            seen.push(pace.most());
        }
        assert_eq!(seen, [1_024, 256, 64, 16, 4, 1, 1, 1]);
        for _ in 0..10 {
            pace.faster();
        }
        assert_eq!(pace.most(), 1_024);
        pace.faster();
        pace.faster();
        assert_eq!(pace.most(), usize::MAX);
    }
}
