//! Dead letters: written in the batch's own transaction, found again by a redrive.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha256;
use tokio_postgres::Client;

use crate::data::{Batch, RawRecord, Rejected, headers};

use super::error::WriteError;
use super::timestamp::Timestamp;

/// What is kept of a payload; size and hash are those of the whole.
const PAYLOAD_MAX: usize = 64 * 1024;

const INSERT: &str = r#"
    insert into dead_letters (stream, reason, detail, element, topic, topic_id, partition, "offset",
        recorded_at, key, payload, payload_size, payload_sha256, headers)
    select l.stream, l.reason, l.detail, l.element, o.topic, o.topic_id, o.partition, l."offset",
        l.recorded_at, l.key, l.payload, l.payload_size, l.payload_sha256, l.headers::jsonb
    from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[],
            $7::timestamptz[], $8::bytea[], $9::bytea[], $10::bigint[], $11::bytea[], $12::text[])
        as l(partition_id, stream, reason, detail, element, "offset",
            recorded_at, key, payload, payload_size, payload_sha256, headers)
    join ingest_offsets o using (partition_id)
    on conflict (topic, topic_id, partition, "offset") do update set
        reason = excluded.reason, detail = excluded.detail, element = excluded.element,
        attempts = dead_letters.attempts + 1, last_failed_at = now(), resolved_at = null"#;

const FAILED_AGAIN: &str = "
    update dead_letters d set reason = f.reason, detail = f.detail, element = f.element,
        attempts = f.attempt, last_failed_at = now()
    from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::int[])
        as f(id, attempt, reason, detail, element)
    where d.id = f.id and d.attempts < f.attempt and d.resolved_at is null";

const RESOLVED: &str =
    "update dead_letters set resolved_at = now() where id = any($1) and resolved_at is null";

/// A redriven record's dead letter and attempt, if its headers name them.
fn letter_of(record: &RawRecord) -> Option<(i64, i32)> {
    let number = |name| {
        let header = record.headers.iter().find(|header| header.name == name)?;
        std::str::from_utf8(&header.value).ok()?.parse::<i64>().ok()
    };
    Some((
        number(headers::LETTER)?,
        number(headers::ATTEMPT)?.try_into().ok()?,
    ))
}

/// Writes one row for each rejected record, or brings the row of a redriven one up to date.
pub(super) async fn write(client: &Client, batch: &Batch, rejected: &[&Rejected]) -> Result<(), WriteError> {
    if rejected.is_empty() {
        return Ok(());
    }
    let letter = |rejected: &&Rejected| {
        let record = &batch.raw.records[rejected.record as usize];
        batch
            .raw
            .share(record)
            .of
            .redrive
            .then(|| letter_of(record))
            .flatten()
    };
    let ids: Vec<i64> = rejected.iter().filter_map(letter).map(|(id, _)| id).collect();
    let known: HashSet<i64> = match ids.is_empty() {
        true => HashSet::new(),
        false => {
            let rows = client
                .query("select id from dead_letters where id = any($1)", &[&ids])
                .await?;
            rows.iter().map(|row| row.get(0)).collect()
        }
    };
    let (again, new): (Vec<&Rejected>, Vec<&Rejected>) = rejected
        .iter()
        .partition(|one| letter(one).is_some_and(|(id, _)| known.contains(&id)));
    insert(client, batch, &new).await?;
    if again.is_empty() {
        return Ok(());
    }
    let column = |pick: fn(&Rejected) -> String| again.iter().map(|one| pick(one)).collect::<Vec<_>>();
    let letters: Vec<(i64, i32)> = again.iter().filter_map(letter).collect();
    let (ids, attempts): (Vec<i64>, Vec<i32>) = letters.into_iter().unzip();
    let reasons = column(|one| one.reason.code().to_owned());
    let details = column(|one| one.detail.clone());
    let elements: Vec<Option<i32>> = again.iter().map(element).collect();
    client
        .execute(FAILED_AGAIN, &[&ids, &attempts, &reasons, &details, &elements])
        .await?;
    Ok(())
}

/// Marks the letters of redriven records that were stored.
pub(super) async fn resolve<'a>(
    client: &Client,
    stored: impl Iterator<Item = &'a RawRecord>,
) -> Result<(), WriteError> {
    let ids: Vec<i64> = stored.filter_map(letter_of).map(|(id, _)| id).collect();
    if !ids.is_empty() {
        client.execute(RESOLVED, &[&ids]).await?;
    }
    Ok(())
}

async fn insert(client: &Client, batch: &Batch, rejected: &[&Rejected]) -> Result<(), WriteError> {
    if rejected.is_empty() {
        return Ok(());
    }
    let raw = &batch.raw;
    let records: Vec<&RawRecord> = rejected
        .iter()
        .map(|one| &raw.records[one.record as usize])
        .collect();
    let payloads: Vec<Option<&[u8]>> = records.iter().map(|record| raw.payload(record)).collect();
    let partitions: Vec<i32> = records.iter().map(|r| raw.share(r).of.partition_id).collect();
    let streams: Vec<&str> = records.iter().map(|r| &*raw.share(r).of.stream).collect();
    let reasons: Vec<&str> = rejected.iter().map(|one| one.reason.code()).collect();
    let details: Vec<String> = rejected
        .iter()
        .map(|one| one.detail.replace('\0', "\u{fffd}"))
        .collect();
    let elements: Vec<Option<i32>> = rejected.iter().map(element).collect();
    let offsets: Vec<i64> = records.iter().map(|r| r.offset).collect();
    let recorded: Vec<Timestamp> = records.iter().map(|r| Timestamp(r.timestamp)).collect();
    let keys: Vec<Option<&[u8]>> = records.iter().map(|r| raw.key(r)).collect();
    let cut: Vec<Option<&[u8]>> = payloads
        .iter()
        .map(|p| p.map(|p| &p[..p.len().min(PAYLOAD_MAX)]))
        .collect();
    let sizes: Vec<i64> = payloads.iter().map(|p| p.map_or(0, <[u8]>::len) as i64).collect();
    let hashes: Vec<Option<Vec<u8>>> = payloads.iter().map(|p| p.map(|p| sha256(p).to_vec())).collect();
    let headers: Vec<String> = records.iter().map(|r| header_text(r)).collect();
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
            ],
        )
        .await?;
    Ok(())
}

fn element(rejected: &&Rejected) -> Option<i32> {
    rejected.element.and_then(|at| i32::try_from(at).ok())
}

/// `[[name, base64 of the value], …]`: a header's value is bytes, its name may repeat.
fn header_text(record: &RawRecord) -> String {
    let pair = |header: &crate::data::Header| {
        let name = header.name.replace('\0', "\u{fffd}");
        serde_json::json!([name, STANDARD.encode(&header.value)])
    };
    serde_json::Value::Array(record.headers.iter().map(pair).collect()).to_string()
}
