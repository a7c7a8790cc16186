//! `StreamRecord`: a record of Kafka and what becomes of it.

use async_graphql::SimpleObject;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::dead_letters::{HeaderText, text};
use crate::data::LoneRecord;
use crate::graphql::scalars::{DateTime, Long};
use crate::transform::Inspected;

/// Bytes of a payload that are given.
const PAYLOAD_MAX: usize = 16 << 10;

/// A Kafka record of a stream. It has points, or was skipped, or is a dead letter.
#[derive(Clone, Debug, SimpleObject)]
pub struct StreamRecord {
    pub partition: i32,
    pub offset: Long,
    /// The timestamp of the Kafka record.
    pub timestamp: DateTime,
    /// The record's key as text; bytes that are not UTF-8 become U+FFFD.
    pub key: Option<String>,
    pub headers: Vec<HeaderText>,
    /// The first 16 KiB of the payload in base64; null for a tombstone.
    pub payload_base64: Option<String>,
    /// The size of the complete payload in bytes.
    pub payload_size: Long,
    /// The decoded record as JSON, cut at 16 KiB with `…`; null if it cannot be decoded.
    pub decoded: Option<String>,
    /// What the stream's program makes of it: a JSON object on each line, some 16 KiB in all; null without a
    /// program, or if it fails.
    pub transformed: Option<String>,
    pub points: Vec<RecordPoint>,
    /// Why it becomes a dead letter.
    pub dead_letter: Option<RecordRefusal>,
    /// The rule by which it has no points, such as `tombstone` or `when`.
    pub skipped: Option<String>,
}

/// A point that a record becomes.
#[derive(Clone, Debug, SimpleObject)]
pub struct RecordPoint {
    /// The series as `metric{name="value",…}`.
    pub key: String,
    pub ts: DateTime,
    pub value: f64,
}

/// Why a record becomes a dead letter.
#[derive(Clone, Debug, SimpleObject)]
pub struct RecordRefusal {
    /// The reason code, such as `not_json` or `missing_field`.
    pub reason: String,
    /// One sentence for a person.
    pub detail: String,
    /// The index of the failed element, from 0, if the record is an array of objects.
    pub element: Option<i32>,
}

impl From<(LoneRecord, Inspected)> for StreamRecord {
    fn from((record, inspected): (LoneRecord, Inspected)) -> Self {
        let payload = record.payload.as_deref();
        let points = inspected
            .points
            .into_iter()
            .map(|(series, ts, value)| RecordPoint {
                key: series.key.to_string(),
                ts: DateTime(ts),
                value,
            });
        let headers = record.headers.iter().map(|header| HeaderText {
            name: header.name.clone(),
            value: text(&header.value),
        });
        Self {
            partition: record.partition,
            offset: Long(record.offset),
            timestamp: DateTime(record.timestamp),
            key: record.key.as_deref().map(text),
            headers: headers.collect(),
            payload_base64: payload.map(|bytes| STANDARD.encode(&bytes[..bytes.len().min(PAYLOAD_MAX)])),
            payload_size: Long(payload.map_or(0, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))),
            decoded: inspected.decoded,
            transformed: inspected.transformed,
            points: points.collect(),
            dead_letter: inspected.rejected.map(|rejected| RecordRefusal {
                reason: rejected.reason.code().to_owned(),
                detail: rejected.detail,
                element: rejected.element.map(u32::cast_signed),
            }),
            skipped: inspected.skipped.map(str::to_owned),
        }
    }
}
