-- Who did what. Rows are only added: whoever wants them gone has to take the triggers away first.
create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    role text not null,
    address text,
    action text not null,
    target text not null,
    outcome text not null,
    detail jsonb not null
);
create index audit_at on audit (at);
create index audit_actor on audit (actor, id);
create index audit_action on audit (action, id);

create function refuse_change_of_audit() returns trigger language plpgsql as $$
begin
    raise exception 'rows of the table audit are only added, never changed or removed';
end
$$;
create trigger only_added before update or delete or truncate on audit
    for each statement execute function refuse_change_of_audit();
