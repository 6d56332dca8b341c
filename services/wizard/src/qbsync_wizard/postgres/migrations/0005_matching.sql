-- Which records of QuickBooks a record of the app is probably the same as, as long as it waits for review.
create table match (
    tenant_id     text     not null,
    kind          text     not null,
    app_id        text     not null,
    item_id       text     not null,
    quickbooks_id text     not null,
    label         text     not null,
    confidence    smallint not null,
    same          text     not null, -- what agrees, in words
    primary key (tenant_id, item_id, quickbooks_id),
    foreign key (tenant_id, item_id) references review_item (tenant_id, item_id) on delete cascade
);
create index match_app on match (tenant_id, app_id, kind);
