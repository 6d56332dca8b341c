-- include: qbsync_shared.messaging/tables.sql
-- include: qbsync_shared.connector/tables.sql

-- One Web Connector user per tenant, what is known of its company, and how the connection stands.
create table connector (
    tenant_id         text primary key,
    username          text        not null unique,
    password_hash     text        not null,
    password_set_at   timestamptz not null,
    password_set_by   text        not null,
    failures          integer     not null default 0,
    locked_until      timestamptz,
    owner_id          text        not null, -- one per installation, in braces
    file_id           text        not null, -- one per tenant, in braces
    qwc               jsonb       not null default '{}',
    company_file      text,                 -- path of the bound file as the Web Connector tells it
    bound_at          timestamptz,
    facts             jsonb       not null default '{}',
    state             text        not null default 'none',
    code              text,
    message           text,
    connector_version text,
    last_seen_at      timestamptz,
    last_result       text,
    last_read_at      timestamptz,
    told_at           timestamptz,          -- when others were last told that it was seen
    seconds_per_write double precision
);

create table session (
    session_id  text primary key,
    tenant_id   text        not null,
    ticket      text        not null unique, -- a digest: the ticket itself is known to the Web Connector only
    state       text        not null check (state in ('authenticated', 'out', 'answered', 'ended')),
    started_at  timestamptz not null,
    called_at   timestamptz not null,
    ended_at    timestamptz,
    sent_at     timestamptz,
    round_trips integer     not null default 0,
    sent        integer     not null default 0,
    received    integer     not null default 0,
    failed      integer     not null default 0,
    trouble     integer     not null default 0, -- connectionError calls
    plan        jsonb       not null default '{}',
    answer      integer,
    answer_hash text,
    error       text,
    result      text
);
create unique index session_open on session (tenant_id) where ended_at is null;
create index session_by_tenant on session (tenant_id, started_at desc);

-- What went to QuickBooks: stored before it is handed out, sent again as the same bytes while its outcome is unknown.
create table message_set (
    set_id      text primary key,
    tenant_id   text        not null,
    position    bigint generated always as identity,
    purpose     text        not null check (purpose in ('write', 'fetch')),
    state       text        not null check (state in ('stored', 'out', 'doubt', 'settled', 'cleared')),
    body        text        not null,
    members     jsonb       not null,
    session_id  text        not null, -- the session that holds its members
    not_in      text,                 -- a session in which it is not tried again
    created_at  timestamptz not null,
    sent_at     timestamptz,
    answered_at timestamptz
);
create index message_set_open on message_set (tenant_id, position) where state in ('stored', 'out', 'doubt');
create index message_set_settled on message_set (tenant_id) where state = 'settled';
create index message_set_old on message_set (answered_at) where state in ('settled', 'cleared');

-- How far each list was read, in the company's local time as QuickBooks writes it.
create table import_cursor (
    tenant_id text not null,
    name      text not null,
    watermark text not null,
    primary key (tenant_id, name)
);
