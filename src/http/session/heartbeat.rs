//! When a sign of life is due on a connection, and since when its socket has taken nothing.

use std::ops::ControlFlow;

use tokio::time::Instant;

use super::Limits;

#[derive(Debug)]
pub struct Heartbeat {
    beat_at: Instant,
    /// Since when something has been waiting for the socket.
    waiting_since: Option<Instant>,
    beat: bool,
}

impl Heartbeat {
    pub fn new(limits: &Limits) -> Self {
        Self {
            beat_at: Instant::now() + limits.beat,
            waiting_since: None,
            beat: false,
        }
    }

    /// The socket takes something again; true when a sign of life is due.
    pub fn pulled(&mut self) -> bool {
        self.waiting_since = None;
        std::mem::take(&mut self.beat)
    }

    /// Something waits to be written from now on, unless something waits already.
    pub fn wait(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    pub fn is_waiting(&self) -> bool {
        self.waiting_since.is_some()
    }

    /// Breaks if the socket is stuck.
    pub fn on_time(&mut self, now: Instant, limits: &Limits) -> ControlFlow<()> {
        if self
            .waiting_since
            .is_some_and(|since| now >= since + limits.dead_after)
        {
            return ControlFlow::Break(());
        }
        if now >= self.beat_at {
            self.beat_at = now + limits.beat;
            self.beat = true;
            self.wait(now);
        }
        ControlFlow::Continue(())
    }
}
