create table if not exists meta (name text primary key, value text not null) without rowid;

create table if not exists companies (
  realm text primary key, name text not null, utc_offset integer not null, created text not null
) without rowid;

create table if not exists sequences (
  realm text not null, name text not null, value integer not null, primary key (realm, name)
) without rowid;

-- body holds what was written; Id, SyncToken and MetaData are columns. open_cents is what the party still owes
-- (negative: what it has in hand), so that a balance is one sum. With rowid, or the planner would take the
-- primary key for everything.
create table if not exists records (
  realm text not null, entity text not null, id integer not null, sync_token integer not null,
  created integer not null, updated integer not null, live integer not null, name_key text, doc_number text,
  party text, open_cents integer not null default 0, body text not null,
  primary key (realm, entity, id)
);
create index if not exists records_name on records (realm, name_key);
create index if not exists records_number on records (realm, entity, doc_number);
create index if not exists records_party on records (realm, party, open_cents);
create index if not exists records_parent on records (realm, entity, json_extract(body, '$.ParentRef.value'));
create index if not exists records_updated on records (realm, entity, updated);

create table if not exists replies (
  realm text not null, request_id text not null, fingerprint text not null, status integer not null,
  body text not null, primary key (realm, request_id)
) without rowid;

create table if not exists tokens (
  value text primary key, kind text not null, realm text not null, grant_id text not null, created integer not null,
  expires integer not null, hard_expires integer not null, state text not null, details text not null
) without rowid;
create index if not exists tokens_grant on tokens (grant_id);

create table if not exists faults (
  id integer primary key, effect text not null, remaining integer not null, match text not null, details text not null
);

create table if not exists journal (
  id integer primary key autoincrement, at text not null, tid text not null, method text not null, path text not null,
  realm text, entity text, operation text, request_id text, status integer, code text, effect text
);
