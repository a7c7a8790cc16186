//! `PipelineStatus`: the state of the pipeline, what keeps it from working, and its progress.

use async_graphql::{ComplexObject, Context, Enum, Result, SimpleObject};

use super::long;
use super::samples::Sample;
use super::settings::StreamSettings;
use super::stages::Stage;
use super::storage::Storage;
use super::writers::StreamWriter;
use crate::data::reject::Reason;
use crate::data::{Micros, Operation, Viewer};
use crate::graphql::errors::read_error;
use crate::graphql::limits;
use crate::graphql::scalars::{DateTime, Long};
use crate::graphql::services::{Services, reader, services, viewer};
use crate::telemetry::metrics::owned;
use crate::telemetry::status::{Snapshot, StreamState};
use crate::telemetry::{self, Metrics};

/// This node's pipeline; `offsets` and `gaps` are those of all nodes, from Postgres. Who may see only
/// some streams gets those alone; what is counted over all streams is then 0, empty or null.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct PipelineStatus {
    /// When it was read.
    pub at: DateTime,
    pub state: PipelineState,
    /// True when nothing is missing; the same answer as `/readyz`.
    pub ready: bool,
    /// Why the node is not ready, one sentence each.
    pub missing: Vec<String>,
    /// Optional parts that are unavailable, such as Redis, one sentence each.
    pub degraded: Vec<String>,
    /// Increases with each restart of the pipeline.
    pub generation: Long,
    /// The partitions this node reads.
    pub partitions: Vec<PartitionStatus>,
    pub streams: Vec<StreamStatus>,
    /// In the order of flow: source, transform, store, live.
    pub stages: Vec<Stage>,
    pub credits: Credits,
    /// Live subscriptions on this node.
    pub subscribers: Long,
    /// The last second.
    pub now: Sample,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PipelineState {
    Running,
    /// Running, but something optional is unavailable.
    Degraded,
    /// Starting, or stopped until what is `missing` is available.
    NotReady,
    Stopping,
}

/// A Kafka partition this node reads.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct PartitionStatus {
    pub stream: String,
    pub topic: String,
    pub partition: i32,
    /// The next offset to commit to Postgres.
    pub next_offset: Long,
    /// Kafka's end of the partition, as last seen.
    pub end_offset: Long,
    /// Records not yet committed to Postgres.
    pub lag: Long,
    /// Why it is stopped, such as `OFFSET_LOST`.
    pub trouble: Option<String>,
}

/// A stream and its counters on this node since the node started.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct StreamStatus {
    pub name: String,
    pub settings: StreamSettings,
    /// True if it was paused because too many of its records failed.
    pub paused: bool,
    pub paused_why: Option<String>,
    /// Kafka records read.
    pub records: Long,
    /// Points written.
    pub stored: Long,
    /// Points that replaced an older value of the same time.
    pub replaced: Long,
    /// Points that were dropped because a newer value for the same time was already stored.
    pub lost: Long,
    /// Records that became dead letters.
    pub dead_letters: Long,
}

/// The memory budget for records between Kafka and Postgres.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct Credits {
    /// Bytes in use.
    pub held: Long,
    /// Bytes in all.
    pub total: Long,
}

/// How far a partition is stored, on whichever node reads it.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct IngestOffset {
    pub stream: String,
    pub topic: String,
    pub partition: i32,
    /// Raised when the topic is recreated and by a rewind.
    pub epoch: i32,
    /// Every record below this offset is stored, skipped by a rule, or a dead letter.
    pub next_offset: Long,
}

/// Offsets that Kafka had already deleted when they were due. Their records are lost.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct Gap {
    pub topic: String,
    pub partition: i32,
    pub epoch: i32,
    /// The first lost offset.
    pub from_offset: Long,
    /// The first offset after the gap.
    pub to_offset: Long,
    pub noticed_at: DateTime,
}

#[ComplexObject]
impl PipelineStatus {
    /// One per second of the last five minutes, oldest first.
    #[graphql(complexity = "limits::SAMPLES * child_complexity")]
    async fn samples(&self, ctx: &Context<'_>) -> Result<Vec<Sample>> {
        if !viewer(ctx)?.streams().are_all() {
            return Ok(Vec::new());
        }
        let samples = services(ctx)?.samples.all();
        Ok(samples.into_iter().map(Sample::from).collect())
    }

    /// Who has written to the streams over HTTP, the last ones first; empty for roles that may not `operate`.
    async fn writers(&self, ctx: &Context<'_>) -> Result<Vec<StreamWriter>> {
        let viewer = viewer(ctx)?;
        if viewer.may(Operation::Operate).is_err() {
            return Ok(Vec::new());
        }
        let writers = services(ctx)?.writers.of(&viewer.streams());
        Ok(writers.into_iter().map(StreamWriter::from).collect())
    }

