-- What makes this database one installation: its nodes find and believe each other in a Redis that
-- others may use as well. Two uuids make a key of 244 random bits.
create table installation (
    one boolean primary key default true check (one),
    id uuid not null default gen_random_uuid(),
    secret bytea not null
        default decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'),
    -- The newest migration that a program must know to work on this database. A migration that
    -- older programs cannot live with sets it to its own version; all others leave it alone.
    needs_schema text not null default '20261128050000'
);

insert into installation default values;
