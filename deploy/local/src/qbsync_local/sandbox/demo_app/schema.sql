-- The app's own records, and what it knows of them in QuickBooks. Money stays text inside `data`.
create table if not exists record (
  tenant text not null, kind text not null, app_id text not null,
  revision integer not null,            -- grows with every edit
  settled integer not null default 0,   -- the revision that QuickBooks has
  deleted integer not null default 0,
  data text not null,
  primary key (tenant, kind, app_id)
) strict;

-- What is still to be told to qbsync, oldest first. Written in the same transaction as the record itself.
create table if not exists outbox (
  place integer primary key autoincrement,
  id text not null unique, tenant text not null, type text not null, at text not null, body text not null,
  refused text                          -- why qbsync did not take it; then it waits for a person, not for its turn
) strict;

-- Imports that were answered, so that an answer can be repeated.
create table if not exists answer (
  tenant text not null, sync_id text not null, type text not null, body text not null,
  primary key (tenant, sync_id)
) strict;

-- The life of each sync and link, as heard. Events come in any order and more than once: only a higher version counts.
create table if not exists sync (
  tenant text not null, sync_id text not null, kind text not null, app_id text,
  version integer not null default -1, state text not null default 'approved',
  code text, message text, revision integer,
  primary key (tenant, sync_id)
) strict;
create index if not exists sync_of_record on sync (tenant, kind, app_id, sync_id);

create table if not exists link (
  tenant text not null, kind text not null, app_id text not null,
  version integer not null, quickbooks_id text,   -- null: the link was cleared
  primary key (tenant, kind, app_id)
) strict;

create table if not exists badge (
  tenant text primary key, version integer not null, waiting integer not null
) strict;

create table if not exists heard (
  place integer primary key autoincrement, tenant text not null, at text not null, what text not null
) strict;

create table if not exists setup_step (
  tenant text not null, step text not null, primary key (tenant, step)
) strict;
