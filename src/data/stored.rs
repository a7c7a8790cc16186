//! Committed batches: only these may be delivered live.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::series::Series;
use super::time::Micros;

/// `series.id` in Postgres.
pub type SeriesId = i32;

/// `ingest_offsets.partition_id`: one topic, partition and epoch.
pub type PartitionId = i32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSeries {
    pub id: SeriesId,
    pub series: Arc<Series>,
}

/// One committed point with the position that put it there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPoint {
    /// Index into [`Stored::series`].
    pub series: u32,
    pub ts: Micros,
    pub value: f64,
    pub partition_id: PartitionId,
    pub offset: i64,
}

/// A committed range of one partition: the two offsets of its compare-and-set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    pub partition_id: PartitionId,
    pub from: i64,
    pub to: i64,
}

impl Range {
    pub fn contains(&self, point: &StoredPoint) -> bool {
        self.partition_id == point.partition_id && (self.from..self.to).contains(&point.offset)
    }
}

/// One committed batch: the points that won, and the ranges of offsets that are stored.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    pub ranges: Vec<Range>,
    pub series: Vec<StoredSeries>,
    pub points: Vec<StoredPoint>,
}
