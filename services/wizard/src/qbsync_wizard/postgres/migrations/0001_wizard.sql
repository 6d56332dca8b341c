-- The wizard: tenants, what both sides hold, what waits for review, what was approved.

-- include: qbsync_shared.messaging/tables.sql

-- One row per tenant. Its row lock makes all writing work of one tenant one after the other, so that `sync_seq` and
-- `change_no` follow commit order. A deleted tenant leaves its id and version: ids are never used again.
create table tenant (
    tenant_id       text primary key,
    version         bigint      not null default 1,
    name            text        not null,
    plan            text        not null,
    edition         text        not null check (edition in ('desktop', 'online')),
    paused          boolean     not null default false,
    settings        jsonb       not null default '{}',
    mappings        jsonb       not null default '[]',
    company         jsonb       not null default '{}',
    company_version bigint      not null default 0,
    sync_seq        bigint      not null default 0,
    change_no       bigint      not null default 0,
    badge_version   bigint      not null default 0,
    badge_imports   bigint      not null default 0,
    badge_exports   bigint      not null default 0,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    deleted_at      timestamptz
);

-- The app's records as they were last handed over; of a deleted one the last known content.
create table app_entity (
    tenant_id      text        not null,
    kind           text        not null,
    app_id         text        not null,
    revision       bigint      not null,
    entity         jsonb       not null,
    deleted        boolean     not null default false,
    applied        jsonb,               -- the content that an applied import left
    applied_seq    bigint      not null default 0,
    import_sync_id text,
    changed_at     timestamptz not null,
    received_at    timestamptz not null,
    primary key (tenant_id, kind, app_id)
);
create index app_entity_received on app_entity (tenant_id, received_at, kind, app_id);
create index app_entity_import on app_entity (tenant_id, import_sync_id) where import_sync_id is not null;

create table quickbooks_entity (
    tenant_id     text        not null,
    kind          text        not null,
    quickbooks_id text        not null,
    version       bigint      not null,
    entity        jsonb       not null,
    deleted       boolean     not null default false,
    for_matching  boolean     not null default false,
    changed_at    timestamptz,
    received_at   timestamptz not null,
    primary key (tenant_id, kind, quickbooks_id)
);

-- What a record can be recognised by, to find probable duplicates. side: a = the app, q = QuickBooks.
create table match_key (
    tenant_id text not null,
    kind      text not null,
    side      text not null check (side in ('a', 'q')),
    id        text not null,
    key       text not null,
    primary key (tenant_id, kind, side, id, key)
);
create index match_key_found on match_key (tenant_id, kind, key, side);

-- Projection of link.created and link.cleared; a cleared one stays, to know when that was.
create table link (
    tenant_id     text        not null,
    kind          text        not null,
    app_id        text        not null,
    quickbooks_id text        not null,
    version       bigint      not null,
    sync_id       text,
    sent          jsonb       not null default '{}',
    returned      jsonb       not null default '{}',
    cleared       boolean     not null default false,
    at            timestamptz not null,
    primary key (tenant_id, kind, app_id)
);
create index link_quickbooks on link (tenant_id, kind, quickbooks_id);

-- One click of Approve: who, what stayed behind, and for large ones how far it has come.
create table approval (
    tenant_id   text        not null,
    approval_id text        not null,
    by          text        not null,
    at          timestamptz not null,
    unchecked   text        not null check (unchecked in ('keep', 'clear')),
    job         jsonb,                  -- what is still to be done, of a large one
    running     boolean     not null default false,
    total       bigint      not null default 0,
    approved    bigint      not null default 0,
    changed     bigint      not null default 0,
    blocked     bigint      not null default 0,
    primary key (tenant_id, approval_id)
);
create index approval_running on approval (at) where running;
create index approval_latest on approval (tenant_id, at desc);

-- Every approved movement, with its state as the connector service last told (projection by version).
create table sync (
    tenant_id          text        not null,
    sync_id            text        not null,
    seq                bigint      not null,    -- grows per tenant, hence per entity
    version            bigint      not null default 0,
    state              text        not null default 'pending',
    direction          text        not null,
    kind               text        not null,
    app_id             text,
    quickbooks_id      text,
    operation          text        not null,
    entity             jsonb       not null default '{}',
    fields             text[]      not null default '{}',
    base_version       bigint,
    depends_on         jsonb       not null default '[]',
    app_digest         text,
    quickbooks_digest  text,
    label              text        not null default '',
    approval_id        text,
    resync_of          text,
    resynced           boolean     not null default false,
    code               text,
    message            text,
    in_doubt_since     timestamptz,
    awaiting_app_since timestamptz,
    approved_by        text        not null default '',
    approved_at        timestamptz not null,
    settled_at         timestamptz,
    primary key (tenant_id, sync_id)
);
create index sync_app on sync (tenant_id, kind, app_id, seq desc) where app_id is not null;
create index sync_quickbooks on sync (tenant_id, kind, quickbooks_id, seq desc) where quickbooks_id is not null;
create index sync_latest on sync (tenant_id, seq desc);
create index sync_approval on sync (tenant_id, approval_id, state);
create index sync_failed on sync (tenant_id, seq) where state = 'failed' and not resynced;

