-- Cursors name partitions by id. Ids begin at a random number, so that a cursor of another database
-- names partitions that are not here.
select setval(pg_get_serial_sequence('ingest_offsets', 'partition_id'), 1 + floor(random() * 2000000000)::bigint)
where not exists (select from ingest_offsets);
