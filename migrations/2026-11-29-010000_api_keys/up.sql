-- Who may use the server. A key that was revoked stays, so that it can be looked up.
create table api_keys (
    id text primary key,
    name text not null,
    role text not null,
    -- HMAC-SHA-256 of the key with the installation's secret.
    hash bytea not null check (octet_length(hash) = 32),
    -- How often it was given a secret.
    version int not null default 1,
    created timestamptz not null default now(),
    created_by text not null,
    expires timestamptz,
    revoked timestamptz,
    last_used timestamptz
);

create unique index api_keys_name on api_keys (name) where revoked is null;

-- Raised with each change of keys and sessions: nodes look at it each second.
create table auth_epoch (
    one boolean primary key default true check (one),
    epoch bigint not null default 0
);

insert into auth_epoch default values;
