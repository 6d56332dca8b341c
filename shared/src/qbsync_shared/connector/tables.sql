-- The work queue of a connector service: what was approved and must still arrive, and which records belong together.

create sequence object_version;

create table tenant (
    tenant_id text primary key,
    version   bigint  not null,
    name      text    not null,
    plan      text    not null,
    edition   text    not null,
    paused    boolean not null default false,
    settings  jsonb   not null default '{}',
    mappings  jsonb   not null default '[]'
);

-- How many review items wait, for the navigation of the connection page.
create table badge (
    tenant_id text primary key,
    version   bigint  not null,
    waiting   integer not null
);

-- One company belongs to at most one tenant.
create table binding (
    tenant_id  text primary key,
    company_id text not null unique,
    bound_at   timestamptz not null default now()
);

-- Its row lock makes all work of one tenant one after the other; `next_seq` therefore follows commit order.
create table work_lane (
    tenant_id text primary key,
    next_seq  bigint not null default 1
);

create table pause (
    tenant_id text not null,
    kind      text not null, -- '*' for all
    by        text not null,
    why       text not null,
    primary key (tenant_id, kind)
);

create table work_item (
    sync_id            text primary key,
    tenant_id          text        not null,
    seq                bigint      not null,
    version            bigint      not null default 1,
    state              text        not null
        check (state in ('pending', 'in_flight', 'waiting', 'succeeded', 'failed', 'cancelled')),
    direction          text        not null check (direction in ('import', 'export')),
    kind               text        not null,
    app_id             text,
    quickbooks_id      text,
    operation          text        not null,
    entity             jsonb       not null,
    fields             text[]      not null default '{}',
    base_version       bigint,
    entity_seq         bigint      not null,
    depends_on         jsonb       not null default '[]',
    resync_of          text,
    rank               smallint    not null,
    approved_by        text        not null,
    approved_at        timestamptz not null,
    available_at       timestamptz not null,
    attempts           integer     not null default 0,
    repeats            integer     not null default 0, -- of a stale version token
    holder             text,                           -- fencing: who may settle it
    code               text,
    message            text,
    retry_at           timestamptz,
    waits_for          text,                           -- 'kind/app_id'
    in_doubt_since     timestamptz,
    awaiting_app_since timestamptz,
    created_at         timestamptz not null default now(),
    finished_at        timestamptz
);
create index work_item_open on work_item (tenant_id, rank, seq) where state in ('pending', 'waiting');
create index work_item_held on work_item (tenant_id, holder) where state = 'in_flight';
create index work_item_entity on work_item (tenant_id, kind, app_id, entity_seq);
create index work_item_quickbooks on work_item (tenant_id, kind, quickbooks_id) where quickbooks_id is not null;
create index work_item_waits on work_item (tenant_id, waits_for) where state = 'waiting';
create index work_item_seq on work_item (tenant_id, seq);

create table link (
    tenant_id     text        not null,
    kind          text        not null,
    app_id        text        not null,
    quickbooks_id text        not null,
    version       bigint      not null,
    token         text,                 -- EditSequence or SyncToken
    sent          jsonb       not null, -- the app's form at the last sync
    returned      jsonb       not null, -- QuickBooks' own form at the last sync
    sync_id       text,
    entity_seq    bigint      not null default 0,
    create_sync_id text,                -- the sync that created the record in QuickBooks, if it was ours
    updated_at    timestamptz not null default now(),
    primary key (tenant_id, kind, app_id),
    unique (tenant_id, kind, quickbooks_id)
);

-- What QuickBooks was last seen to hold: own writes do not echo back.
create table seen_entity (
    tenant_id     text        not null,
    kind          text        not null,
    quickbooks_id text        not null,
    version       bigint      not null,
    token         text,
    entity        jsonb,
    deleted       boolean     not null default false,
    seen_at       timestamptz not null default now(),
    primary key (tenant_id, kind, quickbooks_id)
);

alter table tenant enable row level security;
alter table badge enable row level security;
alter table binding enable row level security;
alter table work_lane enable row level security;
alter table pause enable row level security;
alter table work_item enable row level security;
alter table link enable row level security;
alter table seen_entity enable row level security;

create policy own_tenant on tenant using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on badge using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on binding using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on work_lane using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on pause using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on work_item using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on link using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on seen_entity using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
