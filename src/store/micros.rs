//! Columns of type `timestamptz` are read as [`Micros`].

use diesel::data_types::PgTimestamp;
use diesel::deserialize::{FromSql, Queryable, Result};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::Timestamptz;

use crate::data::Micros;
use crate::store::timestamp::{POSTGRES_EPOCH, to_wire};

impl FromSql<Timestamptz, Pg> for Micros {
    fn from_sql(value: PgValue<'_>) -> Result<Self> {
        let PgTimestamp(time) = FromSql::<Timestamptz, Pg>::from_sql(value)?;
        Ok(Self(time.saturating_add(POSTGRES_EPOCH)))
    }
}

impl Queryable<Timestamptz, Pg> for Micros {
    type Row = Self;

    fn build(row: Self) -> Result<Self> {
        Ok(row)
    }
}

/// As a parameter: within what Postgres has times for.
pub(super) fn to_pg(time: Micros) -> PgTimestamp {
    PgTimestamp(to_wire(time))
}
