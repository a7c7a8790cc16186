//! Live aggregates: one engine for each length of window that somebody subscribed to.
//!
//! The actor only knows which engines run; they live on its arbiter, which is theirs alone. A subscriber belongs to the
//! engine of its window length, and in the hub it is present without wanting any point, so that it
//! is counted and told to go like everybody else.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::mpsc;

use self::engine::{Engine, Join, Shared};
use self::lengths::Lengths;
use super::hub::{self, HubHandle, SubscribeError};
use crate::data::{Bucket, ClientKey, Matched, Micros, Scoped, Step};
use crate::live;
use crate::live::windows::{End, Receiver, Updates, Waiting, updates};
use crate::store::DatabaseUrl;
use crate::store::read::{ReadError, ReadLimits, Reader};
use crate::store::tail::Tail;
use crate::telemetry::Metrics;

mod engine;
mod lengths;
#[cfg(test)]
mod tests;

/// How long a subscriber waits for its first windows.
const PATIENCE: Duration = Duration::from_secs(20);
/// Subscribers that wait for one engine to hear of them.
const JOINS_MAX: usize = 1_000;

#[derive(Debug)]
pub struct Aggregates {
    shared: Rc<Shared>,
    engines: HashMap<Step, mpsc::Sender<Join>>,
    lengths: Lengths,
}

#[derive(Clone, Debug)]
pub struct AggregatesHandle {
    addr: Addr<Aggregates>,
    hub: HubHandle,
    waiting: Waiting,
}

#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks; `None` where clients cannot be told apart.
    pub client: Option<ClientKey>,
    pub scoped: Scoped,
    pub window: Step,
    /// Kept windows from here on come first, besides the current one of each series.
    pub since: Option<Micros>,
    /// At most one batch in this time.
    pub every: Duration,
}

/// A subscriber's windows; dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    receiver: Receiver,
    presence: hub::Subscription,
    present: Present,
    hub: HubHandle,
    _length: Length,
}

/// By what a subscriber is known to the hub.
#[derive(Clone, Debug)]
struct Present {
    client: Option<ClientKey>,
    scoped: Scoped,
}

/// A length in use.
#[derive(Debug)]
struct Length {
    client: Option<ClientKey>,
    window: Step,
    addr: Addr<Aggregates>,
}

impl Drop for Length {
    fn drop(&mut self) {
        self.addr.do_send(Leave(self.client, self.window));
    }
}

impl Aggregates {
    /// Starts on a thread of its own; no engine runs before somebody subscribes.
    ///
    /// # Errors
    /// When no pool can be built for this database.
    pub fn start(
        url: DatabaseUrl,
        hub: HubHandle,
        metrics: Arc<Metrics>,
    ) -> Result<AggregatesHandle, ReadError> {
        let limits = ReadLimits {
            connections: 2,
            statement_timeout: Duration::from_secs(5),
            ..ReadLimits::default()
        };
        let reader = Reader::new(url.clone(), limits)?;
        let at_hub = hub.clone();
        let waiting = Waiting::default();
        let all = waiting.clone();
        let addr = Self::start_in_arbiter(&Arbiter::new().handle(), |_| {
            let shared = Rc::new(Shared {
                reader,
                tail: Tail::new(url, 1),
                hub: at_hub,
                metrics,
                series: Cell::new(0),
                waiting: all,
            });
            Self {
                shared,
                engines: HashMap::new(),
                lengths: Lengths::default(),
            }
        });
        Ok(AggregatesHandle { addr, hub, waiting })
    }
}

impl AggregatesHandle {
    /// Returns when the first windows are there.
    pub async fn subscribe(&self, mut request: Request) -> Result<Subscription, End> {
        request.client = self.hub.told_apart(request.client);
        let present = Present {
            client: request.client,
            scoped: request.scoped.clone(),
        };
        let presence = present.presence(&self.hub).await?;
        let length = Length {
            client: request.client,
            window: request.window,
            addr: self.addr.clone(),
        };
        let (sender, receiver) = updates(request.every, &self.waiting);
        let join = Join {
            scoped: request.scoped,
            since: request.since,
            updates: sender,
        };
        self.addr.do_send(Begin(request.client, request.window, join));
        match tokio::time::timeout(PATIENCE, receiver.opened()).await {
            Ok(opened) => opened?,
            Err(_) => return Err(End::Unavailable),
        }
        Ok(Subscription {
            receiver,
            presence,
            present,
            hub: self.hub.clone(),
            _length: length,
        })
    }
}

impl Subscription {
    /// The series that have windows, before anything was taken.
    pub fn series(&self) -> Vec<Matched> {
        self.receiver.series()
    }

    /// Windows of a backfill, to come before those that wait.
    pub fn fill(&self, older: Vec<Bucket>) {
        self.receiver.fill(older);
    }

    pub async fn next(&mut self) -> Result<Updates, End> {
        loop {
            let end = tokio::select! {
                updates = self.receiver.next() => return updates,
                delivery = self.presence.receiver.next() => delivery,
            };
            match end {
                Err(live::End::GoingAway) => return Err(End::GoingAway),
                // The engine mends its own view of the hub.
                Err(live::End::Gap | live::End::Overflow) => {
                    self.presence = self.present.presence(&self.hub).await?;
                }
                Ok(_) => {}
            }
        }
    }
}

impl Present {
    /// A place among the hub's subscribers; the engine brings the points.
    async fn presence(&self, hub: &HubHandle) -> Result<hub::Subscription, End> {
        let presence = hub.attend(self.client, self.scoped.clone());
        presence.await.map_err(|error| match error {
            SubscribeError::GoingAway => End::GoingAway,
            SubscribeError::Unavailable => End::Unavailable,
            SubscribeError::Full(_) => End::Overloaded,
        })
    }
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Begin(Option<ClientKey>, Step, Join);

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Leave(Option<ClientKey>, Step);

impl Actor for Aggregates {
    type Context = Context<Self>;
}

impl Handler<Begin> for Aggregates {
    type Result = ();

    fn handle(&mut self, Begin(client, window, join): Begin, _: &mut Self::Context) {
        if !self.lengths.enter(client, window) {
            join.updates.end(End::TooManyLengths);
            return;
        }
        // An engine that nobody needs any more has ended by itself.
        self.engines.retain(|_, engine| !engine.is_closed());
        if let Some(engine) = self.engines.get(&window) {
            // Beyond its patience the subscriber hears that nothing is available.
            let _ = engine.try_send(join);
            return;
        }
        let (sender, joins) = mpsc::channel(JOINS_MAX);
        let _ = sender.try_send(join);
        self.engines.insert(window, sender);
        actix::spawn(Engine::new(Rc::clone(&self.shared), window, joins).run());
    }
}

impl Handler<Leave> for Aggregates {
    type Result = ();

    fn handle(&mut self, Leave(client, window): Leave, _: &mut Self::Context) {
        self.lengths.leave(client, window);
    }
}
