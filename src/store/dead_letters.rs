//! Dead letters: written in the batch's own transaction, found again by a redrive.

use std::collections::{BTreeMap, HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha256;
use tokio_postgres::Client;

use crate::data::{Batch, Micros, RawRecord, Rejected, headers};

use super::error::WriteError;

/// What is kept of a payload; size and hash are those of the whole.
const PAYLOAD_MAX: usize = 64 * 1024;

/// Bytes of payloads, keys and headers that are kept of dead letters. Beyond them a dead letter
/// still says which record failed and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetterQuota {
    pub of_a_stream: u64,
    pub in_all: u64,
}

impl Default for DeadLetterQuota {
    fn default() -> Self {
        Self {
            of_a_stream: 1 << 30,
            in_all: 4 << 30,
        }
    }
}

// A dead letter commits with its offset, so an existing one is of another record: Kafka reused the
// offset.
const INSERT: &str = r#"
    insert into dead_letters (stream, reason, detail, element, topic, topic_id, partition, "offset",
        recorded_at, key, payload, payload_size, payload_sha256, headers, kept_bytes)
    select l.stream, l.reason, l.detail, l.element, o.topic, o.topic_id, o.partition, l."offset",
        l.recorded_at, l.key, l.payload, l.payload_size, l.payload_sha256, l.headers::jsonb, l.kept_bytes
    from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[],
            $7::timestamptz[], $8::bytea[], $9::bytea[], $10::bigint[], $11::bytea[], $12::text[], $13::int[])
        as l(partition_id, stream, reason, detail, element, "offset",
            recorded_at, key, payload, payload_size, payload_sha256, headers, kept_bytes)
    join ingest_offsets o using (partition_id)
    order by l.partition_id, l."offset"
    on conflict (topic, topic_id, partition, "offset") do update set
        stream = excluded.stream, reason = excluded.reason, detail = excluded.detail,
        element = excluded.element, recorded_at = excluded.recorded_at, key = excluded.key,
        payload = excluded.payload, payload_size = excluded.payload_size,
        payload_sha256 = excluded.payload_sha256, headers = excluded.headers,
        kept_bytes = excluded.kept_bytes,
        attempts = 1, first_failed_at = now(), last_failed_at = now(), resolved_at = null"#;

const FAILED_AGAIN: &str = "
    update dead_letters d set reason = f.reason, detail = f.detail, element = f.element,
        attempts = f.attempt, last_failed_at = now()
    from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::int[])
        as f(id, attempt, reason, detail, element)
    where d.id = f.id and d.attempts < f.attempt and d.resolved_at is null";

// Locked, so that none is forgotten before it is brought up to date.
const KNOWN: &str = "select d.id from dead_letters d
    join unnest($1::bigint[], $2::text[]) as l(id, stream) on d.id = l.id and d.stream = l.stream
    order by d.id for update of d";

const RESOLVED: &str = "update dead_letters d set resolved_at = now()
    from unnest($1::bigint[], $2::text[]) as l(id, stream)
    where d.id = l.id and d.stream = l.stream and d.resolved_at is null";

/// The dead letter and the attempt that a record of a redrive topic names in its headers.
fn redriven(batch: &Batch, record: &RawRecord) -> Option<(i64, i32)> {
    if !batch.raw.range(record).of.redrive {
        return None;
    }
    let number = |name| {
        let header = record.headers.iter().find(|header| header.name == name)?;
        std::str::from_utf8(&header.value).ok()?.parse::<i64>().ok()
    };
    let attempt = number(headers::ATTEMPT)?;
    Some((number(headers::DEAD_LETTER)?, attempt.try_into().ok()?))
}

/// Writes one row for each rejected record, or brings the row of a redriven one up to date. A
/// redriven record that names no dead letter of its stream is a dead letter of its own. Returns of
/// how many the payload was left out.
pub(super) async fn write(
    client: &Client,
    batch: &Batch,
    rejected: &[&Rejected],
    keep: &DeadLetterQuota,
) -> Result<u64, WriteError> {
    let mut known = HashSet::new();
    let named: Vec<(i64, &str)> = rejected
        .iter()
        .filter_map(|one| {
            let record = &batch.raw.records[one.record as usize];
            redriven(batch, record).map(|(id, _)| (id, &*batch.raw.range(record).of.stream))
        })
        .collect();
    if !named.is_empty() {
        let (ids, streams): (Vec<i64>, Vec<&str>) = named.into_iter().unzip();
        let rows = client.query(KNOWN, &[&ids, &streams]).await?;
        known.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
    }
    let mut new = Vec::new();
    // The last attempt of each dead letter.
    let mut again: BTreeMap<i64, (i32, &Rejected)> = BTreeMap::new();
    for &one in rejected {
        match redriven(batch, &batch.raw.records[one.record as usize]) {
            Some((id, attempt)) if known.contains(&id) => {
                let last = again.entry(id).or_insert((attempt, one));
                if attempt > last.0 {
                    *last = (attempt, one);
                }
            }
            _ => new.push(one),
        }
    }
    let left_out = insert(client, batch, &new, keep).await?;
    failed_again(client, &again).await?;
    Ok(left_out)
}

