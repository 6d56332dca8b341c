-- QuickBooks' own lists, what the app's words stand for in them, and rechecks of what waits.

create table list_entry (
    tenant_id     text    not null,
    kind          text    not null,
    quickbooks_id text    not null,
    version       bigint  not null,
    name          text    not null,
    active        boolean not null default true,
    deleted       boolean not null default false,
    entity        jsonb   not null default '{}',
    primary key (tenant_id, kind, quickbooks_id)
);
create index list_entry_name on list_entry (tenant_id, kind, lower(name));

-- The words by which the app's records name entries of those lists.
create table app_word (
    tenant_id text        not null,
    kind      text        not null,
    word      text        not null,
    since     timestamptz not null,
    primary key (tenant_id, kind, word)
);

-- What an admin chose for an item of the app that does not say it: an account, a tax code.
create table item_choice (
    tenant_id     text not null,
    app_id        text not null,
    field         text not null,
    quickbooks_id text not null,
    name          text not null,
    primary key (tenant_id, app_id, field)
);

-- Texts that QuickBooks Desktop cannot store, and what somebody accepted for them.
alter table app_entity add column replaced jsonb not null default '{}';

-- Which payments settle a document.
create index app_entity_applied on app_entity using gin ((entity -> 'applied') jsonb_path_ops) where kind = 'payment';
create index quickbooks_entity_applied on quickbooks_entity using gin ((entity -> 'applied') jsonb_path_ops)
    where kind = 'payment';

-- What waits is looked at again after this moment, from this item on: preferences, lists or choices changed.
alter table tenant add column recheck_due timestamptz, add column recheck_after text not null default '';
create index tenant_recheck on tenant (recheck_due) where recheck_due is not null;
