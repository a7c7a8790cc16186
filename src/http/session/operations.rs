//! The operations of one connection. They are polled in turn, and only those that were woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use futures_util::task::AtomicWaker;

use crate::data::Usage;
use crate::graphql::Payload;
use crate::http::connections::ClientPermit;

#[derive(Default)]
pub struct Running {
    list: Vec<Operation>,
    /// The index of the next one.
    turn: usize,
    connection: Arc<AtomicWaker>,
}

pub struct Operation {
    pub id: Box<str>,
    /// Goes before each of its payloads.
    pub opening: Box<[u8]>,
    /// Where it is told of another grant of its viewer.
    pub usage: Option<Arc<Usage>>,
    /// The cursor of its last payload.
    pub cursor: Option<Arc<str>>,
    payloads: BoxStream<'static, Payload>,
    bell: Arc<Bell>,
    /// Rings the bell; made once.
    waker: Waker,
    /// The memory of its variables.
    _held: Option<ClientPermit>,
}

/// Wakes the connection for one operation.
struct Bell {
    rung: AtomicBool,
    connection: Arc<AtomicWaker>,
}

/// A payload of an operation, or its end.
pub struct Event {
    /// Its place, valid until another call.
    pub at: usize,
    /// `None` at its end.
    pub payload: Option<Payload>,
}

impl Running {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.list.iter().position(|operation| &*operation.id == id)
    }

    pub fn get(&self, at: usize) -> &Operation {
        &self.list[at]
    }

    /// The operation has sent what ends at this cursor.
    pub fn sent(&mut self, at: usize, cursor: Option<Arc<str>>) {
        if cursor.is_some() {
            self.list[at].cursor = cursor;
        }
    }

    pub fn start(
        &mut self,
        id: &str,
        opening: Vec<u8>,
        payloads: BoxStream<'static, Payload>,
        usage: Option<Arc<Usage>>,
        held: Option<ClientPermit>,
    ) {
        let bell = Arc::new(Bell {
            rung: AtomicBool::new(true),
            connection: Arc::clone(&self.connection),
        });
        if self.list.is_empty() {
            // Most connections have one operation.
            self.list.reserve_exact(1);
        }
        self.list.push(Operation {
            id: id.into(),
            opening: opening.into(),
            usage,
            cursor: None,
            payloads,
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            _held: held,
        });
    }

    /// Drops the operation; its id is free again.
    pub fn stop(&mut self, at: usize) -> Box<str> {
        let operation = self.list.remove(at);
        if at < self.turn {
            self.turn -= 1;
        }
        operation.id
    }

    pub fn clear(&mut self) {
        self.list = Vec::new();
    }

    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.connection.register(cx.waker());
        for _ in 0..self.list.len() {
            let at = self.turn % self.list.len();
            self.turn = at + 1;
            let operation = &mut self.list[at];
            if !operation.bell.rung.swap(false, Ordering::AcqRel) {
                continue;
            }
            let mut own = Context::from_waker(&operation.waker);
            if let Poll::Ready(payload) = operation.payloads.poll_next_unpin(&mut own) {
                // It may have more, so it is polled again when its turn comes.
                operation.bell.rung.store(true, Ordering::Release);
                return Poll::Ready(Event { at, payload });
            }
        }
        Poll::Pending
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.connection.wake();
    }
}
