//! What becomes of records: of those of a test, of a file, or of those that lie in Kafka. Nothing is
//! stored and no offset moves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

use crate::data::{Header, LoneRecord};
use crate::decode::registry::SchemaRegistry;
use crate::sources::{Broker, Peek, PeekFrom, SourceError};
use crate::transform::{Inspected, StreamPlan, Transform};

/// Bytes of a decoded record that are shown.
const SHOWN_MAX: usize = 16 << 10;
/// Bytes of payloads of one look into Kafka.
const LOOK_BYTES: usize = 16 << 20;
const LOOK_TIME: Duration = Duration::from_secs(5);
/// Each is a consumer of its own.
const LOOKS_AT_ONCE: usize = 2;

/// The pipeline's mapping without the pipeline.
#[derive(Debug)]
pub struct Inspector {
    transform: Transform,
    registry: Option<Arc<SchemaRegistry>>,
}

impl Inspector {
    pub fn new(plans: impl IntoIterator<Item = StreamPlan>, registry: Option<Arc<SchemaRegistry>>) -> Self {
        Self {
            transform: Transform::new(plans),
            registry,
        }
    }

    /// # Errors
    /// The schema registry does not answer.
    pub async fn inspect(&mut self, stream: &Arc<str>, record: LoneRecord) -> Result<Inspected, String> {
        if let (Some(id), Some(registry)) = (self.transform.needs(stream, &record), &self.registry) {
            let fetched = registry.fetch(&BTreeSet::from([id])).await;
            fetched.map_err(|why| format!("schema registry: {why}"))?;
        }
        Ok(self.transform.inspect(stream, record, SHOWN_MAX))
    }
}

/// Records of the streams of a server.
#[derive(Clone, Debug)]
pub struct Inspection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    broker: Broker,
    group: String,
    plans: watch::Receiver<Arc<[StreamPlan]>>,
    registry: Option<Arc<SchemaRegistry>>,
    looks: Semaphore,
}

/// Why records cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("too many others look at records; try again")]
    Busy,
    #[error(transparent)]
    Kafka(#[from] SourceError),
    #[error("{0}")]
    Failed(String),
}

impl Inspection {
    pub fn new(
        broker: Broker,
        group: String,
        plans: watch::Receiver<Arc<[StreamPlan]>>,
        registry: Option<Arc<SchemaRegistry>>,
    ) -> Self {
        Self(Arc::new(Shared {
            broker,
            group,
            plans,
            registry,
            looks: Semaphore::new(LOOKS_AT_ONCE),
        }))
    }

    /// The last records of a topic, oldest first, and what becomes of them now.
    pub async fn last(
        &self,
        stream: &str,
        topic: &str,
        most: usize,
    ) -> Result<Vec<(LoneRecord, Inspected)>, InspectError> {
        let _look = self.0.looks.try_acquire().map_err(|_| InspectError::Busy)?;
        let (broker, group, topic) = (self.0.broker.clone(), self.0.group.clone(), topic.to_owned());
        let look = move || last(&broker, &group, &topic, most);
        let looked = spawn_blocking(look).await;
        let records = looked.map_err(|error| InspectError::Failed(error.to_string()))??;

        let (mut inspector, stream) = (self.inspector(stream), Arc::from(stream));
        let mut found = Vec::with_capacity(records.len());
        for record in records {
            let inspected = inspector.inspect(&stream, record.clone()).await;
            found.push((record, inspected.map_err(InspectError::Failed)?));
        }
        Ok(found)
    }

    /// The payload as JSON; `None` where it cannot be decoded.
    pub async fn decoded(&self, stream: &str, payload: &[u8], headers: &[Header]) -> Option<String> {
        let record = LoneRecord {
            payload: Some(payload.to_vec()),
            headers: headers.to_vec(),
            ..LoneRecord::default()
        };
        let inspected = self.inspector(stream).inspect(&Arc::from(stream), record).await;
        inspected.ok()?.decoded
    }

    fn inspector(&self, stream: &str) -> Inspector {
        let plans = Arc::clone(&self.0.plans.borrow());
        let own = plans.iter().filter(|plan| &*plan.name == stream).cloned();
        Inspector::new(own.collect::<Vec<_>>(), self.0.registry.clone())
    }
}

/// Of all partitions together. Fewer where they are large or Kafka is slow.
fn last(broker: &Broker, group: &str, topic: &str, most: usize) -> Result<Vec<LoneRecord>, SourceError> {
    let until = Instant::now() + LOOK_TIME;
    let from = PeekFrom::Last(i64::try_from(most).unwrap_or(i64::MAX));
    let mut peek = Peek::open(broker, group, topic, from)?;
    let mut records = Vec::new();
    let mut bytes = 0;
    while !peek.is_at_end() && bytes < LOOK_BYTES {
        let Some(record) = peek.next(until.saturating_duration_since(Instant::now()))? else {
            break;
        };
        bytes += record.payload.as_ref().map_or(0, Vec::len);
        records.push(record);
    }
    records.sort_by_key(|record| (record.timestamp, record.partition, record.offset));
    let surplus = records.len().saturating_sub(most);
    Ok(records.split_off(surplus))
}
