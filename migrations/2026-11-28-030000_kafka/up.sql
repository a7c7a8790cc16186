-- The epoch of the leader that took the last record below next_offset, and the offset behind that
-- record: by them Kafka can tell whether its log is still the one that was read.
alter table ingest_offsets add column leader_epoch integer;
alter table ingest_offsets add column leader_epoch_offset bigint;

-- Streams whose mapping failed too often, for the nodes that have the same one (`plan` tells).
create table paused_streams (
    stream text not null,
    plan text not null,
    why text not null,
    paused_at timestamptz not null default now(),
    -- From then on it is read again and judged anew.
    until timestamptz not null,
    -- How often in a row: each pause is longer than the one before.
    times integer not null default 1,
    primary key (stream, plan)
);
