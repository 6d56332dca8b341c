-- include: qbsync_shared.messaging/tables.sql
-- include: qbsync_shared.connector/tables.sql

-- One connection to QuickBooks Online per tenant. Tokens are encrypted (AES-GCM); the context is the tenant.
create table connection (
    tenant_id          text primary key,
    version            bigint      not null default 1,
    state              text        not null default 'none'
        check (state in ('none', 'connected', 'paused', 'expired', 'revoked', 'wrong_company', 'problem')),
    realm_id           text unique,
    company_name       text,
    access_token       bytea,
    access_expires_at  timestamptz,
    refresh_token      bytea,
    refresh_expires_at timestamptz,
    hard_expires_at    timestamptz,
    refreshed_at       timestamptz,
    code               text,
    message            text,
    intuit_tid         text,
    connected_by       text,
    connected_at       timestamptz,
    last_seen_at       timestamptz
);

-- What an authorisation under way must bring back; `state` is hashed, the verifier encrypted.
create table authorisation (
    state_hash  text primary key,
    tenant_id   text        not null,
    cookie_hash text        not null,
    verifier    bytea       not null,
    by          text        not null,
    next        text        not null,
    created_at  timestamptz not null default now()
);

-- One worker at a time drains a tenant's realm. `fence` grows with every hand-over.
create table realm_lease (
    tenant_id  text primary key,
    holder     text        not null default '',
    fence      bigint      not null default 0,
    expires_at timestamptz not null default '-infinity',
    not_before timestamptz not null default '-infinity', -- after a 429
    tat        double precision not null default 0       -- of the token bucket
);

-- Every write is stored before it goes out: the same bytes under the same id, or nothing.
create table call (
    requestid     text primary key,
    tenant_id     text        not null,
    sync_id       text        not null,
    method        text        not null,
    path          text        not null,
    query         jsonb       not null,
    body          bytea       not null,
    state         text        not null default 'open' check (state in ('open', 'settled')),
    sends         integer     not null default 0,
    created_at    timestamptz not null default now(),
    send_again_at timestamptz not null default now(),
    status        integer,
    intuit_tid    text,
    settled_at    timestamptz
);
create index call_open on call (tenant_id, send_again_at) where state = 'open';
create index call_sync on call (tenant_id, sync_id);

-- How far changes were read, per resource.
create table read_cursor (
    tenant_id text        not null,
    resource  text        not null,
    since     timestamptz not null,
    primary key (tenant_id, resource)
);

alter table connection enable row level security;
alter table authorisation enable row level security;
alter table realm_lease enable row level security;
alter table call enable row level security;
alter table read_cursor enable row level security;

create policy own_tenant on connection using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on authorisation using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on realm_lease using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on call using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
create policy own_tenant on read_cursor using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');
