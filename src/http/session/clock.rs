//! One clock for all live connections of a worker: signs of life, time-outs, draining.
//!
//! It works even when bodies are not pulled. It shuts the socket of a dead or stuck peer down; the
//! dispatcher notices and drops the connection.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use actix_web::HttpRequest;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Due, Gate, Limits, Session, Settings, Shared};
use crate::http::connections;

/// Ticks are a fraction of the shortest limit, in these bounds.
const TICK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// Changes of access that follow each other faster are looked at together.
const LOOK: Duration = Duration::from_millis(50);

pub struct Clock(Rc<Inner>);

struct Inner {
    limits: Limits,
    draining: watch::Receiver<bool>,
    /// Counts the changes of access.
    changes: watch::Receiver<u64>,
    connections: RefCell<Vec<Connection>>,
    runs: Cell<bool>,
}

struct Connection {
    /// `None` in tests without a server.
    transport: Option<Weak<connections::Connection>>,
    shared: Weak<Shared<dyn Session>>,
}

impl Clock {
    pub fn new(settings: &Settings, gate: &dyn Gate) -> Self {
        Self(Rc::new(Inner {
            limits: settings.limits,
            draining: settings.draining.clone(),
            changes: gate.changes(),
            connections: RefCell::default(),
            runs: Cell::new(false),
        }))
    }

    /// Watches a session that answers this request, until its body is dropped.
    pub fn add(&self, request: &HttpRequest, shared: Weak<Shared<dyn Session>>) {
        let transport = connections::Connection::of(request).as_ref().map(Rc::downgrade);
        let connection = Connection { transport, shared };
        if *self.0.draining.borrow() {
            let now = Instant::now();
            // Time for the greeting: clients that got none do not subscribe again after reconnecting.
            let idle_at = now + self.0.limits.close;
            connection.with_session(|session| session.drain(now, idle_at));
        }
        // What changed since the request was let in. Later changes find the connection in the list.
        connection.with_session(|session| _ = session.access_changed(Instant::now()));
        self.0.connections.borrow_mut().push(connection);
        if !self.0.runs.replace(true) {
            actix_web::rt::spawn(Inner::run(Rc::clone(&self.0)));
        }
    }
}

impl Inner {
    /// Runs until no connection is left.
    async fn run(self: Rc<Self>) {
        let limits = &self.limits;
        let shortest = limits.init.min(limits.beat).min(limits.dead_after);
        let shortest = shortest.min(limits.complete).min(limits.close).min(limits.drain);
        let tick = (shortest / 4).clamp(TICK.0, TICK.1);
        let mut draining = self.draining.clone();
        let mut changes = self.changes.clone();
        // The senders may be gone, as in tests.
        let (mut may_drain, mut may_change) = (true, true);
        let mut next = Instant::now() + tick;
        let mut look_at = Instant::now();
        while self.runs.get() {
            let changed = async {
                sleep_until(look_at).await;
                changes.changed().await
            };
            tokio::select! {
                () = sleep_until(next) => {
                    self.each(|session, now| session.on_time(now));
                    next = Instant::now() + tick;
                }
                changed = changed, if may_change => {
                    may_change = changed.is_ok();
                    self.each(|session, now| session.access_changed(now));
                    look_at = Instant::now() + LOOK;
                }
                drains = draining.wait_for(|drains| *drains), if may_drain => {
                    may_drain = false;
                    let drains = drains.is_ok();
                    if drains {
                        self.drain();
                    }
                }
            }
        }
    }

    fn each(&self, look: impl Fn(&mut dyn Session, Instant) -> Due) {
        let now = Instant::now();
        let mut connections = self.connections.borrow_mut();
        connections.retain(|connection| {
            let Some(shared) = connection.shared.upgrade() else {
                return false;
            };
            let due = look(&mut *shared.session.borrow_mut(), now);
            match due {
                Due::Nothing => {}
                Due::Write => shared.waker.wake(),
                Due::Cut => {
                    if let Some(transport) = connection.transport.as_ref().and_then(Weak::upgrade) {
                        transport.shut();
                    }
                    shared.session.borrow_mut().abandon();
                }
            }
            due != Due::Cut
        });
        if connections.is_empty() {
            *connections = Vec::new();
            self.runs.set(false);
        }
    }

    fn drain(&self) {
        let now = Instant::now();
        let connections = self.connections.borrow();
        let step = self.limits.farewell / u32::try_from(connections.len().max(1)).unwrap_or(u32::MAX);
        for (nth, connection) in (0_u32..).zip(connections.iter()) {
            connection.with_session(|session| session.drain(now, now + step * nth));
        }
    }
}

impl Connection {
    fn with_session(&self, then: impl FnOnce(&mut dyn Session)) {
        if let Some(shared) = self.shared.upgrade() {
            then(&mut *shared.session.borrow_mut());
        }
    }
}
