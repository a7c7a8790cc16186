//! Back-pressure: a budget of bytes that batches hold from the source to the commit.
//!
//! An actix mailbox has no back-pressure. Only the poll thread waits here, so a plain condition
//! variable is enough.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

#[derive(Debug)]
pub struct Credits {
    total: usize,
    held: Mutex<Held>,
    returned: Condvar,
}

/// Bytes by the stage whose batches hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub transform: usize,
    pub store: usize,
    /// What the source waits for.
    wanted: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Transform,
    Store,
}

/// Bytes taken from a [`Credits`]; they go back when this is dropped.
#[derive(Debug)]
pub struct Permit {
    bytes: usize,
    stage: Stage,
    from: Arc<Credits>,
}

impl Held {
    pub fn all(&self) -> usize {
        self.transform + self.store
    }

    /// True while the source waits for more bytes than are free of `total`.
    pub fn is_short_of(&self, total: usize) -> bool {
        self.wanted > 0 && self.all() + self.wanted > total
    }

    fn of(&mut self, stage: Stage) -> &mut usize {
        match stage {
            Stage::Transform => &mut self.transform,
            Stage::Store => &mut self.store,
        }
    }
}

impl Credits {
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self {
            total: total.max(1),
            held: Mutex::default(),
            returned: Condvar::new(),
        })
    }

    /// Waits up to `patience`. A batch larger than the budget takes the whole budget and passes alone.
    pub fn acquire(self: &Arc<Self>, bytes: usize, patience: Duration) -> Option<Permit> {
        let bytes = bytes.clamp(1, self.total);
        let mut held = self.held.lock();
        held.wanted = bytes;
        let is_full = |held: &mut Held| held.all() + bytes > self.total;
        self.returned.wait_while_for(&mut held, is_full, patience);
        if held.all() + bytes > self.total {
            return None;
        }
        held.wanted = 0;
        held.transform += bytes;
        Some(Permit {
            bytes,
            stage: Stage::Transform,
            from: Arc::clone(self),
        })
    }

    pub fn held(&self) -> usize {
        self.held.lock().all()
    }

    pub fn by_stage(&self) -> Held {
        *self.held.lock()
    }

    pub fn total(&self) -> usize {
        self.total
    }

    /// Waits up to `patience` until nothing is held; true when nothing is.
    pub fn wait_idle(&self, patience: Duration) -> bool {
        let mut held = self.held.lock();
        self.returned
            .wait_while_for(&mut held, |held| held.all() > 0, patience);
        held.all() == 0
    }
}

impl Permit {
    /// Of no bytes, for what is not read under a budget.
    pub fn of_nothing() -> Self {
        Self {
            bytes: 0,
            stage: Stage::Transform,
            from: Credits::new(0),
        }
    }

    /// The batch is transformed: from now on the store holds its bytes.
    pub fn pass_to_store(&mut self) {
        let mut held = self.from.held.lock();
        *held.of(self.stage) -= self.bytes;
        self.stage = Stage::Store;
        *held.of(self.stage) += self.bytes;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.from.held.lock().of(self.stage) -= self.bytes;
        self.from.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_where_their_batch_is_and_once_only() {
        let credits = Credits::new(10);
        let mut first = credits.acquire(4, Duration::ZERO).unwrap();
        let second = credits.acquire(3, Duration::ZERO).unwrap();
        first.pass_to_store();
        let held = credits.by_stage();
        assert_eq!((held.transform, held.store, held.all()), (3, 4, 7));
        drop(first);
        assert_eq!((credits.by_stage().store, credits.held()), (0, 3));
        drop(second);
        assert_eq!(credits.by_stage(), Held::default());
    }

    #[test]
    fn bytes_are_wanted_from_a_refusal_until_they_are_free() {
        let credits = Credits::new(10);
        let is_short = || credits.by_stage().is_short_of(credits.total());
        let all = credits.acquire(8, Duration::ZERO).unwrap();
        assert!(!is_short());
        assert!(credits.acquire(3, Duration::ZERO).is_none());
        assert!(is_short());
        drop(all);
        assert!(!is_short());
    }
}
