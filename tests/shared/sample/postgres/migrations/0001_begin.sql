-- include: qbsync_shared.messaging/tables.sql

create table effect (
    tenant_id text        not null,
    event_id  text        not null,
    data      jsonb       not null default '{}',
    at        timestamptz not null default clock_timestamp(),
    place     bigint generated always as identity
);
