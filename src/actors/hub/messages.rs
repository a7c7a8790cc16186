//! What the hub is told, and what it shares with those who hold its handle.

use std::sync::Arc;
use std::time::Duration;

use actix::{Message, Recipient};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::data::{ClientKey, Scoped, SharedCursor, Stored};
use crate::live::index::Full;
use crate::live::{Options, Receiver, Ring, SubscriberId};

/// Batches that may wait for the hub. It reads more than these from Postgres.
const OFFERS_MAX: usize = 64;

/// A live subscription; dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    pub receiver: Receiver,
    /// Everything from here on comes through the receiver. What came before is in Postgres.
    pub live_from: Arc<SharedCursor>,
    pub(super) id: SubscriberId,
    pub(super) hub: Recipient<ToHub>,
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
        self.hub.do_send(ToHub::Unsubscribe(self.id));
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    published: Mutex<Option<Arc<SharedCursor>>>,
    pub recent: Ring,
    pub by_client: bool,
    pub draining: watch::Sender<bool>,
    /// Places in the queue.
    pub offers: Arc<Semaphore>,
}

impl Shared {
    pub fn new(recent: usize, by_client: bool) -> Self {
        Self {
            published: Mutex::default(),
            recent: Ring::new(recent),
            by_client,
            draining: watch::Sender::new(false),
            offers: Arc::new(Semaphore::new(OFFERS_MAX)),
        }
    }

    /// To be called once the outboxes have everything up to this cursor.
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

#[derive(Debug)]
pub(super) struct Subscribe {
    /// `None`: the program itself.
    pub client: Option<ClientKey>,
    pub scoped: Scoped,
    /// `None`: it gets no points, is counted, and is told of the end.
    pub options: Option<Options>,
    pub reply: oneshot::Sender<Result<Subscription, SubscribeError>>,
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) enum ToHub {
    /// A batch, with its place in the hub's bounded queue.
    Offer(Arc<Stored>, Origin, OwnedSemaphorePermit),
    /// Something was committed that was not offered; read Postgres now.
    CatchUp,
    Subscribe(Subscribe),
    Unsubscribe(SubscriberId),
    /// End all subscriptions, spread over this time, and say when the last has gone.
    Drain(Duration, oneshot::Sender<()>),
}

/// Who committed a batch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Here,
    Elsewhere,
}
