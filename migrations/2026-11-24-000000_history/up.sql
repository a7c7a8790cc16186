-- What each commit changed: series_ids[i] got points from from_ts[i] to to_ts[i], both included.
-- Whoever refreshes the rollups deletes what it has taken in; until then a rollup of that time
-- is stale and queries read the points themselves.
create table invalidations (
    id bigint generated always as identity primary key,
    min_ts timestamptz not null,
    max_ts timestamptz not null,
    series_ids integer[] not null,
    from_ts timestamptz[] not null,
    to_ts timestamptz[] not null
);
create index invalidations_min_ts on invalidations (min_ts);

-- Rollups hold everything before the edge but for what `invalidations` names, and nothing after it.
create table rollup_edge (
    only_row boolean primary key default true check (only_row),
    edge timestamptz not null
);
insert into rollup_edge (edge) values ('1970-01-01T00:00:00Z');

-- One row for each series and minute, hour, day (UTC) that has points. `m2` is the sum of squared
-- deviations from the mean; `sum` and `m2` are null where a value is too large to be summed up.
create table rollup_1m (
    series_id integer not null,
    ts timestamptz not null,
    count bigint not null,
    sum double precision,
    m2 double precision,
    min double precision not null,
    max double precision not null,
    first double precision not null,
    last double precision not null,
    -- When the extremes were first reached.
    min_at timestamptz not null,
    max_at timestamptz not null,
    -- Rows come in order of time and are read by series: without what most questions want in the
    -- index, each row of a series is a page of its own.
    primary key (series_id, ts) include (count, sum, min, max, min_at, max_at)
) partition by range (ts);
create table rollup_1h (like rollup_1m, primary key (series_id, ts)) partition by range (ts);
create table rollup_1d (like rollup_1m, primary key (series_id, ts)) partition by range (ts);

-- Raised, in the same transaction, whenever something of that day (UTC) was changed.
create table days (
    day date primary key,
    version bigint not null default 1
);

-- What is older was dropped by retention; level is 'raw', '1m', '1h' or '1d', floors are whole days.
create table horizons (
    stream text not null,
    level text not null,
    floor timestamptz not null,
    primary key (stream, level)
);

-- Verified copies of whole days of points in the archive. A day that has changed since (another
-- version) is archived again before it may be dropped.
create table archives (
    day date primary key,
    version bigint not null,
    url text not null,
    rows bigint not null,
    bytes bigint not null,
    checksum text not null,
    archived_at timestamptz not null default now()
);

-- Days that were brought back from the archive, and until when retention leaves them alone.
create table restored (
    day date primary key,
    keep_until timestamptz not null
);

-- What was stored before there were rollups.
insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
select min(min), max(max), array_agg(series_id), array_agg(min), array_agg(max)
from (select series_id, min(ts), max(ts) from points group by series_id) s
having count(*) > 0;
