//! Streams that are paused because too many of their records failed. One node decides; all nodes with
//! the same mapping learn it through Postgres. A timeout, an operator or a restart ends it.
//!
//! The writer and operators decide. The result is the state of each stream in [`Status`], which the poll
//! thread follows. While Postgres is unavailable the state does not change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use crate::store::WriteError;
use crate::store::connect::DatabaseUrl;
use crate::store::pauses::{Pause, Pauses, Plan};
use crate::telemetry::Status;
use crate::telemetry::status::StreamState;
use crate::transform::StreamPlan;

/// How soon a node learns of another node's pauses.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pausing(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    database: DatabaseUrl,
    plans: RwLock<Vec<Plan>>,
    /// How long the first pause of a stream is.
    first: Duration,
    status: Arc<Status>,
    /// Decided here, with the reason, and not yet in Postgres.
    fresh: Mutex<BTreeMap<String, String>>,
    decided: Notify,
    begun: AtomicBool,
    /// One operator at a time has a connection.
    resuming: Semaphore,
}

impl Pausing {
    pub fn new<'p>(
        database: DatabaseUrl,
        plans: impl IntoIterator<Item = &'p StreamPlan>,
        first: Duration,
        status: Arc<Status>,
    ) -> Self {
        Self(Arc::new(Shared {
            database,
            plans: RwLock::new(told(plans)),
            first,
            status,
            fresh: Mutex::default(),
            decided: Notify::new(),
            begun: AtomicBool::new(false),
            resuming: Semaphore::new(1),
        }))
    }

    /// To be called before the first generation reads: a restart ends pauses.
    pub async fn begin(&self) -> Result<(), WriteError> {
        if !self.0.begun.load(Ordering::Relaxed) {
            let pauses = Pauses::connect(&self.0.database).await?;
            pauses.forget(&self.plans()).await?;
            self.0.begun.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Some streams are read in another way from now on: their pauses end as at a restart.
    pub async fn replan(&self, plans: &[StreamPlan], changed: &[StreamPlan]) {
        *self.0.plans.write() = told(plans);
        let changed = told(changed);
        let forgotten = timeout(ANSWER_WITHIN, async {
            let pauses = Pauses::connect(&self.0.database).await?;
            pauses.forget(&changed).await
        });
        if !matches!(forgotten.await, Ok(Ok(()))) {
            tracing::warn!("pauses of earlier mappings may hold on, as Postgres does not answer");
        }
        self.0.decided.notify_one();
    }

    fn plans(&self) -> Vec<Plan> {
        self.0.plans.read().clone()
    }

    /// Too many records of this stream fail.
    pub fn pause(&self, stream: &str, why: String) {
        self.0.fresh.lock().insert(stream.to_owned(), why.clone());
        self.0.status.update(|snapshot| {
            let paused = StreamState::Paused(why);
            snapshot.streams.insert(stream.to_owned(), paused);
        });
        self.0.decided.notify_one();
    }

    /// To resume a stream: one at a time has a connection.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, WriteError> {
        let turn = timeout(ANSWER_WITHIN, self.0.resuming.acquire()).await;
        let turn = turn.ok().and_then(Result::ok);
        turn.ok_or_else(late)
    }

    /// Resumes a stream on every node; returns whether it was paused.
    pub async fn resume(&self, _turn: SemaphorePermit<'_>, stream: &str) -> Result<bool, WriteError> {
        let resumed = timeout(ANSWER_WITHIN, async {
            let pauses = Pauses::connect(&self.0.database).await?;
            let here = self.0.fresh.lock().remove(stream).is_some();
            let resumed = pauses.resume(stream).await? || here;
            self.look(&pauses).await?;
            Ok(resumed)
        });
        resumed.await.unwrap_or_else(|_| Err(late()))
    }

    /// Follows what all nodes decide, for as long as the program runs.
    pub async fn watch(&self) {
        let mut pauses = None;
        loop {
            let looked = timeout(ANSWER_WITHIN, self.round(&mut pauses)).await;
            if !matches!(looked, Ok(Ok(()))) {
                tracing::debug!(?looked, "cannot read the paused streams");
                pauses = None;
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = self.0.decided.notified(), if pauses.is_some() => {}
            }
        }
    }

    async fn round(&self, session: &mut Option<Pauses>) -> Result<(), WriteError> {
        let pauses = match session {
            Some(pauses) => pauses,
            none => none.insert(Pauses::connect(&self.0.database).await?),
        };
        let fresh = self.0.fresh.lock().clone();
        for (stream, why) in fresh {
            if let Some(plan) = self.plans().iter().find(|(name, _)| *name == stream) {
                pauses.begin(plan, &why, self.0.first).await?;
            }
            let mut fresh = self.0.fresh.lock();
            if fresh.get(&stream) == Some(&why) {
                fresh.remove(&stream);
            }
        }
        self.look(pauses).await
    }

    async fn look(&self, pauses: &Pauses) -> Result<(), WriteError> {
        let plans = self.plans();
        let current = pauses.current(&plans).await?;
        let fresh = self.0.fresh.lock();
        self.0.status.update(|snapshot| {
            for (stream, _) in &plans {
                if fresh.contains_key(stream) {
                    continue;
                }
                let state = match current.iter().find(|pause| pause.stream == *stream) {
                    Some(Pause { why, until, .. }) => {
                        StreamState::Paused(format!("{why}, or wait until {until}"))
                    }
                    None => StreamState::Running,
                };
                let before = snapshot.streams.insert(stream.clone(), state.clone());
                tell(stream, before.as_ref(), &state);
            }
        });
        Ok(())
    }
}

/// What decides which records fail. Functions are left out because they differ between builds.
fn told<'p>(plans: impl IntoIterator<Item = &'p StreamPlan>) -> Vec<Plan> {
    let told = |plan: &StreamPlan| {
        let what = format!("{:?} {:?}", plan.mapping, plan.limits);
        (plan.name.to_string(), what)
    };
    plans.into_iter().map(told).collect()
}

fn late() -> WriteError {
    WriteError::Retry("no answer in time".to_owned())
}

fn tell(stream: &str, before: Option<&StreamState>, now: &StreamState) {
    match (before, now) {
        (Some(StreamState::Paused(_)), StreamState::Running) => {
            tracing::info!(stream, "stream resumed");
        }
        (None | Some(StreamState::Running), StreamState::Paused(why)) => {
            tracing::error!(stream, "stream paused: {why}");
        }
        _ => {}
    }
}
