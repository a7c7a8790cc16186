//! The progress of ingest on all nodes: the next offset of each partition, and lost offsets.

use diesel::prelude::*;

use super::{ReadError, Reader};
use crate::data::{Micros, PartitionId, Streams};
use crate::store::schema::{gaps, ingest_offsets};

/// The newest gaps that are shown.
const GAPS: i64 = 100;

/// One partition in its current epoch.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct IngestOffset {
    pub partition_id: PartitionId,
    pub stream: String,
    pub topic: String,
    pub partition: i32,
    pub epoch: i32,
    /// Each record below it is stored, skipped by a rule, or a dead letter.
    pub next_offset: i64,
}

/// Offsets `from..to` that Kafka had already deleted when they were to be read.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Gap {
    pub topic: String,
    pub partition: i32,
    pub epoch: i32,
    pub from: i64,
    pub to: i64,
    pub noticed_at: Micros,
}

impl Reader {
    /// By topic and partition. `of`: the streams that the viewer may know of.
    pub async fn ingest_offsets(&self, of: &Streams) -> Result<Vec<IngestOffset>, ReadError> {
        use ingest_offsets as io;
        let query = io::table
            .distinct_on((io::topic, io::partition))
            .order((io::topic, io::partition, io::epoch.desc()))
            .select((
                io::partition_id,
                io::stream,
                io::topic,
                io::partition,
                io::epoch,
                io::next_offset,
            ));
        let mut rows: Vec<IngestOffset> = self.load(query).await?;
        // Not in the statement: a topic may have been another stream's in an earlier epoch.
        rows.retain(|row| of.contain(&row.stream));
        Ok(rows)
    }

    /// The newest hundred, newest first.
    pub async fn gaps(&self, of: &Streams) -> Result<Vec<Gap>, ReadError> {
        use ingest_offsets as io;
        let mut query = gaps::table
            .inner_join(io::table.on(io::partition_id.eq(gaps::partition_id)))
            .order(gaps::id.desc())
            .limit(GAPS)
            .select((
                io::topic,
                io::partition,
                io::epoch,
                gaps::from_offset,
                gaps::to_offset,
                gaps::noticed_at,
            ))
            .into_boxed();
        if let Some(names) = of.names() {
            query = query.filter(io::stream.eq_any(names));
        }
        self.load(query).await
    }
}
