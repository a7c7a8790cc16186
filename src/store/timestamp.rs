//! [`Micros`] as Postgres has it: microseconds since 2000-01-01, 8 bytes.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

use crate::data::Micros;

/// 2000-01-01T00:00:00Z in microseconds since 1970.
pub(in crate::store) const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// What goes over the wire. Saturates, which only a record's own broken timestamp can reach.
pub(super) fn to_wire(time: Micros) -> i64 {
    time.clamp(Micros::FIRST, Micros::LAST).0 - POSTGRES_EPOCH
}

impl ToSql for Micros {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(to_wire(*self));
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Micros {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let wire = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(wire.saturating_add(POSTGRES_EPOCH)))
    }

    accepts!(TIMESTAMPTZ);
}