/// Marks the dead letters of redriven records that were stored.
pub(super) async fn resolve<'a>(
    client: &Client,
    batch: &Batch,
    stored: impl Iterator<Item = &'a RawRecord>,
) -> Result<(), WriteError> {
    let (ids, streams): (Vec<i64>, Vec<&str>) = stored
        .filter_map(|record| Some((redriven(batch, record)?.0, &*batch.raw.range(record).of.stream)))
        .unzip();
    if !ids.is_empty() {
        client.execute(RESOLVED, &[&ids, &streams]).await?;
    }
    Ok(())
}

async fn failed_again(client: &Client, again: &BTreeMap<i64, (i32, &Rejected)>) -> Result<(), WriteError> {
    if again.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = again.keys().copied().collect();
    let attempts: Vec<i32> = again.values().map(|(attempt, _)| *attempt).collect();
    let rejected = || again.values().map(|(_, one)| *one);
    let reasons: Vec<&str> = rejected().map(|one| one.reason.code()).collect();
    let details: Vec<String> = rejected().map(|one| without_nul(&one.detail)).collect();
    let elements: Vec<Option<i32>> = rejected().map(element).collect();
    client
        .execute(FAILED_AGAIN, &[&ids, &attempts, &reasons, &details, &elements])
        .await?;
    Ok(())
}

async fn insert(
    client: &Client,
    batch: &Batch,
    rejected: &[&Rejected],
    keep: &DeadLetterQuota,
) -> Result<u64, WriteError> {
    if rejected.is_empty() {
        return Ok(0);
    }
    let raw = &batch.raw;
    let records: Vec<&RawRecord> = rejected
        .iter()
        .map(|one| &raw.records[one.record as usize])
        .collect();
    let mut room = Room::look(client, keep).await?;
    let payloads: Vec<Option<&[u8]>> = records.iter().map(|record| raw.payload(record)).collect();
    let partitions: Vec<i32> = records.iter().map(|r| raw.range(r).of.partition_id).collect();
    let streams: Vec<&str> = records.iter().map(|r| &*raw.range(r).of.stream).collect();
    let reasons: Vec<&str> = rejected.iter().map(|one| one.reason.code()).collect();
    let details: Vec<String> = rejected.iter().map(|one| without_nul(&one.detail)).collect();
    let elements: Vec<Option<i32>> = rejected.iter().map(|one| element(one)).collect();
    let offsets: Vec<i64> = records.iter().map(|r| r.offset).collect();
    let recorded: Vec<Micros> = records.iter().map(|r| r.timestamp).collect();
    let mut keys: Vec<Option<&[u8]>> = records.iter().map(|r| raw.key(r)).collect();
    let mut cut: Vec<Option<&[u8]>> = payloads
        .iter()
        .map(|p| p.map(|p| &p[..p.len().min(PAYLOAD_MAX)]))
        .collect();
    let sizes: Vec<i64> = payloads.iter().map(|p| p.map_or(0, <[u8]>::len) as i64).collect();
    let hashes: Vec<Option<Vec<u8>>> = payloads.iter().map(|p| p.map(|p| sha256(p).to_vec())).collect();
    let mut headers: Vec<String> = records.iter().map(|r| header_text(r)).collect();
    let mut kept = vec![0_i32; records.len()];
    let mut left_out = 0;
    for at in 0..records.len() {
        let bytes = cut[at].map_or(0, <[u8]>::len) + keys[at].map_or(0, <[u8]>::len) + headers[at].len();
        match i32::try_from(bytes)
            .ok()
            .filter(|_| room.take(streams[at], bytes))
        {
            Some(bytes) => kept[at] = bytes,
            None => {
                (cut[at], keys[at]) = (None, None);
                "[]".clone_into(&mut headers[at]);
                left_out += 1;
            }
        }
    }
    client
        .execute(
            INSERT,
            &[
                &partitions,
                &streams,
                &reasons,
                &details,
                &elements,
                &offsets,
                &recorded,
                &keys,
                &cut,
                &sizes,
                &hashes,
                &headers,
                &kept,
            ],
        )
        .await?;
    Ok(left_out)
}

/// What may still be kept, in bytes.
struct Room {
    of_a_stream: i64,
    in_all: i64,
    used: HashMap<String, i64>,
}

impl Room {
    async fn look(client: &Client, keep: &DeadLetterQuota) -> Result<Self, WriteError> {
        let rows = client
            .query("select stream, bytes from dead_letter_usage", &[])
            .await?;
        let used: HashMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let bytes = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        Ok(Self {
            of_a_stream: bytes(keep.of_a_stream),
            in_all: bytes(keep.in_all).saturating_sub(used.values().sum()),
            used,
        })
    }

    fn take(&mut self, stream: &str, bytes: usize) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let used = self.used.entry(stream.to_owned()).or_default();
        let fits = bytes <= self.in_all && bytes <= self.of_a_stream - *used;
        if fits {
            *used += bytes;
            self.in_all -= bytes;
        }
        fits
    }
}

fn element(rejected: &Rejected) -> Option<i32> {
    rejected.element.and_then(|at| i32::try_from(at).ok())
}

/// `[[name, base64 of the value], …]`: a header's value is bytes, its name may repeat.
fn header_text(record: &RawRecord) -> String {
    let pair = |header: &crate::data::Header| {
        serde_json::json!([without_nul(&header.name), STANDARD.encode(&header.value)])
    };
    serde_json::Value::Array(record.headers.iter().map(pair).collect()).to_string()
}

/// Postgres texts cannot hold it.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
