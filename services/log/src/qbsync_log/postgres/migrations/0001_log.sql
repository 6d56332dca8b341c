-- The record of every sync, and the projections that explain it.

-- include: qbsync_shared.messaging/tables.sql

-- Row-level security and the rights of the service's role are given by the migration itself to every table with a tenant_id.

create table tenant (
    tenant_id  text        primary key,
    version    bigint      not null,
    name       text        not null,
    plan       text        not null,
    edition    text        not null,
    paused     boolean     not null,
    settings   jsonb       not null,
    deleted_at timestamptz
);

create table connection (
    tenant_id        text        not null,
    edition          text        not null,
    version          bigint      not null,
    state            text        not null,
    company          text,
    last_seen_at     timestamptz,
    next_expected_at timestamptz,
    expires_at       timestamptz,
    code             text,
    message          text,
    changed_at       timestamptz not null,
    primary key (tenant_id, edition)
);

-- The Web Connector's sessions, the last one per edition.
create table session (
    tenant_id   text        not null,
    edition     text        not null,
    version     bigint      not null,
    session_id  text        not null,
    started_at  timestamptz not null,
    ended_at    timestamptz not null,
    round_trips integer     not null,
    succeeded   integer     not null,
    failed      integer     not null,
    result      text        not null,
    primary key (tenant_id, edition)
);

create table badge (
    tenant_id text   primary key,
    version   bigint not null,
    waiting   integer not null,
    imports   integer not null,
    exports   integer not null
);

-- One row per pair ever linked; the newest of an app id says whether it is linked now.
create table link (
    tenant_id     text        not null,
    kind          text        not null,
    quickbooks_id text        not null,
    app_id        text        not null,
    version       bigint      not null,
    linked        boolean     not null,
    changed_at    timestamptz not null,
    by            text,
    why           text,
    primary key (tenant_id, kind, quickbooks_id)
);
create index link_app on link (tenant_id, kind, app_id, version desc);

create table sync (
    tenant_id          text        not null,
    sync_id            text        not null,
    edition            text        not null,
    direction          text        not null,
    kind               text        not null,
    operation          text        not null,
    app_id             text,
    linked_app_id      text,                 -- by the link, for an import that was approved before it
    quickbooks_id      text,
    entity_key         text        not null, -- kind/app/id, else kind/quickbooks/id
    label              text        not null,
    amount             numeric,
    party              text,                 -- entity_key of the customer or vendor
    party_name         text,
    entity             jsonb,                -- null until its approval is known
    fields             text[]      not null default '{}',
    entity_seq         bigint,
    resync_of          text,
    not_before         timestamptz,
    approved_by        text,
    approved_at        timestamptz,
    version            bigint      not null,
    state              text        not null,
    state_group        text        not null,
    attempt            integer     not null,
    code               text,
    message            text,
    retry_at           timestamptz,
    waits_for          text,
    in_doubt_since     timestamptz,
    awaiting_app_since timestamptz,
    warnings           jsonb       not null default '[]',
    cancelled_by       text,
    superseded_by      text,
    changed_at         timestamptz not null,
    latest             boolean     not null default false,
    bucket             text,                 -- needs_you, retries, resyncing; only of the latest sync of an entity
    cause              text,
    asked_at           timestamptz,          -- Resync was pressed and the answer is to come
    primary key (tenant_id, sync_id)
);
create index sync_entity on sync (tenant_id, entity_key, entity_seq desc nulls first, sync_id desc);
create unique index sync_latest on sync (tenant_id, entity_key) where latest;
create index sync_changed on sync (tenant_id, changed_at desc, sync_id desc);
create index sync_group on sync (tenant_id, state_group, changed_at desc, sync_id desc);
create index sync_group_kind on sync (tenant_id, state_group, kind, changed_at desc, sync_id desc);
create index sync_code on sync (tenant_id, code, changed_at desc, sync_id desc) where code is not null;
create index sync_bucket on sync (tenant_id, bucket, cause, changed_at, sync_id) where bucket is not null;
create index sync_retry on sync (tenant_id, retry_at, sync_id) where bucket = 'retries';
create index sync_waits on sync (tenant_id, waits_for) where latest and state = 'waiting';
create index sync_quickbooks on sync (tenant_id, kind, quickbooks_id) where quickbooks_id is not null;
create index sync_resync_of on sync (tenant_id, resync_of) where resync_of is not null;
create index sync_done on sync (tenant_id, changed_at desc) where latest and state = 'succeeded' and resync_of is not null;

