-- The dead letters of all services, as QBSYNC_DLQ tells of them, and indexes for what runs over all tenants.

create table letter (
    id         bigint generated always as identity primary key,
    tenant_id  text        not null, -- '-' where the subject names none
    service    text        not null,
    consumer   text        not null,
    event_id   text        not null,
    stream     text        not null,
    stream_seq bigint      not null,
    subject    text        not null,
    headers    jsonb       not null,
    payload    bytea       not null,
    reason     text        not null,
    detail     text        not null,
    deliveries integer     not null,
    failed_at  timestamptz not null,
    state      text        not null default 'open' check (state in ('open', 'replayed', 'discarded')),
    replays    integer     not null default 0,
    decided_at timestamptz,
    decided_by text,
    why        text,
    unique (service, consumer, tenant_id, event_id)
);
create index letter_open on letter (id desc) where state = 'open';
create index audit_newest on audit (occurred_at desc, message_id desc);
create index request_overdue on request (asked_at) where state = 'open';
