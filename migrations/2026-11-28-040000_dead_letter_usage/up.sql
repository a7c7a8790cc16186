-- Bytes of payload, key and headers that are kept of a letter; 0 for those of before.
alter table dead_letters add column kept_bytes integer not null default 0;

-- Their sum, by which the writers know when to leave payloads out.
create table dead_letter_usage (
    stream text primary key,
    bytes bigint not null
);

-- A trigger, so that every way in which letters come and go is counted.
create function count_dead_letters() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into dead_letter_usage as u (stream, bytes)
        select stream, sum(kept_bytes) from added group by stream order by stream
        on conflict (stream) do update set bytes = u.bytes + excluded.bytes;
    elsif tg_op = 'DELETE' then
        insert into dead_letter_usage as u (stream, bytes)
        select stream, -sum(kept_bytes) from removed group by stream order by stream
        on conflict (stream) do update set bytes = u.bytes + excluded.bytes;
    else
        insert into dead_letter_usage as u (stream, bytes)
        select stream, sum(n) from (
            select stream, kept_bytes as n from added union all select stream, -kept_bytes from removed) c
        group by stream having sum(n) <> 0 order by stream
        on conflict (stream) do update set bytes = u.bytes + excluded.bytes;
    end if;
    return null;
end
$$;
create trigger count_added after insert on dead_letters
    referencing new table as added for each statement execute function count_dead_letters();
create trigger count_removed after delete on dead_letters
    referencing old table as removed for each statement execute function count_dead_letters();
create trigger count_changed after update on dead_letters
    referencing new table as added old table as removed for each statement execute function count_dead_letters();

-- Readers ask twice a second for the gaps in which a cursor may still be.
create index gaps_to_offset on gaps (partition_id, to_offset);
