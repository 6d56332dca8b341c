-- What somebody asked to look for in QuickBooks itself; the row goes when QuickBooks has answered.
create table look_up (
    tenant_id     text        not null,
    command_id    text        not null,
    kind          text        not null,
    text          text        not null,
    app_id        text,
    quickbooks_id text,
    asked_at      timestamptz not null,
    available_at  timestamptz not null,
    tries         integer     not null default 0,
    primary key (tenant_id, command_id)
);
create index look_up_due on look_up (available_at);

-- By what a record is looked up. Columns and not expressions: under row-level security only leak-proof comparisons may use
-- an index.
alter table seen_entity add column name_key text generated always as (lower(entity ->> 'name')) stored,
                        add column number_key text generated always as (entity ->> 'number') stored;
create index seen_entity_name on seen_entity (tenant_id, name_key) where name_key is not null;
create index seen_entity_number on seen_entity (tenant_id, number_key) where number_key is not null;
