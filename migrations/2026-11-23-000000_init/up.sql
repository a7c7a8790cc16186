-- One row for each series; the key is metric{a="x",b="y"} with sorted labels.
create table series (
    id integer generated always as identity primary key,
    key text not null unique,
    metric text not null,
    labels jsonb not null,
    -- The stream that brought it first; max_series counts by it.
    stream text not null
);
create index series_metric on series (metric, key);
create index series_labels on series using gin (labels jsonb_path_ops);

-- Bumped by delete-series, read by every commit: a changed version clears the writers' id caches.
create table catalogue (
    only_row boolean primary key default true check (only_row),
    version bigint not null default 0
);
insert into catalogue default values;

-- recorded_at is the Kafka record's own time: across partitions the later record wins.
create table points (
    series_id integer not null,
    partition_id integer not null,
    ts timestamptz not null,
    value double precision not null,
    "offset" bigint not null,
    recorded_at timestamptz not null,
    primary key (series_id, ts)
) partition by range (ts);

-- One row for each topic, partition and epoch. A topic created anew (another topic_id) and a
-- rewind each begin a new epoch.
create table ingest_offsets (
    partition_id integer generated always as identity primary key,
    stream text not null,
    topic text not null,
    partition integer not null,
    epoch integer not null,
    topic_id text not null,
    next_offset bigint not null,
    owner_epoch bigint not null default 0,
    -- Cursors below this offset can no longer be resumed: their commits were forgotten.
    resume_from bigint not null default 0,
    unique (topic, partition, epoch)
);

-- One row for each partition and commit: what the tail reader reads by.
create table commits (
    partition_id integer not null,
    from_offset bigint not null,
    to_offset bigint not null,
    -- Null when the range brought no point.
    min_ts timestamptz,
    max_ts timestamptz,
    points integer not null,
    series_ids integer[] not null,
    committed_at timestamptz not null default now(),
    primary key (partition_id, from_offset)
);
create index commits_committed_at on commits using brin (committed_at);

-- Offsets that Kafka no longer had when we came for them.
create table gaps (
    id bigint generated always as identity primary key,
    partition_id integer not null,
    from_offset bigint not null,
    to_offset bigint not null,
    noticed_at timestamptz not null default now(),
    unique (partition_id, from_offset)
);

create table dead_letters (
    id bigint generated always as identity primary key,
    stream text not null,
    reason text not null,
    detail text not null,
    element integer,
    topic text not null,
    topic_id text not null,
    partition integer not null,
    "offset" bigint not null,
    recorded_at timestamptz not null,
    key bytea,
    -- Cut at 64 KiB; size and hash are those of the whole payload.
    payload bytea,
    payload_size bigint not null,
    payload_sha256 bytea,
    -- [[name, base64 of the value], ...] in the record's order.
    headers jsonb not null,
    attempts integer not null default 1,
    first_failed_at timestamptz not null default now(),
    last_failed_at timestamptz not null default now(),
    -- Set when a redrive stored it.
    resolved_at timestamptz,
    unique (topic, topic_id, partition, "offset")
);
create index dead_letters_open on dead_letters (id) where resolved_at is null;
