drop table paused_streams;
alter table ingest_offsets drop column leader_epoch_offset;
alter table ingest_offsets drop column leader_epoch;
