-- Nodes read only the sessions that have changed since they looked last.
alter table sessions add column epoch bigint not null default 0;
create index sessions_epoch on sessions (epoch);

-- How many changes were of sessions alone.
alter table auth_epoch add column sessions bigint not null default 0;
