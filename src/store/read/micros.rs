//! Columns of type `timestamptz` are read as [`Micros`].

use diesel::data_types::PgTimestamp;
use diesel::deserialize::{FromSql, Queryable, Result};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::Timestamptz;

use super::rows::from_pg;
use crate::data::Micros;

impl FromSql<Timestamptz, Pg> for Micros {
    fn from_sql(value: PgValue<'_>) -> Result<Self> {
        <PgTimestamp as FromSql<Timestamptz, Pg>>::from_sql(value).map(from_pg)
    }
}

impl Queryable<Timestamptz, Pg> for Micros {
    type Row = Self;

    fn build(row: Self) -> Result<Self> {
        Ok(row)
    }
}
