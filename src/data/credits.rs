//! Back-pressure: a budget of bytes that batches hold from the source to the commit.
//!
//! An actix mailbox does not push back; this does. Only the poll thread waits here, so a plain
//! condition variable serves.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
pub struct Credits {
    total: usize,
    held: Mutex<usize>,
    returned: Condvar,
}

/// Bytes taken from a [`Credits`]; they go back when this is dropped.
#[derive(Debug)]
pub struct Permit {
    bytes: usize,
    from: Arc<Credits>,
}

impl Credits {
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self {
            total: total.max(1),
            held: Mutex::new(0),
            returned: Condvar::new(),
        })
    }

    /// Waits up to `patience`. More than the whole budget counts as the whole budget, so that one
    /// large batch can pass alone.
    pub fn acquire(self: &Arc<Self>, bytes: usize, patience: Duration) -> Option<Permit> {
        let bytes = bytes.clamp(1, self.total);
        let (mut held, _) = self
            .returned
            .wait_timeout_while(self.lock(), patience, |held| *held + bytes > self.total)
            .unwrap_or_else(PoisonError::into_inner);
        if *held + bytes > self.total {
            return None;
        }
        *held += bytes;
        Some(Permit {
            bytes,
            from: Arc::clone(self),
        })
    }

    pub fn held(&self) -> usize {
        *self.lock()
    }

    pub fn total(&self) -> usize {
        self.total
    }

    /// Waits up to `patience` until nothing is held; tells whether that came true.
    pub fn wait_idle(&self, patience: Duration) -> bool {
        let (held, _) = self
            .returned
            .wait_timeout_while(self.lock(), patience, |held| *held > 0)
            .unwrap_or_else(PoisonError::into_inner);
        *held == 0
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.from.lock() -= self.bytes;
        self.from.returned.notify_all();
    }
}
