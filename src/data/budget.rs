//! A shared budget of bytes or another unit. Nobody waits for it: the caller refuses what does not fit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// What one holder has taken; dropping it gives it back.
#[derive(Debug)]
pub struct Reserved {
    amount: usize,
    from: Arc<Budget>,
}

impl Budget {
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// `None` when less than `amount` is left.
    pub fn reserve(self: &Arc<Self>, amount: usize) -> Option<Reserved> {
        let mut reserved = Reserved {
            amount: 0,
            from: Arc::clone(self),
        };
        reserved.resize(amount).then_some(reserved)
    }

    fn take(&self, amount: usize) -> bool {
        let more = |used: usize| used.checked_add(amount).filter(|sum| *sum <= self.limit);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok()
    }
}

impl Reserved {
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Grows or shrinks to `amount`; growing beyond what is left changes nothing and is `false`.
    pub fn resize(&mut self, amount: usize) -> bool {
        if amount > self.amount {
            if !self.from.take(amount - self.amount) {
                return false;
            }
        } else {
            self.from.used.fetch_sub(self.amount - amount, Ordering::Relaxed);
        }
        self.amount = amount;
        true
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_never_exceeds_the_limit_and_comes_back_when_dropped() {
        let budget = Budget::new(10);
        let mut first = budget.reserve(6).expect("room");
        assert!(budget.reserve(5).is_none());
        let second = budget.reserve(4).expect("room");
        assert!(!first.resize(7));
        assert_eq!((first.amount(), budget.used()), (6, 10));
        drop(second);
        assert!(first.resize(10));
        assert!(first.resize(1));
        assert_eq!(budget.used(), 1);
        drop(first);
        assert_eq!(budget.used(), 0);
    }
}