-- What a sync is found by. Words and not a text index: row-level security lets only leak-proof comparisons use an index.
create table sync_word (
    tenant_id text not null,
    word      text collate "C" not null,
    sync_id   text not null,
    primary key (tenant_id, word, sync_id)
);
create index sync_word_sync on sync_word (tenant_id, sync_id);

-- Everything that was said about a sync: its approval, its attempts, its outcome.
create table sync_event (
    tenant_id   text        not null,
    sync_id     text        not null,
    message_id  text        not null,
    verb        text        not null,
    version     bigint      not null,
    occurred_at timestamptz not null,
    attempt     integer     not null,
    code        text,
    message     text,
    details     jsonb       not null,
    technical   jsonb       not null, -- redacted before it is stored
    primary key (tenant_id, message_id)
);
create index sync_event_sync on sync_event (tenant_id, sync_id, version, occurred_at);

-- What a person asked for on a page: a command that was sent, and its answer.
create table request (
    tenant_id  text        not null,
    command_id text        not null,
    sync_id    text        not null,
    action     text        not null check (action in ('resync', 'clear-id')),
    by         text        not null,
    why        text        not null,
    asked_at   timestamptz not null,
    state      text        not null default 'open' check (state in ('open', 'answered', 'refused')),
    code       text,
    answer     text,
    primary key (tenant_id, command_id)
);
create index request_sync on request (tenant_id, sync_id, asked_at desc);
create unique index request_open on request (tenant_id, sync_id, action) where state = 'open';

create table audit (
    tenant_id    text        not null,
    message_id   text        not null,
    occurred_at  timestamptz not null,
    speaker      text        not null,
    by           text        not null,
    action       text        not null,
    subject_kind text,
    app_id       text,
    sync_id      text,
    why          text        not null,
    details      jsonb       not null,
    primary key (tenant_id, message_id)
);
create index audit_time on audit (tenant_id, occurred_at desc, message_id desc);
create index audit_sync on audit (tenant_id, sync_id, occurred_at) where sync_id is not null;

-- Numbers that pages show without counting: kept by the triggers below.
create table tally (
    tenant_id text    not null,
    scope     text    not null, -- state: group|direction|kind; unsynced: bucket|cause; code: edition|code
    key       text    not null,
    n         bigint  not null,
    total     numeric not null,
    primary key (tenant_id, scope, key)
);

create function tally_rows(tenant_id text, state_group text, direction text, kind text, edition text, code text,
                           bucket text, cause text, amount numeric)
returns table (scope text, key text, total numeric) language sql immutable as $$
    select 'state', state_group || '|' || direction || '|' || kind, coalesce(amount, 0)
    union all
    select 'unsynced', bucket || '|' || coalesce(cause, ''), coalesce(amount, 0) where bucket is not null
    union all
    select 'code', edition || '|' || code, 0 where code is not null
$$;

create function sync_tally_insert() returns trigger language plpgsql set search_path from current as $$
begin
    insert into tally as t (tenant_id, scope, key, n, total)
    select c.tenant_id, r.scope, r.key, count(*), sum(r.total)
      from added c, tally_rows(c.tenant_id, c.state_group, c.direction, c.kind, c.edition, c.code, c.bucket, c.cause, c.amount) r
     group by 1, 2, 3
     order by 1, 2, 3
    on conflict (tenant_id, scope, key) do update set n = t.n + excluded.n, total = t.total + excluded.total;
    return null;
end $$;

create function sync_tally_update() returns trigger language plpgsql set search_path from current as $$
begin
    insert into tally as t (tenant_id, scope, key, n, total)
    select tenant_id, scope, key, sum(n), sum(total)
      from (select c.tenant_id, r.scope, r.key, 1 as n, r.total
              from added c, tally_rows(c.tenant_id, c.state_group, c.direction, c.kind, c.edition, c.code, c.bucket, c.cause, c.amount) r
            union all
            select c.tenant_id, r.scope, r.key, -1, -r.total
              from removed c, tally_rows(c.tenant_id, c.state_group, c.direction, c.kind, c.edition, c.code, c.bucket, c.cause, c.amount) r) changes
     group by 1, 2, 3
    having sum(n) <> 0 or sum(total) <> 0
     order by 1, 2, 3
    on conflict (tenant_id, scope, key) do update set n = t.n + excluded.n, total = t.total + excluded.total;
    return null;
end $$;

create trigger sync_tally_insert after insert on sync
    referencing new table as added for each statement execute function sync_tally_insert();
create trigger sync_tally_update after update on sync
    referencing old table as removed new table as added for each statement execute function sync_tally_update();
