-- An authorisation that is to lead to another company: the number of links that the person was told will end.
alter table authorisation add column ends_links integer;

-- Links that ended with the company they led to.
create table link_history (
    tenant_id     text        not null,
    realm_id      text        not null,
    kind          text        not null,
    app_id        text        not null,
    quickbooks_id text        not null,
    sync_id       text,
    ended_at      timestamptz not null
);
create index link_history_tenant on link_history (tenant_id, kind, app_id);
alter table link_history enable row level security;
create policy own_tenant on link_history using (tenant_id = current_setting('qbsync.tenant', true) or current_setting('qbsync.tenant', true) = '*');

-- The last refusals of a company, for its page.
create index call_refused on call (tenant_id, settled_at desc) where status >= 400;