-- What waits, was kept back, cleared or is always skipped: at most one row per entity.
create table review_item (
    tenant_id     text        not null,
    item_id       text        not null,
    kind          text        not null,
    ref           text        not null,         -- a:{app id}, or q:{QuickBooks id} where the app has it not
    app_id        text,
    quickbooks_id text,
    direction     text        not null check (direction in ('import', 'export')),
    operation     text        not null,
    revision      bigint      not null default 1,
    standing      text        not null check (standing in ('waiting', 'kept', 'cleared', 'skipped')),
    place         integer     not null,         -- order of the list: what needs a look first, then by rank
    label         text        not null,
    party         text        not null default '',
    party_ref     text,                         -- kind/app id of who it belongs to
    amount        numeric,
    document_date date,
    search        text        not null,
    shown         jsonb       not null,
    shown_digest  text        not null,
    content       text        not null,
    change_no     bigint      not null,
    changed_at    timestamptz not null,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    decided_by    text,
    decided_at    timestamptz,
    kept_by       text,
    primary key (tenant_id, item_id),
    unique (tenant_id, kind, ref)
);
create index review_item_list on review_item (tenant_id, standing, direction, place, item_id);
create index review_item_change on review_item (tenant_id, standing, change_no);
create index review_item_decided on review_item (tenant_id, standing, decided_at desc, item_id);
create index review_item_party on review_item (tenant_id, party_ref) where party_ref is not null;
create index review_item_kept on review_item (decided_at) where standing = 'kept';

-- Entities that somebody never wants to be asked about.
create table always_skip (
    tenant_id text        not null,
    kind      text        not null,
    ref       text        not null,
    label     text        not null,
    by        text        not null,
    at        timestamptz not null,
    primary key (tenant_id, kind, ref)
);
create index always_skip_latest on always_skip (tenant_id, at desc, kind, ref);

-- How many items stand on which list: kept by triggers, so that no page counts rows.
create table tally (
    tenant_id text   not null,
    standing  text   not null,
    direction text   not null,
    count     bigint not null,
    primary key (tenant_id, standing, direction)
);

create function tally_added() returns trigger language plpgsql set search_path from current as $$
begin
    insert into tally (tenant_id, standing, direction, count)
    select tenant_id, standing, direction, count(*) from added group by tenant_id, standing, direction order by 1, 2, 3
    on conflict (tenant_id, standing, direction) do update set count = tally.count + excluded.count;
    return null;
end $$;
create function tally_removed() returns trigger language plpgsql set search_path from current as $$
begin
    update tally t set count = t.count - gone.count
      from (select tenant_id, standing, direction, count(*) as count from removed
             group by tenant_id, standing, direction order by 1, 2, 3) gone
     where t.tenant_id = gone.tenant_id and t.standing = gone.standing and t.direction = gone.direction;
    return null;
end $$;
create trigger tally_inserted after insert on review_item referencing new table as added
    for each statement execute function tally_added();
create trigger tally_updated_new after update on review_item referencing new table as added
    for each statement execute function tally_added();
create trigger tally_updated_old after update on review_item referencing old table as removed
    for each statement execute function tally_removed();
create trigger tally_deleted after delete on review_item referencing old table as removed
    for each statement execute function tally_removed();

-- Projection of connection.changed, for the strip.
create table connection (
    tenant_id        text primary key,
    edition          text        not null,
    version          bigint      not null,
    state            text        not null,
    company          text,
    last_seen_at     timestamptz,
    next_expected_at timestamptz,
    expires_at       timestamptz,
    code             text,
    message          text,
    session_version  bigint      not null default 0,
    session_ended_at timestamptz
);

-- Imports that wait for the app's answer over HTTP.
create table import_hand_over (
    tenant_id      text        not null,
    sync_id        text        not null,
    kind           text        not null,
    quickbooks_id  text        not null,
    app_id         text,
    entity         jsonb       not null,
    changed        text[]      not null,
    deleted        boolean     not null,
    handed_over_at timestamptz not null,
    answer         jsonb,
    settled        boolean     not null default false,
    primary key (tenant_id, sync_id)
);
create index import_hand_over_open on import_hand_over (tenant_id, handed_over_at, sync_id)
    where answer is null and not settled;

-- Resyncs that wait for link.cleared.
create table resync_request (
    tenant_id  text        not null,
    command_id text        not null,
    sync_id    text        not null,
    kind       text        not null,
    app_id     text        not null,
    by         text        not null,
    at         timestamptz not null,
    primary key (tenant_id, command_id)
);
create index resync_request_entity on resync_request (tenant_id, kind, app_id);
