//! Live aggregates: one engine for each length of window that somebody subscribed to.
//!
//! The actor only knows which engines run; they live on its arbiter. A subscriber belongs to the
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
use super::hub::{self, HubHandle, SubscribeError};
use crate::data::{Bucket, Micros, Selector, SeriesId, Step};
use crate::live::windows::{End, Receiver, Updates, updates};
use crate::live::{self, Options};
use crate::store::DatabaseUrl;
use crate::store::read::{ReadError, ReadLimits, Reader};
use crate::store::tail::Tail;
use crate::telemetry::Metrics;

mod engine;
#[cfg(test)]
mod tests;

/// How long a subscriber waits for its first windows.
const PATIENCE: Duration = Duration::from_secs(20);
/// Lengths of windows at once, and subscribers that wait for one engine to hear of them.
const ENGINES_MAX: usize = 64;
const JOINS_MAX: usize = 1_000;

#[derive(Debug)]
pub struct Aggregates {
    shared: Rc<Shared>,
    engines: HashMap<Step, mpsc::Sender<Join>>,
}

#[derive(Clone, Debug)]
pub struct AggregatesHandle {
    addr: Addr<Aggregates>,
    hub: HubHandle,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub selector: Selector,
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
    hub: HubHandle,
}

impl Aggregates {
    /// Starts on the current arbiter; no engine runs before somebody subscribes.
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
        let shared = Rc::new(Shared {
            reader: Reader::new(url.clone(), limits)?,
            tail: Tail::new(url, 1),
            hub: hub.clone(),
            metrics,
            series: Cell::new(0),
        });
        let engines = HashMap::new();
        let addr = Actor::start(Self { shared, engines });
        Ok(AggregatesHandle { addr, hub })
    }
}

impl AggregatesHandle {
    /// Returns when the first windows are there.
    pub async fn subscribe(&self, request: Request) -> Result<Subscription, End> {
        let presence = presence(&self.hub).await?;
        let (sender, receiver) = updates(request.every);
        let join = Join {
            selector: request.selector,
            since: request.since,
            updates: sender,
        };
        self.addr.do_send(Begin(request.window, join));
        match tokio::time::timeout(PATIENCE, receiver.opened()).await {
            Ok(opened) => opened?,
            Err(_) => return Err(End::Unavailable),
        }
        Ok(Subscription {
            receiver,
            presence,
            hub: self.hub.clone(),
        })
    }
}

impl Subscription {
    /// The series that have windows, before anything was taken.
    pub fn series(&self) -> Vec<SeriesId> {
        self.receiver.series().into_iter().collect()
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
                Err(live::End::Gap | live::End::Overflow) => self.presence = presence(&self.hub).await?,
                Ok(_) => {}
            }
        }
    }
}

/// A place among the hub's subscribers that no series ever matches.
async fn presence(hub: &HubHandle) -> Result<hub::Subscription, End> {
    let nothing = Selector::new(Some("\0".to_owned()), Vec::new());
    match hub.subscribe(nothing, Options::default()).await {
        Ok(subscription) => Ok(subscription),
        Err(SubscribeError::GoingAway) => Err(End::GoingAway),
        Err(SubscribeError::Unavailable) => Err(End::Unavailable),
    }
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Begin(Step, Join);

impl Actor for Aggregates {
    type Context = Context<Self>;
}

impl Handler<Begin> for Aggregates {
    type Result = ();

    fn handle(&mut self, Begin(window, join): Begin, _: &mut Self::Context) {
        // An engine that nobody needs any more has ended by itself.
        self.engines.retain(|_, engine| !engine.is_closed());
        if let Some(engine) = self.engines.get(&window) {
            // Beyond its patience the subscriber hears that nothing is available.
            let _ = engine.try_send(join);
            return;
        }
        if self.engines.len() >= ENGINES_MAX {
            join.updates.end(End::TooManyLengths);
            return;
        }
        let (sender, joins) = mpsc::channel(JOINS_MAX);
        let _ = sender.try_send(join);
        self.engines.insert(window, sender);
        actix::spawn(Engine::new(Rc::clone(&self.shared), window, joins).run());
    }
}
