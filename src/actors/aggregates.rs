//! Live aggregates: one engine for each length of window that somebody subscribed to.
//!
//! The actor only knows which engines run. They live on its arbiter, which is theirs alone. A
//! subscriber belongs to the engine of its window length. It also subscribes to the hub without
//! points, so that it is counted and told to go like all others.

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
/// New subscribers that may wait for one engine.
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
    /// The first batch has the kept windows from here on, besides the current one of each series.
    pub since: Option<Micros>,
    /// At most one batch in this time.
    pub every: Duration,
}

/// A subscriber's windows; dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    receiver: Receiver,
    presence: hub::Subscription,
    client: Option<ClientKey>,
    scoped: Scoped,
    hub: HubHandle,
    _length: Length,
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
        self.addr.do_send(ToAggregates::Leave(self.client, self.window));
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
    pub async fn subscribe(&self, request: Request) -> Result<Subscription, End> {
        let Request { scoped, window, .. } = request;
        let client = self.hub.told_apart(request.client);
        let presence = attend(&self.hub, client, &scoped).await?;
        let length = Length {
            client,
            window,
            addr: self.addr.clone(),
        };
        let (sender, receiver) = updates(request.every, &self.waiting);
        let join = Join {
            scoped: scoped.clone(),
            since: request.since,
            updates: sender,
        };
        self.addr.do_send(ToAggregates::Begin(client, window, join));
        match tokio::time::timeout(PATIENCE, receiver.opened()).await {
            Ok(opened) => opened?,
            Err(_) => return Err(End::Unavailable),
        }
        Ok(Subscription {
            receiver,
            presence,
            client,
            scoped,
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

    /// Puts windows of a backfill before those that wait.
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
                // The engine has a subscription of its own and catches up by itself.
                Err(live::End::Gap | live::End::Overflow) => {
                    self.presence = attend(&self.hub, self.client, &self.scoped).await?;
                }
                Ok(_) => {}
            }
        }
    }
}

/// A subscription to the hub without points; the engine brings these.
async fn attend(
    hub: &HubHandle,
    client: Option<ClientKey>,
    scoped: &Scoped,
) -> Result<hub::Subscription, End> {
    let presence = hub.subscribe(client, scoped.clone(), None).await;
    presence.map_err(|error| match error {
        SubscribeError::GoingAway => End::GoingAway,
        SubscribeError::Unavailable => End::Unavailable,
        SubscribeError::Full(_) => End::Overloaded,
    })
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
enum ToAggregates {
    Begin(Option<ClientKey>, Step, Join),
    Leave(Option<ClientKey>, Step),
}

impl Actor for Aggregates {
    type Context = Context<Self>;
}

impl Handler<ToAggregates> for Aggregates {
    type Result = ();

    fn handle(&mut self, message: ToAggregates, _: &mut Self::Context) {
        let (client, window, join) = match message {
            ToAggregates::Begin(client, window, join) => (client, window, join),
            ToAggregates::Leave(client, window) => return self.lengths.leave(client, window),
        };
        if !self.lengths.enter(client, window) {
            join.updates.end(End::TooManyLengths);
            return;
        }
        // An engine without subscribers has ended by itself.
        self.engines.retain(|_, engine| !engine.is_closed());
        if let Some(engine) = self.engines.get(&window) {
            // If it is full, the subscriber runs into its time-out.
            let _ = engine.try_send(join);
            return;
        }
        let (sender, joins) = mpsc::channel(JOINS_MAX);
        let _ = sender.try_send(join);
        self.engines.insert(window, sender);
        actix::spawn(Engine::new(Rc::clone(&self.shared), window, joins).run());
    }
}
