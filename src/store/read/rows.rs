//! Between Postgres' words and ours: timestamps and labels.

use std::sync::Arc;

use diesel::data_types::PgTimestamp;
use serde_json::Value;

use crate::data::{Micros, Series, SeriesId, StoredSeries};

/// Postgres counts microseconds from 2000-01-01, we from 1970-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

pub(super) fn to_pg(time: Micros) -> PgTimestamp {
    // Beyond these Postgres would refuse the question.
    PgTimestamp(time.clamp(Micros::FIRST, Micros::LAST).0 - POSTGRES_EPOCH)
}

pub(super) fn from_pg(time: PgTimestamp) -> Micros {
    Micros(time.0.saturating_add(POSTGRES_EPOCH))
}

pub(super) type SeriesRow = (SeriesId, String, Value);

pub(super) fn stored_series((id, metric, labels): SeriesRow) -> StoredSeries {
    let labels = match labels {
        Value::Object(labels) => labels,
        _ => serde_json::Map::new(),
    };
    let labels = labels.into_iter().filter_map(|(name, value)| match value {
        Value::String(value) => Some((name, value)),
        _ => None,
    });
    StoredSeries {
        id,
        series: Arc::new(Series::new(metric, labels)),
    }
}