    /// Null, with an error, while Postgres is unavailable.
    async fn offsets(&self, ctx: &Context<'_>) -> Result<Option<Vec<IngestOffset>>> {
        let streams = viewer(ctx)?.streams();
        let rows = reader(ctx)?.ingest_offsets(&streams).await.map_err(read_error)?;
        let rows = rows.into_iter().map(|row| IngestOffset {
            stream: row.stream,
            topic: row.topic,
            partition: row.partition,
            epoch: row.epoch,
            next_offset: Long(row.next_offset),
        });
        Ok(Some(rows.collect()))
    }

    /// The newest hundred, newest first. Null, with an error, while Postgres is unavailable.
    async fn gaps(&self, ctx: &Context<'_>) -> Result<Option<Vec<Gap>>> {
        let streams = viewer(ctx)?.streams();
        let rows = reader(ctx)?.gaps(&streams).await.map_err(read_error)?;
        let rows = rows.into_iter().map(|row| Gap {
            topic: row.topic,
            partition: row.partition,
            epoch: row.epoch,
            from_offset: Long(row.from),
            to_offset: Long(row.to),
            noticed_at: DateTime(row.noticed_at),
        });
        Ok(Some(rows.collect()))
    }

    /// Null, with an error, while Postgres is unavailable.
    async fn storage(&self, ctx: &Context<'_>) -> Result<Option<Storage>> {
        let streams = viewer(ctx)?.streams();
        let last = services(ctx)?.status.snapshot().seen_with(&streams).maintenance;
        let storage = Storage::read(&reader(ctx)?, &streams, last).await;
        Ok(Some(storage.map_err(read_error)?))
    }
}

impl PipelineStatus {
    pub fn of(services: &Services, viewer: &Viewer) -> Self {
        let whole = services.status.snapshot();
        let state = state(&whole);
        let ready = whole.is_ready();
        let streams = viewer.streams();
        let (now, metrics) = (whole.seen_with(&streams), &services.metrics);
        let of_all = streams.are_all();
        let (held, total) = now.budget();
        Self {
            at: DateTime(Micros::now()),
            state,
            ready,
            missing: now.missing(),
            degraded: now.degraded.iter().map(|(n, w)| format!("{n}: {w}")).collect(),
            generation: long(now.generation),
            partitions: partitions(&now),
            streams: services
                .streams()
                .settings
                .iter()
                .filter(|(name, _)| streams.contain(name))
                .map(|(name, settings)| stream(name, settings, &now, metrics))
                .collect(),
            stages: match of_all {
                true => Stage::all(services, &now),
                false => Vec::new(),
            },
            credits: Credits {
                held: Long(held),
                total: Long(total),
            },
            subscribers: Long(if of_all { metrics.subscribers.get() } else { 0 }),
            now: match of_all {
                true => services.samples.last().into(),
                false => telemetry::Sample::of_lag(Micros::now(), now.lag()).into(),
            },
        }
    }
}

fn state(now: &Snapshot) -> PipelineState {
    if now.stopping {
        PipelineState::Stopping
    } else if !now.is_ready() {
        PipelineState::NotReady
    } else if !now.degraded.is_empty() {
        PipelineState::Degraded
    } else {
        PipelineState::Running
    }
}

fn partitions(now: &Snapshot) -> Vec<PartitionStatus> {
    let partition =
        |((topic, partition), p): (&(String, i32), &crate::telemetry::status::PartitionStatus)| {
            PartitionStatus {
                stream: p.stream.clone(),
                topic: topic.clone(),
                partition: *partition,
                next_offset: Long(p.next_offset),
                end_offset: Long(p.end_offset),
                lag: Long(p.lag()),
                trouble: p.trouble.clone(),
            }
        };
    now.partitions.iter().map(partition).collect()
}

fn stream(name: &str, settings: &StreamSettings, now: &Snapshot, metrics: &Metrics) -> StreamStatus {
    let paused_why = match now.streams.get(name) {
        Some(StreamState::Paused(why)) => Some(why.clone()),
        Some(StreamState::Running) | None => None,
    };
    let points = |outcome| {
        let labels = owned(&[("stream", name), ("outcome", outcome)]);
        metrics.points.get(&labels).map_or(0, |c| c.get())
    };
    let records = metrics.records.get(&owned(&[("stream", name)]));
    let dead_letters = Reason::ALL.iter().map(|reason| {
        let labels = owned(&[("stream", name), ("reason", reason.code())]);
        metrics.dead_letters.get(&labels).map_or(0, |c| c.get())
    });
    StreamStatus {
        name: name.to_owned(),
        settings: settings.clone(),
        paused: paused_why.is_some(),
        paused_why,
        records: long(records.map_or(0, |c| c.get())),
        stored: long(points("stored")),
        replaced: long(points("replaced")),
        lost: long(points("lost")),
        dead_letters: long(dead_letters.sum()),
    }
}
