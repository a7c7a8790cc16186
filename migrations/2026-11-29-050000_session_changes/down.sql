alter table auth_epoch drop column sessions;
alter table sessions drop column epoch;
