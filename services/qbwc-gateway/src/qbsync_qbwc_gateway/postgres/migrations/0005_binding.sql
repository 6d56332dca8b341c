-- New ids for a connection, and another company on purpose.

alter table connector
    add column previous_owner_id text,        -- until the company file was seen to carry the new pair
    add column previous_file_id  text,
    add column state_at          timestamptz; -- since when it stands as `state` says

-- Whether a FileID belongs to another tenant; no tenant sees the rows of another one, so only the answer comes out.
create function is_file_of_others(wanted text[], asking text) returns boolean
    language sql stable security definer set search_path from current as $$
    select exists (select from connector
                    where tenant_id <> asking and (file_id = any(wanted) or previous_file_id = any(wanted)))
$$;

-- Links of a company that the tenant had before.
create table link_history (
    tenant_id     text        not null,
    file_id       text        not null,
    kind          text        not null,
    app_id        text        not null,
    quickbooks_id text        not null,
    sync_id       text,
    ended_at      timestamptz not null
);
create index link_history_tenant on link_history (tenant_id, kind, app_id);
