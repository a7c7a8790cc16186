//! Between Postgres' timestamps and ours.

use diesel::data_types::PgTimestamp;

use crate::data::Micros;
use crate::store::timestamp::POSTGRES_EPOCH;

pub(super) fn to_pg(time: Micros) -> PgTimestamp {
    // Beyond these Postgres would refuse the question.
    PgTimestamp(time.clamp(Micros::FIRST, Micros::LAST).0 - POSTGRES_EPOCH)
}

pub(super) fn from_pg(time: PgTimestamp) -> Micros {
    Micros(time.0.saturating_add(POSTGRES_EPOCH))
}
