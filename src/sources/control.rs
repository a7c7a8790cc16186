//! Requests to the poll thread. They are merged in one small table, so they neither queue up nor block
//! the caller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::data::OffsetRange;

/// What the thread was asked for since it last looked.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// The last committed range of each partition.
    pub committed: BTreeMap<(Arc<str>, i32), OffsetRange>,
    /// Check at once which streams are paused.
    pub pause: bool,
    pub drained: Vec<oneshot::Sender<()>>,
    pub close: bool,
}

#[derive(Debug)]
pub(super) struct Control {
    /// `None` once the thread ended: nobody is left to answer.
    requests: Mutex<Option<Requests>>,
    waiting: AtomicBool,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            requests: Mutex::new(Some(Requests::default())),
            waiting: AtomicBool::new(false),
        }
    }
}

impl Control {
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    pub fn take(&self) -> Requests {
        let mut requests = self.requests.lock();
        self.waiting.store(false, Ordering::Relaxed);
        requests.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The thread ended. This also ends the wait of those who asked for a drain.
    pub fn end(&self) {
        *self.requests.lock() = None;
    }

    pub fn ask(&self, change: impl FnOnce(&mut Requests)) {
        let mut requests = self.requests.lock();
        let Some(requests) = requests.as_mut() else {
            return;
        };
        change(requests);
        self.waiting.store(true, Ordering::Relaxed);
    }
}
