-- Browsers that are signed in. A row is here as long as its session lasts: signing out deletes it.
create table sessions (
    -- SHA-256 of what the cookie holds, which is 256 random bits.
    hash bytea primary key check (octet_length(hash) = 32),
    -- As everywhere: key:<id>, or an issuer and its subject.
    subject text not null,
    -- Signed in with this API key, or with a token that said this.
    key_id text,
    -- Rotating the key ends them.
    key_version integer,
    claims jsonb,
    created timestamptz not null default now(),
    expires timestamptz not null,
    check ((key_id is null) <> (claims is null)),
    check ((key_id is null) = (key_version is null))
);

create index sessions_subject on sessions (subject, created);
create index sessions_expires on sessions (expires);
