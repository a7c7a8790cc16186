//! The status of all parts: read by `/readyz`, the `pipeline` query and the supervisor.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::data::{Credits, Micros, Streams};

/// The state of a part that has not reported yet.
const STARTING: &str = "starting";

/// The state of a shared part for those who may not know more.
const UNAVAILABLE: &str = "unavailable";

/// Shared by all parts; every method takes the lock for a few instructions.
#[derive(Debug, Default)]
pub struct Status(Mutex<Snapshot>);

#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub generation: u64,
    /// True from the moment the program begins to stop.
    pub stopping: bool,
    /// Migrations have not run yet, so there may be no tables to read.
    pub without_tables: bool,
    /// What the pipeline needs (`kafka`, `postgres`, `pipeline`), each with its problem, or `None` if it
    /// is well. A part that has not reported yet is "starting".
    pub needs: BTreeMap<&'static str, Option<String>>,
    /// Optional parts that are unavailable (`redis`).
    pub degraded: BTreeMap<&'static str, String>,
    pub streams: BTreeMap<String, StreamState>,
    pub partitions: BTreeMap<(String, i32), PartitionStatus>,
    /// Those of the running generation; `None` before the first.
    pub credits: Option<Arc<Credits>>,
    /// The last one of this node.
    pub maintenance: Option<MaintenanceRun>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceRun {
    pub at: Micros,
    pub outcome: Maintained,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maintained {
    Done {
        /// Time partitions that were dropped.
        partitions: u64,
        /// Rows that were deleted from partitions that stay.
        rows: u64,
    },
    /// Another node was running it.
    Elsewhere,
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamState {
    Running,
    /// Too many of its records failed, here or on another node: its mapping is wrong.
    Paused(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    pub stream: String,
    pub partition_id: i32,
    /// Under which this node claimed it.
    pub owner_epoch: i64,
    /// The next offset to commit to Postgres.
    pub next_offset: i64,
    /// Kafka's end of the partition, as last seen.
    pub end_offset: i64,
    /// Why it is stopped, such as `OFFSET_LOST`.
    pub trouble: Option<String>,
}

impl PartitionStatus {
    /// Records not yet committed to Postgres.
    pub fn lag(&self) -> i64 {
        self.end_offset.saturating_sub(self.next_offset).max(0)
    }
}

impl Snapshot {
    /// Records not yet committed, over all partitions of this node.
    pub fn lag(&self) -> i64 {
        self.partitions.values().map(PartitionStatus::lag).sum()
    }

    /// Bytes of the memory budget in use, and in all.
    pub fn budget(&self) -> (i64, i64) {
        let bytes = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let credits = self.credits.as_ref();
        credits.map_or((0, 0), |credits| (bytes(credits.held()), bytes(credits.total())))
    }

    /// What whoever knows of these streams may know: of all other streams nothing, and of what they
    /// share only whether it is well.
    pub fn seen_with(mut self, streams: &Streams) -> Self {
        if streams.are_all() {
            return self;
        }
        self.streams.retain(|name, _| streams.contain(name));
        self.partitions
            .retain(|_, status| streams.contain(&status.stream));
        let troubles = self.needs.values_mut().flatten();
        for why in troubles.chain(self.degraded.values_mut()) {
            UNAVAILABLE.clone_into(why);
        }
        self.credits = None;
        self.maintenance = None;
        self
    }

    pub fn is_ready(&self) -> bool {
        self.missing().is_empty()
    }

    /// Why the node is not ready, as sentences; empty when it is ready.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.stopping {
            missing.push("stopping".to_owned());
        }
        for (name, trouble) in &self.needs {
            if let Some(why) = trouble {
                missing.push(format!("{name}: {why}"));
            }
        }
        for (name, state) in &self.streams {
            if let StreamState::Paused(why) = state {
                missing.push(format!("stream {name} paused: {why}"));
            }
        }
        for ((topic, partition), status) in &self.partitions {
            if let Some(why) = &status.trouble {
                missing.push(format!("partition {topic}/{partition}: {why}"));
            }
        }
        missing
    }
}

impl Status {
    pub fn snapshot(&self) -> Snapshot {
        self.0.lock().clone()
    }

    pub fn update<T>(&self, change: impl FnOnce(&mut Snapshot) -> T) -> T {
        change(&mut self.0.lock())
    }

    /// Declares a need before it is met.
    pub fn expect(&self, need: &'static str) {
        self.0.lock().needs.insert(need, Some(STARTING.to_owned()));
    }

    /// True until the migrations have run: nothing can be read from Postgres.
    pub fn is_without_tables(&self) -> bool {
        self.0.lock().without_tables
    }

    pub fn is_paused(&self, stream: &str) -> bool {
        matches!(self.0.lock().streams.get(stream), Some(StreamState::Paused(_)))
    }

    pub fn well(&self, need: &'static str) {
        self.0.lock().needs.insert(need, None);
    }

    pub fn trouble(&self, need: &'static str, why: impl Into<String>) {
        self.0.lock().needs.insert(need, Some(why.into()));
    }
}
