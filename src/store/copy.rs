//! Rows as Postgres' binary COPY format, encoded into one buffer and sent in one message.
//!
//! tokio-postgres' own `BinaryCopyInWriter` costs about fifteen times as much for each row.

use std::pin::pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::{Client, Statement};

use super::rows::Row;
use super::timestamp::to_wire;

pub(super) const POINTS: &str = r#"copy points (series_id, partition_id, ts, value, "offset", recorded_at)
    from stdin (format binary)"#;
pub(super) const STAGED: &str = r#"copy staged (series_id, partition_id, ts, value, "offset", recorded_at, redrive)
    from stdin (format binary)"#;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// A row of `staged`, the longer one.
const ROW_BYTES: usize = 2 + 2 * 8 + 4 * 12 + 5;

/// For `points`.
pub(super) fn points<'a>(rows: impl ExactSizeIterator<Item = &'a Row>) -> Bytes {
    encode(rows, 6, |_, _| ())
}

/// For `staged`, which also says whether the row may replace another.
pub(super) fn staged<'a>(rows: impl ExactSizeIterator<Item = &'a Row>) -> Bytes {
    encode(rows, 7, |out, row| {
        out.put_i32(1);
        out.put_u8(u8::from(row.redrive));
    })
}

pub(super) async fn send(
    client: &Client,
    statement: &Statement,
    rows: Bytes,
) -> Result<u64, tokio_postgres::Error> {
    let mut sink = pin!(client.copy_in(statement).await?);
    sink.feed(rows).await?;
    sink.finish().await
}

fn encode<'a>(
    rows: impl ExactSizeIterator<Item = &'a Row>,
    columns: i16,
    more: impl Fn(&mut BytesMut, &Row),
) -> Bytes {
    let mut out = BytesMut::with_capacity(SIGNATURE.len() + rows.len() * ROW_BYTES + 2);
    out.put_slice(SIGNATURE);
    for row in rows {
        out.put_i16(columns);
        put_row(&mut out, row);
        more(&mut out, row);
    }
    out.put_i16(-1);
    out.freeze()
}

fn put_row(out: &mut BytesMut, row: &Row) {
    for id in [row.series_id, row.partition_id] {
        out.put_i32(4);
        out.put_i32(id);
    }
    out.put_i32(8);
    out.put_i64(to_wire(row.ts));
    out.put_i32(8);
    out.put_f64(row.value);
    out.put_i32(8);
    out.put_i64(row.offset);
    out.put_i32(8);
    out.put_i64(to_wire(row.recorded_at));
}
