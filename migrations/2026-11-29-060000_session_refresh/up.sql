-- The issuer's refresh token, encrypted with what the cookie alone has.
alter table sessions add column refresh bytea;
-- When a node began to use it.
alter table sessions add column refreshing timestamptz;
