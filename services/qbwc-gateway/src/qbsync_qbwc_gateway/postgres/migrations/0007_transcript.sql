-- What was exchanged in each run of the Web Connector: calls, names, codes and sizes, never contents.

alter table session add column calls integer not null default 0;
create index session_ended on session (ended_at) where ended_at is not null;

create table transcript (
    tenant_id  text        not null,
    session_id text        not null,
    position   integer     not null,
    at         timestamptz not null,
    call       text        not null,
    took_ms    integer     not null,
    note       jsonb       not null,
    primary key (tenant_id, session_id, position)
);

-- All OwnerIDs under which files of this installation are stamped. They name no tenant.
create function known_owners() returns text[]
    language sql stable security definer set search_path from current as $$
    select coalesce(array_agg(distinct owner), '{}')
      from connector, lateral unnest(array[owner_id, previous_owner_id]) as owner
     where owner is not null
$$;

-- Whether another connection has this AppUniqueName: of two, one would replace the other in a Web Connector.
create function is_app_of_others(wanted text, asking text) returns boolean
    language sql stable security definer set search_path from current as $$
    select exists (select from connector
                    where tenant_id <> asking
                      and lower(coalesce(qwc ->> 'app_unique_name', 'qbsync ' || tenant_id)) = lower(wanted))
$$;
