//! The audit: who did what, as lines of the log and as rows of the table `audit`.
//!
//! To record never waits and never fails. What comes faster than Postgres takes it is dropped, which
//! is counted and recorded itself. The same again within a minute is counted and recorded once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::data::audit::{Action, Actor, Event, Outcome};
use crate::store::access::audit::Writer;
use crate::store::{DatabaseUrl, WriteError};
use crate::telemetry::Metrics;

/// Events that wait for Postgres; some 4 MiB.
const QUEUE: usize = 4_096;
/// Events of one statement.
const AT_ONCE: usize = 256;
/// Between looks for what was counted, and for the end.
const TICK: Duration = Duration::from_millis(200);
/// Until a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// For one write.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same again is counted for this long.
const MINUTE: Duration = Duration::from_secs(60);
/// Different events that are counted at a time. Further ones are counted together.
const COUNTED: usize = 10_000;

/// Where events go; cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: mpsc::Sender<Event>,
    repeats: Mutex<Repeats>,
    /// Not in the table: the queue was full, or Postgres does not take them.
    lost: AtomicU64,
    closing: AtomicBool,
    closed: Mutex<Option<oneshot::Receiver<()>>>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Repeats {
    counted: HashMap<Key, Repeat>,
    /// Denials for which there was no place.
    others: u64,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    actor: Actor,
    action: Action,
    target: String,
    outcome: Outcome,
}

#[derive(Debug)]
struct Repeat {
    since: Instant,
    /// After the first one, which was recorded at once; with the sums of its numbers.
    event: Option<Event>,
    times: u64,
}

impl Audit {
    /// Writes to this database as soon as it is there, on the current runtime.
    pub fn start(url: DatabaseUrl, metrics: Arc<Metrics>) -> Self {
        let (queue, events) = mpsc::channel(QUEUE);
        let (end, closed) = oneshot::channel();
        let audit = Self::of(queue, Some(closed), metrics);
        tokio::spawn(write(audit.clone(), url, events, end));
        audit
    }

    /// To the log alone.
    pub fn log_only() -> Self {
        let (queue, _) = mpsc::channel(1);
        Self::of(queue, None, Arc::default())
    }

    fn of(queue: mpsc::Sender<Event>, closed: Option<oneshot::Receiver<()>>, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            queue,
            repeats: Mutex::default(),
            lost: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            closed: Mutex::new(closed),
            metrics,
        }))
    }

    pub fn record(&self, event: Event) {
        if let Some(event) = self.0.repeats.lock().first(event, Instant::now()) {
            self.pass_on(event);
        }
    }

    /// Waits until what was recorded is in the table, but not for long.
    pub async fn close(&self, patience: Duration) {
        self.0.closing.store(true, Ordering::Release);
        let closed = self.0.closed.lock().take();
        if let Some(closed) = closed
            && timeout(patience, closed).await.is_err()
        {
            tracing::warn!("not all audit events could be stored; the log has them");
        }
    }

    fn pass_on(&self, event: Event) {
        log(&event);
        if let Err(TrySendError::Full(_)) = self.0.queue.try_send(event)
            && self.lost() == 0
        {
            tracing::warn!(
                "audit events are not stored, because too many wait for postgres; the log has them"
            );
        }
    }

    /// One more; how many there were before.
    fn lost(&self) -> u64 {
        self.0.metrics.audit_lost.inc();
        self.0.lost.fetch_add(1, Ordering::Relaxed)
    }

    /// Passes on what was counted and is due, and what was lost.
    fn sweep(&self, now: Option<Instant>) {
        let due = self.0.repeats.lock().due(now);
        for event in due {
            self.pass_on(event);
        }
        // Only when there is a place for it.
        if self.0.queue.capacity() > 0 {
            let lost = self.0.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                let actor = Actor::new("streamsync", "", None);
                self.pass_on(Event::new(actor, Action::Lost, "audit").with("events", lost));
            }
        }
    }
}

