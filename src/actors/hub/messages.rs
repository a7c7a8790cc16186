//! What the hub is told, and what it shares with those who hold its handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Message, Recipient};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::data::{ClientKey, Scoped, SharedCursor, Stored};
use crate::live::index::Full;
use crate::live::{Options, Receiver, Ring, SubscriberId};

/// Batches that may wait for the hub; beyond, it reads them from Postgres.
const OFFERS_MAX: usize = 64;

/// A live subscription; dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    pub receiver: Receiver,
    /// Everything from here on comes through the receiver; what is before lies in Postgres.
    pub live_from: Arc<SharedCursor>,
    pub(super) id: SubscriberId,
    pub(super) hub: Recipient<Unsubscribe>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    #[error("live data is not available yet; try again in a moment")]
    Unavailable,
    #[error("this server is shutting down; subscribe again elsewhere")]
    GoingAway,
    #[error(transparent)]
    Full(Full),
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.do_send(Unsubscribe(self.id));
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    published: Mutex<Option<Arc<SharedCursor>>>,
    pub recent: Ring,
    pub by_client: bool,
    pub draining: watch::Sender<bool>,
    offers: AtomicUsize,
}

impl Shared {
    pub fn new(recent: usize, by_client: bool) -> Self {
        Self {
            published: Mutex::default(),
            recent: Ring::new(recent),
            by_client,
            draining: watch::Sender::new(false),
            offers: AtomicUsize::new(0),
        }
    }

    /// Called after the outboxes have what lies before these positions.
    pub fn publish(&self, cursor: Arc<SharedCursor>) {
        *self.published.lock() = Some(cursor);
    }

    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    pub fn published(&self) -> Option<Arc<SharedCursor>> {
        self.published.lock().clone()
    }
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Subscribe {
    /// `None`: the program itself.
    pub client: Option<ClientKey>,
    pub scoped: Scoped,
    /// `None`: it is to be counted and told of the end, and gets no points.
    pub options: Option<Options>,
    pub reply: oneshot::Sender<Result<Subscription, SubscribeError>>,
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Unsubscribe(pub SubscriberId);

#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Drain {
    pub window: Duration,
    pub done: oneshot::Sender<()>,
}

/// A batch that holds a place in the hub's bounded queue.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Offer {
    pub stored: Arc<Stored>,
    pub origin: Origin,
    _ticket: Ticket,
}

/// Who committed a batch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Here,
    Elsewhere,
}

#[derive(Debug)]
struct Ticket(Arc<Shared>);

impl Offer {
    /// `None` while as many wait as may.
    pub fn new(stored: Arc<Stored>, origin: Origin, shared: &Arc<Shared>) -> Option<Self> {
        let before = shared.offers.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket(Arc::clone(shared));
        (before < OFFERS_MAX).then_some(Self {
            stored,
            origin,
            _ticket: ticket,
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.offers.fetch_sub(1, Ordering::Relaxed);
    }
}
