-- Many series have the same label names: they are counted by these lists, not by each series' labels.
create function label_names(labels jsonb) returns text[]
    language sql immutable strict parallel safe
    return array(select jsonb_object_keys(labels));
alter table series add column label_names text[] not null generated always as (label_names(labels)) stored;

-- Of what waits: pages of one reason or one stream, and how much there is of each reason.
create index dead_letters_reason on dead_letters (reason, id) include (stream, topic, last_failed_at)
    where resolved_at is null;
create index dead_letters_stream on dead_letters (stream, id) where resolved_at is null;
