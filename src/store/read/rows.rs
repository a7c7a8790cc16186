//! Between Postgres' words and ours: timestamps and labels.

use std::sync::Arc;

use diesel::data_types::PgTimestamp;
use serde_json::Value;

use crate::data::{Micros, Series, SeriesId, StoredSeries};
use crate::store::timestamp::POSTGRES_EPOCH;

pub(super) fn to_pg(time: Micros) -> PgTimestamp {
    // Beyond these Postgres would refuse the question.
    PgTimestamp(time.clamp(Micros::FIRST, Micros::LAST).0 - POSTGRES_EPOCH)
}

pub(super) fn from_pg(time: PgTimestamp) -> Micros {
    Micros(time.0.saturating_add(POSTGRES_EPOCH))
}

pub(in crate::store) type SeriesRow = (SeriesId, String, Value);

pub(in crate::store) fn stored_series((id, metric, labels): SeriesRow) -> StoredSeries {
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
