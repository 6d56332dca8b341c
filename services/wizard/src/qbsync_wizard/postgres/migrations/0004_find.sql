-- Pages that filter 100,000 waiting rows read a narrow index, not the rows with all that they show.
alter table review_item add column found_by text not null generated always as (left(search, 400)) stored;
create index review_item_find on review_item (tenant_id, standing, direction, place, item_id)
    include (kind, found_by, change_no, updated_at);
drop index review_item_list;

-- How long approvals are held, what was undone, and up to which change the rules of a tenant were followed.
alter table sync add column not_before timestamptz;
alter table approval add column held_until timestamptz, add column undone boolean not null default false;
alter table tenant add column ruled_no bigint not null default 0;
