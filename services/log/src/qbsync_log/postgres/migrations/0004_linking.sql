-- Looks into QuickBooks for a name or number, and links that somebody asked for.
alter table request drop constraint request_action_check,
                    add constraint request_action_check check (action in ('resync', 'clear-id', 'link'));

create table look_up (
    tenant_id   text        not null,
    command_id  text        not null,
    sync_id     text        not null,
    text        text        not null,
    asked_by    text        not null,
    asked_at    timestamptz not null,
    answered_at timestamptz,
    pending     boolean     not null default true, -- QuickBooks itself has not answered yet
    source      text,                              -- read: from what was read before; quickbooks: it was asked
    as_of       timestamptz,
    message     text        not null default '',
    found       jsonb       not null default '[]',
    primary key (tenant_id, command_id)
);
create index look_up_sync on look_up (tenant_id, sync_id, asked_at desc);
