-- A batch is one call for several writes: its own id and exact bytes. It is open while a member's outcome is unknown.
create table batch (
    requestid  text primary key,
    tenant_id  text        not null,
    body       bytea       not null,
    created_at timestamptz not null
);

alter table call add column batch_id text references batch;
alter table call add column bid text;
create index call_batch on call (batch_id) where batch_id is not null;

-- When the next call of each sort may go (service/rates.py), and since when the realm is not being drained.
alter table realm_lease drop column tat;
alter table realm_lease add column rates jsonb not null default '{}';
alter table realm_lease add column served_at timestamptz not null default '-infinity';
