//! One clock for all connections of a worker. It ends those that do nothing for too long, even while
//! their bodies or actix wait.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::connection::{Connection, Wait};

/// Ticks are a fraction of the shortest limit, in these bounds.
const TICK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

thread_local! {
    // A worker is a thread, and `on_connect` gets nothing else of the worker.
    static CLOCK: Clock = const { Clock { connections: RefCell::new(Vec::new()), runs: Cell::new(false) } };
}

struct Clock {
    connections: RefCell<Vec<Watched>>,
    runs: Cell<bool>,
}

struct Watched {
    connection: Weak<Connection>,
    /// How often it had moved at the last tick, and since when it has not moved.
    moves: u32,
    since: Instant,
}

/// Watches a connection of this worker until it is dropped.
pub(super) fn watch(connection: &Rc<Connection>) {
    let watched = Watched {
        connection: Rc::downgrade(connection),
        moves: connection.moves(),
        since: Instant::now(),
    };
    let limits = connection.limits();
    let tick = (limits.idle.min(limits.stall) / 4).clamp(TICK.0, TICK.1);
    CLOCK.with(|clock| {
        clock.connections.borrow_mut().push(watched);
        if !clock.runs.replace(true) {
            actix_web::rt::spawn(run(tick));
        }
    });
}

/// Runs until no connection is left.
async fn run(tick: Duration) {
    loop {
        sleep(tick).await;
        if CLOCK.with(Clock::tick) {
            return;
        }
    }
}

impl Clock {
    /// True when nothing is left to watch.
    fn tick(&self) -> bool {
        let now = Instant::now();
        let mut connections = self.connections.borrow_mut();
        connections.retain_mut(|watched| {
            let connection = watched.connection.upgrade();
            connection.is_some_and(|connection| watched.goes_on(&connection, now))
        });
        let is_empty = connections.is_empty();
        if is_empty {
            *connections = Vec::new();
            self.runs.set(false);
        }
        is_empty
    }
}

impl Watched {
    fn goes_on(&mut self, connection: &Connection, now: Instant) -> bool {
        let limits = connection.limits();
        let (limit, reason) = match connection.waits_for() {
            Wait::Request => (limits.idle, "idle"),
            Wait::Reader => (limits.stall, "stalled"),
            Wait::Us => (Duration::MAX, ""),
        };
        let moves = connection.moves();
        if moves != std::mem::replace(&mut self.moves, moves) || limit == Duration::MAX {
            self.since = now;
        }
        let goes_on = now - self.since < limit;
        if !goes_on {
            connection.cut(reason);
        }
        goes_on
    }
}
