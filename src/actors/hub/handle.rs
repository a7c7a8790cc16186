//! What the rest of the program sees of the hub: no actor, only calls that any thread may make.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Addr, Message};
use tokio::sync::{oneshot, watch};

use super::Hub;
use crate::actors::messages::CatchUp;
use crate::data::{ClientKey, Mark, Scoped, Stored};
use crate::live::index::Full;
use crate::live::{Options, Receiver, Ring, SubscriberId};

/// How long a subscriber waits for the hub to know where everything stands.
const PATIENCE: Duration = Duration::from_secs(5);
/// Batches that may wait for the hub; beyond, it reads them from Postgres.
const OFFERS_MAX: usize = 64;

#[derive(Clone, Debug)]
pub struct HubHandle {
    addr: Addr<Hub>,
    shared: Arc<Shared>,
}

/// A live subscription; dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    pub receiver: Receiver,
    /// Everything from here on comes through the receiver; what is before lies in Postgres.
    pub seam: Arc<Mark>,
    id: SubscriberId,
    addr: Addr<Hub>,
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

impl HubHandle {
    pub(super) fn new(addr: Addr<Hub>, shared: Arc<Shared>) -> Self {
        Self { addr, shared }
    }

    /// The points of all series that match, from `seam` on.
    ///
    /// # Errors
    /// `Unavailable` while Postgres has not yet told where everything stands, `GoingAway` once the
    /// hub drains, `Full` when this client or all together have as much as they may.
    pub async fn subscribe(
        &self,
        client: Option<ClientKey>,
        scoped: Scoped,
        options: Options,
    ) -> Result<Subscription, SubscribeError> {
        let (reply, answer) = oneshot::channel();
        self.addr.do_send(Subscribe {
            client: self.told_apart(client),
            scoped,
            options,
            reply,
        });
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(SubscribeError::Unavailable),
        }
    }

    /// The client, where addresses tell one from another.
    pub fn told_apart(&self, client: Option<ClientKey>) -> Option<ClientKey> {
        client.filter(|_| self.shared.by_client)
    }

    /// Where everything stands that was handed to the outboxes; `None` before the first look.
    pub fn published(&self) -> Option<Arc<Mark>> {
        self.shared.published()
    }

    /// What was published last.
    pub fn recent(&self) -> &Ring {
        &self.shared.recent
    }

    /// Never waits: while the hub lags, a batch is left to its tail reader.
    pub fn publish(&self, stored: Arc<Stored>) {
        self.offer(stored, Origin::Here);
    }

    /// As `publish`, for what another node says it committed.
    pub fn hear(&self, stored: Arc<Stored>) {
        self.offer(stored, Origin::Elsewhere);
    }

    fn offer(&self, stored: Arc<Stored>, origin: Origin) {
        let ticket = Ticket::new(&self.shared);
        if self.shared.offers.load(Ordering::Relaxed) > OFFERS_MAX {
            return;
        }
        self.addr.do_send(Offer {
            stored,
            origin,
            _ticket: ticket,
        });
    }

    /// Something was committed that did not come through `publish`.
    pub fn catch_up(&self) {
        self.addr.do_send(CatchUp);
    }

    /// Refuses new subscriptions, ends the present ones spread over `window`, and returns when the
    /// last has gone. The caller sets the deadline.
    pub async fn drain(&self, window: Duration) {
        self.shared.draining.send_replace(true);
        let (done, drained) = oneshot::channel();
        self.addr.do_send(Drain { window, done });
        // The hub is gone: so is every subscription.
        let _ = drained.await;
    }

    /// Turns true when the hub drains.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.shared.draining.subscribe()
    }

    pub fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }
}

impl Subscription {
    pub(super) fn new(receiver: Receiver, seam: Arc<Mark>, id: SubscriberId, addr: Addr<Hub>) -> Self {
        Self {
            receiver,
            seam,
            id,
            addr,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.addr.do_send(Unsubscribe(self.id));
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    published: Mutex<Option<Arc<Mark>>>,
    pub recent: Ring,
    by_client: bool,
    draining: watch::Sender<bool>,
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
    pub fn publish(&self, mark: Arc<Mark>) {
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
    }

    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    pub fn published(&self) -> Option<Arc<Mark>> {
        self.published
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Subscribe {
    /// `None`: the program itself.
    pub client: Option<ClientKey>,
    pub scoped: Scoped,
    pub options: Options,
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

impl Ticket {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.offers.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.offers.fetch_sub(1, Ordering::Relaxed);
    }
}
