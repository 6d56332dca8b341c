-- A restored backup of the company file: it lacks what was written after it was made.

alter table connector
    add column marker         bigint not null default 0, -- the highest that the company file was seen to hold
    add column compare        text check (compare in ('running', 'open')),
    add column compare_marker bigint;                    -- what the file held that is being compared

-- What the comparison of the links with the company file found, and what an admin chose.
create table comparison (
    tenant_id     text        not null,
    kind          text        not null,
    app_id        text        not null,
    quickbooks_id text        not null,
    label         text        not null,
    finding       text        not null check (finding in ('missing', 'older')),
    token         text,
    entity        jsonb,                -- as the file holds it, where it is older
    choice        text check (choice in ('again', 'link', 'leave')),
    found_at      timestamptz not null,
    primary key (tenant_id, kind, app_id)
);
