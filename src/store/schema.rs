//! The tables as diesel knows them; `migrations/` creates them and a test compares the two.
//!
//! Only the read side queries through these. The writer speaks COPY, which diesel does not.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    series (id) {
        id -> Integer,
        key -> Text,
        metric -> Text,
        labels -> Jsonb,
        stream -> Text,
    }
}

table! {
    catalogue (only_row) {
        only_row -> Bool,
        version -> BigInt,
    }
}

table! {
    points (series_id, ts) {
        series_id -> Integer,
        partition_id -> Integer,
        ts -> Timestamptz,
        value -> Double,
        #[sql_name = "offset"]
        record_offset -> BigInt,
        recorded_at -> Timestamptz,
    }
}

table! {
    ingest_offsets (partition_id) {
        partition_id -> Integer,
        stream -> Text,
        topic -> Text,
        partition -> Integer,
        epoch -> Integer,
        topic_id -> Text,
        next_offset -> BigInt,
        owner_epoch -> BigInt,
        resume_from -> BigInt,
        leader_epoch -> Nullable<Integer>,
        leader_epoch_offset -> Nullable<BigInt>,
    }
}

table! {
    paused_streams (stream, plan) {
        stream -> Text,
        plan -> Text,
        why -> Text,
        paused_at -> Timestamptz,
        until -> Timestamptz,
        times -> Integer,
    }
}

table! {
    commits (partition_id, from_offset) {
        partition_id -> Integer,
        from_offset -> BigInt,
        to_offset -> BigInt,
        min_ts -> Nullable<Timestamptz>,
        max_ts -> Nullable<Timestamptz>,
        points -> Integer,
        series_ids -> Array<Integer>,
        committed_at -> Timestamptz,
    }
}

table! {
    gaps (id) {
        id -> BigInt,
        partition_id -> Integer,
        from_offset -> BigInt,
        to_offset -> BigInt,
        noticed_at -> Timestamptz,
    }
}

table! {
    audit (id) {
        id -> BigInt,
        at -> Timestamptz,
        actor -> Text,
        role -> Text,
        address -> Nullable<Text>,
        action -> Text,
        target -> Text,
        outcome -> Text,
        detail -> Jsonb,
    }
}

// Without topic_id, payload_sha256 and first_failed_at, which only the writer touches: more than
// 16 columns would double what diesel costs to compile.
table! {
    dead_letters (id) {
        id -> BigInt,
        stream -> Text,
        reason -> Text,
        detail -> Text,
        element -> Nullable<Integer>,
        topic -> Text,
        partition -> Integer,
        #[sql_name = "offset"]
        record_offset -> BigInt,
        recorded_at -> Timestamptz,
        key -> Nullable<Bytea>,
        payload -> Nullable<Bytea>,
        payload_size -> BigInt,
        headers -> Jsonb,
        attempts -> Integer,
        last_failed_at -> Timestamptz,
        resolved_at -> Nullable<Timestamptz>,
    }
}

allow_tables_to_appear_in_same_query!(
    series,
    catalogue,
    points,
    ingest_offsets,
    paused_streams,
    commits,
    gaps,
    dead_letters,
    audit,
);
