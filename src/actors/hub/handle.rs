//! What the rest of the program sees of the hub: no actor, only calls that any thread may make.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Arbiter};
use tokio::sync::{oneshot, watch};

use super::Hub;
use super::messages::{Origin, Shared, Subscribe, SubscribeError, Subscription, ToHub};
use crate::cache::LatestCache;
use crate::data::{ClientKey, Scoped, SharedCursor, Stored};
use crate::live::index::Limits;
use crate::live::{Options, Ring};
use crate::store::DatabaseUrl;
use crate::telemetry::{Metrics, Status};

/// How long a subscriber waits for the first poll of Postgres.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct HubHandle {
    addr: Addr<Hub>,
    shared: Arc<Shared>,
}

impl HubHandle {
    /// Starts the hub on a thread of its own. `recent`: how many bytes of published points it keeps.
    pub fn start(
        url: DatabaseUrl,
        recent: usize,
        limits: Limits,
        latest: LatestCache,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
    ) -> Self {
        let shared = Arc::new(Shared::new(recent, limits.by_client.is_some()));
        let hub = Hub::new(url, limits, latest, metrics, status, Arc::clone(&shared));
        let addr = Hub::start_in_arbiter(&Arbiter::new().handle(), |_| hub);
        Self { addr, shared }
    }

    /// The points of all series that match, from `live_from` on. Without options it gets no points: a
    /// subscriber that gets them in another way is counted like others, and told of the end.
    ///
    /// # Errors
    /// `Unavailable` before the first poll of Postgres, `GoingAway` once the hub drains, `Full` when
    /// this client or all clients together have as much as they may.
    pub async fn subscribe(
        &self,
        client: Option<ClientKey>,
        scoped: Scoped,
        options: Option<Options>,
    ) -> Result<Subscription, SubscribeError> {
        let (reply, answer) = oneshot::channel();
        self.addr.do_send(ToHub::Subscribe(Subscribe {
            client: self.told_apart(client),
            scoped,
            options,
            reply,
        }));
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(SubscribeError::Unavailable),
        }
    }

    /// The client; `None` where addresses do not tell clients apart.
    pub fn told_apart(&self, client: Option<ClientKey>) -> Option<ClientKey> {
        client.filter(|_| self.shared.by_client)
    }

    /// The positions up to which the outboxes have everything; `None` before the first poll.
    pub fn published(&self) -> Option<Arc<SharedCursor>> {
        self.shared.published()
    }

    /// What was published last.
    pub fn recent(&self) -> &Ring {
        &self.shared.recent
    }

    /// Never waits: while the hub lags, it reads the batch from Postgres later.
    pub fn publish(&self, stored: Arc<Stored>) {
        self.offer(stored, Origin::Here);
    }

    /// As `publish`, for what another node says it committed.
    pub fn hear(&self, stored: Arc<Stored>) {
        self.offer(stored, Origin::Elsewhere);
    }

    fn offer(&self, stored: Arc<Stored>, origin: Origin) {
        if let Ok(place) = Arc::clone(&self.shared.offers).try_acquire_owned() {
            self.addr.do_send(ToHub::Offer(stored, origin, place));
        }
    }

    /// Something was committed that did not come through `publish`.
    pub fn catch_up(&self) {
        self.addr.do_send(ToHub::CatchUp);
    }

    /// Refuses new subscriptions and ends the present ones, spread over `window`. Returns when the last
    /// has gone. The caller sets the deadline.
    pub async fn drain(&self, window: Duration) {
        self.shared.draining.send_replace(true);
        let (done, drained) = oneshot::channel();
        self.addr.do_send(ToHub::Drain(window, done));
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
