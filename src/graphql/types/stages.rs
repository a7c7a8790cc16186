//! `Stage`: whether a stage works, waits or is stopped, derived from the bytes it holds.

use async_graphql::{Enum, SimpleObject};

use super::long;
use crate::data::Held;
use crate::graphql::scalars::Long;
use crate::graphql::services::Services;
use crate::telemetry::status::{PartitionStatus, Snapshot, StreamState};

/// From this level on, the fullest outbox counts as back-pressure.
const SLOW_OUTBOX: f64 = 0.5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum StageName {
    /// Reads records from Kafka.
    Source,
    /// Turns records into points.
    Transform,
    /// Writes points to Postgres.
    Store,
    /// Sends points to subscribers.
    Live,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum StageState {
    /// No records arriving.
    Idle,
    /// It has work, or had some in the last ten seconds.
    Running,
    /// It waits for the next stage or for slow subscribers.
    Waiting,
    /// It is stopped; `why` says why.
    Stopped,
}

/// A stage of this node's pipeline.
#[derive(Clone, Debug, PartialEq, SimpleObject)]
pub struct Stage {
    pub name: StageName,
    pub state: StageState,
    /// Why it, or a part of it, waits or is stopped, as a sentence.
    pub why: Option<String>,
    /// Since the node started: records read, records transformed, points stored, points delivered.
    pub total: Long,
    /// The same per second, over the last ten seconds.
    pub rate: f64,
    /// How full its buffer is, 0 to 1. `SOURCE`: the memory budget. `TRANSFORM` and `STORE`: the
    /// part of the budget that the stage holds or that waits for it; near 1 the stage is the
    /// bottleneck. `LIVE`: the fullest outbox of a subscriber.
    pub pressure: f64,
}

/// What keeps a stage from its work.
#[derive(Debug, Default)]
struct Hindrance {
    stopped: Option<String>,
    waits: Option<String>,
    /// A part of it is stopped, the rest continues.
    partly: Option<String>,
}

impl Stage {
    /// In the order of flow.
    pub fn all(services: &Services, now: &Snapshot) -> Vec<Self> {
        let (totals, rates) = (services.samples.totals(), services.samples.rates());
        let budget = Budget::of(now);
        let Held { transform, store, .. } = budget.held;
        let subscribers = services.samples.last().outboxes;
        vec![
            Self::new(StageName::Source, source(services, now, &budget))
                .passed(totals.read, rates.read)
                .holds(budget.share(budget.held.all())),
            Self::new(StageName::Transform, transform_stage(now, &budget))
                .passed(totals.transformed, rates.transformed)
                .holds(budget.share(transform)),
            Self::new(StageName::Store, store_stage(now))
                .passed(totals.stored, rates.stored)
                .holds(budget.share(store)),
            Self::new(StageName::Live, live(now, subscribers))
                .passed(totals.delivered, rates.delivered)
                .holds(subscribers),
        ]
    }

    fn new(name: StageName, hindrance: Hindrance) -> Self {
        let (state, why) = match hindrance {
            Hindrance {
                stopped: Some(why), ..
            } => (StageState::Stopped, Some(why)),
            Hindrance { waits: Some(why), .. } => (StageState::Waiting, Some(why)),
            Hindrance { partly, .. } => (StageState::Idle, partly),
        };
        Self {
            name,
            state,
            why,
            total: Long(0),
            rate: 0.0,
            pressure: 0.0,
        }
    }

    fn passed(self, total: u64, rate: f64) -> Self {
        Self {
            total: long(total),
            rate,
            ..self
        }
    }

    fn holds(mut self, pressure: f64) -> Self {
        if self.state == StageState::Idle && (pressure > 0.0 || self.rate > 0.0) {
            self.state = StageState::Running;
        }
        Self { pressure, ..self }
    }
}

/// The memory budget of records between Kafka and the commit.
#[derive(Debug, Default)]
struct Budget {
    held: Held,
    total: usize,
    /// The source has a batch for which there is no room.
    full: bool,
}

impl Budget {
    fn of(now: &Snapshot) -> Self {
        let Some(credits) = &now.credits else {
            return Self::default();
        };
        let (held, total) = (credits.by_stage(), credits.total());
        let full = held.is_short_of(total);
        Self { held, total, full }
    }

    fn share(&self, bytes: usize) -> f64 {
        bytes as f64 / self.total.max(1) as f64
    }
}

fn source(services: &Services, now: &Snapshot, budget: &Budget) -> Hindrance {
    let (standing, all) = standing(services, now);
    let stopping = now.stopping.then(|| "stopping".to_owned());
    let stopped = stopping
        .or_else(|| trouble(now, "pipeline"))
        .or_else(|| trouble(now, "kafka"));
    let (stopped, partly) = match standing.filter(|_| stopped.is_none()) {
        Some(why) if all => (Some(why), None),
        partly => (stopped, partly),
    };
    Hindrance {
        stopped,
        waits: budget
            .full
            .then(|| "the memory budget is full: the stages behind do not keep up".to_owned()),
        partly: partly.or_else(|| {
            let none = now.partitions.is_empty();
            none.then(|| "no partition is assigned to this node".to_owned())
        }),
    }
}

/// Why partitions are stopped, and whether all are; those of redrive topics do not count.
fn standing(services: &Services, now: &Snapshot) -> (Option<String>, bool) {
    let streams = services.streams();
    let redrive = |topic: &str| {
        let mut targets = streams.targets.values();
        targets.any(|stream| stream.redrive_topic == topic)
    };
    let why = |((topic, partition), status): (&(String, i32), &PartitionStatus)| {
        let paused = match now.streams.get(&status.stream) {
            Some(StreamState::Paused(why)) => Some(format!("stream {} paused: {why}", status.stream)),
            Some(StreamState::Running) | None => None,
        };
        let lost = status.trouble.as_ref();
        paused.or_else(|| lost.map(|why| format!("partition {topic}/{partition}: {why}")))
    };
    let own = now.partitions.iter().filter(|((topic, _), _)| !redrive(topic));
    let mut standing: Vec<Option<String>> = own.map(why).collect();
    let all = standing.iter().all(Option::is_some);
    standing.retain(Option::is_some);
    (standing.into_iter().flatten().next(), all)
}

fn transform_stage(now: &Snapshot, budget: &Budget) -> Hindrance {
    let starved = budget.full && budget.held.transform == 0;
    Hindrance {
        stopped: trouble(now, "pipeline"),
        waits: starved.then(|| "the store holds the whole memory budget".to_owned()),
        partly: None,
    }
}

fn store_stage(now: &Snapshot) -> Hindrance {
    Hindrance {
        stopped: trouble(now, "pipeline").or_else(|| trouble(now, "postgres")),
        ..Hindrance::default()
    }
}

fn live(now: &Snapshot, fullest: f64) -> Hindrance {
    Hindrance {
        stopped: now.stopping.then(|| "stopping".to_owned()),
        waits: (fullest >= SLOW_OUTBOX).then(|| {
            format!(
                "a subscriber is slow: its outbox is {:.0} % full",
                fullest * 100.0
            )
        }),
        partly: None,
    }
}

fn trouble(now: &Snapshot, need: &str) -> Option<String> {
    let why = now.needs.get(need)?.as_ref()?;
    Some(format!("{need}: {why}"))
}
