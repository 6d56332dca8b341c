-- What every service that speaks on NATS keeps beside its own tables.
-- Included by the service's first migration; frozen once released.

-- What the service has said, or is about to say. Rows stay after they were published, so that they can be said again.
create table outbox (
    id           bigint generated always as identity primary key,
    seq          bigint,                                        -- given at commit: the order of commits per tenant
    event_id     text        not null unique,                   -- Nats-Msg-Id
    tenant_id    text        not null,
    stream       text        not null,
    subject      text        not null,
    headers      jsonb       not null,
    payload      bytea       not null,
    created_at   timestamptz not null default now(),
    published_at timestamptz
);
create index outbox_waiting on outbox (seq) where published_at is null;
create index outbox_published on outbox (published_at) where published_at is not null;
create index outbox_latest on outbox (stream, subject, seq desc);
create sequence outbox_order;

-- A number taken at the insert would follow the order of inserts, not of commits. So the number is given at the end of
-- the transaction, under a lock per tenant: nothing is locked after it, hence no deadlock with the caller's own locks.
create function outbox_number() returns trigger language plpgsql set search_path from current as $$
begin
    perform pg_advisory_xact_lock(hashtext(tg_table_schema || '.outbox'), hashtext(new.tenant_id));
    update outbox set seq = nextval('outbox_order') where id = new.id;
    return null;
end $$;
create constraint trigger outbox_number after insert on outbox
    deferrable initially deferred for each row execute function outbox_number();

-- A hint for the relay, which polls as well. A busy cluster may switch it off, because commits that notify wait for one
-- another:  alter database ... set qbsync.notify = 'off'
create function outbox_notify() returns trigger language plpgsql as $$
begin
    if coalesce(current_setting('qbsync.notify', true), '') <> 'off' then
        perform pg_notify('qbsync_outbox_' || tg_table_schema, '');
    end if;
    return null;
end $$;
create trigger outbox_notify after insert on outbox for each statement execute function outbox_notify();

-- What has been handled: written in the transaction of the effect, so a message delivered again does nothing.
create table inbox (
    consumer    text        not null,
    tenant_id   text        not null,
    event_id    text        not null,
    received_at timestamptz not null default now(),
    primary key (consumer, tenant_id, event_id)
);
create index inbox_received on inbox (received_at);

-- Since when each stream exists, as the relay last saw it. A later creation means that NATS lost its disk.
create table relay_state (
    stream     text primary key,
    created_at timestamptz not null
);

-- Messages that could not be handled, until somebody replays or discards them.
create table dead_letter (
    id           bigint generated always as identity primary key,
    tenant_id    text        not null,
    consumer     text        not null,
    event_id     text        not null,
    stream       text        not null,
    stream_seq   bigint      not null,
    subject      text        not null,
    ce_type      text,
    headers      jsonb       not null,
    payload      bytea       not null,
    reason       text        not null,                          -- one word: undecodable, unknown-version, wrong-tenant, retries-exhausted, error
    detail       text        not null,
    deliveries   integer     not null,
    failed_at    timestamptz not null default now(),
    state        text        not null default 'open' check (state in ('open', 'replayed', 'resolved', 'discarded')),
    replays      integer     not null default 0,
    decided_at   timestamptz,
    decided_by   text,
    unique (consumer, tenant_id, event_id)
);
create index dead_letter_open on dead_letter (failed_at desc, id) where state in ('open', 'replayed');