impl Repeats {
    /// The event if it is to be recorded now.
    fn first(&mut self, event: Event, now: Instant) -> Option<Event> {
        if !event.action.is_frequent() {
            return Some(event);
        }
        let key = Key {
            actor: event.actor.clone(),
            action: event.action,
            target: event.target.clone(),
            outcome: event.outcome,
        };
        if let Some(repeat) = self.counted.get_mut(&key) {
            repeat.add(event);
            return None;
        }
        if self.counted.len() >= COUNTED {
            // What was let in is bounded by its own limits.
            if event.action != Action::Denied {
                return Some(event);
            }
            self.others += 1;
            return None;
        }
        self.counted.insert(
            key,
            Repeat {
                since: now,
                event: None,
                times: 0,
            },
        );
        Some(event)
    }

    /// `None`: everything.
    fn due(&mut self, now: Option<Instant>) -> Vec<Event> {
        let is_due = |repeat: &Repeat| now.is_none_or(|now| now.duration_since(repeat.since) >= MINUTE);
        let mut due = Vec::new();
        self.counted.retain(|_, repeat| {
            if !is_due(repeat) {
                return true;
            }
            if let Some(event) = repeat.event.take() {
                due.push(event.with("times", repeat.times));
            }
            false
        });
        let others = std::mem::take(&mut self.others);
        if others > 0 {
            due.push(Event::new(Actor::unknown(None), Action::Denied, "others").with("times", others));
        }
        due
    }
}

impl Repeat {
    fn add(&mut self, event: Event) {
        self.times += 1;
        let Some(sum) = &mut self.event else {
            self.event = Some(event);
            return;
        };
        for (name, value) in event.detail {
            let total = sum.detail.get(&name).and_then(serde_json::Value::as_u64);
            if let (Some(a), Some(b)) = (total, value.as_u64()) {
                sum.detail.insert(name, a.saturating_add(b).into());
            }
        }
    }
}

fn log(event: &Event) {
    let detail = serde_json::Value::Object(event.detail.clone());
    tracing::info!(
        target: "audit",
        actor = %event.actor.subject,
        role = %event.actor.role,
        address = event.actor.address.map(tracing::field::display),
        action = %event.action,
        on = %event.target,
        outcome = event.outcome.as_str(),
        %detail,
        "audit"
    );
}

/// Together, or one by one when Postgres does not take one of them, which is left out then.
async fn store(audit: &Audit, writer: &mut Writer, events: &[Event]) -> Result<(), String> {
    match one_write(writer, events).await {
        Err(WriteError::Poisoned(why)) if events.len() == 1 => {
            tracing::error!(%why, "postgres refuses an audit event; the log has it");
            if events.iter().all(|event| event.action != Action::Lost) {
                audit.lost();
            }
            Ok(())
        }
        Err(WriteError::Poisoned(_)) => {
            for event in events {
                Box::pin(store(audit, writer, std::slice::from_ref(event))).await?;
            }
            Ok(())
        }
        written => written.map_err(|error| error.to_string()),
    }
}

async fn one_write(writer: &mut Writer, events: &[Event]) -> Result<(), WriteError> {
    let written = timeout(PATIENCE, writer.write(events)).await;
    let written = written.unwrap_or_else(|_| Err(WriteError::Retry("no answer in time".to_owned())));
    if written.is_err() {
        writer.reconnect();
    }
    written
}

/// Writes until it is closed and nothing waits.
async fn write(audit: Audit, url: DatabaseUrl, mut events: mpsc::Receiver<Event>, end: oneshot::Sender<()>) {
    let mut writer = Writer::new(url);
    let mut waiting = Vec::new();
    let mut told = false;
    loop {
        let closing = audit.0.closing.load(Ordering::Acquire);
        audit.sweep((!closing).then(Instant::now));
        if waiting.is_empty() {
            while waiting.len() < AT_ONCE
                && let Ok(event) = events.try_recv()
            {
                waiting.push(event);
            }
        }
        if waiting.is_empty() {
            if closing {
                break;
            }
            let more = events.recv_many(&mut waiting, AT_ONCE);
            // Also wakes for what was counted, and for the end.
            let _ = timeout(TICK, more).await;
            continue;
        }
        match store(&audit, &mut writer, &waiting).await {
            Ok(()) => {
                waiting.clear();
                told = false;
            }
            Err(why) => {
                if !told {
                    tracing::warn!(%why, "audit events wait for postgres");
                    told = true;
                }
                sleep(RETRY).await;
            }
        }
    }
    let _ = end.send(());
}

#[cfg(test)]
mod tests;
