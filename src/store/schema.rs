//! The tables that are read through diesel's query builder; `migrations/` creates them and a test compares
//! the two.

use diesel::{allow_tables_to_appear_in_same_query, table};

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

allow_tables_to_appear_in_same_query!(ingest_offsets, gaps);
