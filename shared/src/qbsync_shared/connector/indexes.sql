-- The id stands before the kind: where statistics lag behind, an index that shares two leading columns with another one
-- may be taken in its place, and then walks all records of that kind for each id.
alter table link drop constraint link_pkey, add primary key (tenant_id, app_id, kind);
alter table link drop constraint link_tenant_id_kind_quickbooks_id_key, add unique (tenant_id, quickbooks_id, kind);
drop index work_item_entity;
create index work_item_entity on work_item (tenant_id, app_id, kind, entity_seq);
drop index work_item_quickbooks;
create index work_item_quickbooks on work_item (tenant_id, quickbooks_id, kind) where quickbooks_id is not null;

-- Every table with a tenant_id gets its policy by itself; these said the same again.
drop policy own_tenant on tenant;
drop policy own_tenant on badge;
drop policy own_tenant on binding;
drop policy own_tenant on work_lane;
drop policy own_tenant on pause;
drop policy own_tenant on work_item;
drop policy own_tenant on link;
drop policy own_tenant on seen_entity;
