-- Lists of keys come as arrays. `lateral ... limit 1` and `(tenant_id = $1) is true` make PostgreSQL look up key by key:
-- where its statistics lag behind a growing table, it would walk all rows of the tenant for each key instead.

-- name: open_lane
-- Make sure that the tenant has a lane.
insert into work_lane (tenant_id) values ($1) on conflict do nothing

-- name: lock_lane
-- Everything that touches the tenant's queue takes this lock first, in a statement of its own.
select next_seq from work_lane where tenant_id = $1 for update

-- name: next_seq
-- The place of a new item in the tenant's order of approval.
update work_lane set next_seq = next_seq + 1 where tenant_id = $1 returning next_seq - 1 as seq

-- name: next_version
-- The version of a link or a seen entity; grows over all objects of the service.
select nextval('object_version') as version

-- name: next_versions
-- As many versions as are wanted, growing.
select nextval('object_version') as version from generate_series(1, $1::int)

-- name: get_item
-- One sync.
select * from work_item where tenant_id = $1 and sync_id = $2

-- name: entity_items
-- All unfinished syncs of one entity of the app, and its newest finished one, newest approval first.
select * from work_item
 where tenant_id = $1 and kind = $2 and app_id = $3
 order by entity_seq desc, seq desc
 limit 50

-- name: quickbooks_items
-- The same for an entity that the app does not have yet.
select * from work_item
 where tenant_id = $1 and kind = $2 and quickbooks_id = $3 and app_id is null
 order by entity_seq desc, seq desc
 limit 50

-- name: add_item
-- Take an approval into the queue.
insert into work_item (sync_id, tenant_id, seq, state, direction, kind, app_id, quickbooks_id, operation, entity,
    fields, base_version, entity_seq, depends_on, resync_of, rank, approved_by, approved_at, available_at)
values ($1, $2, $3, 'pending', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
returning *

-- name: set_operation
-- A create that finds an older link becomes an update; an update that replaces a create becomes that create.
update work_item set operation = $3, fields = $4 where tenant_id = $1 and sync_id = $2 returning *

-- name: wake
-- Tell the loops of this service, at commit, that a tenant has work.
select pg_notify('work_' || current_schema(), $1)

-- name: candidates
-- What may go now: by rank, then in the order of approval, at most one per entity and none beside one in flight.
select w.* from work_item w
 where w.tenant_id = $1 and w.state in ('pending', 'waiting') and w.available_at <= $2
   and not exists (select 1 from pause p where p.tenant_id = w.tenant_id and p.kind in ('*', w.kind))
   and not exists (select 1 from work_item f
                    where f.tenant_id = w.tenant_id and f.kind = w.kind and f.state = 'in_flight'
                      and (f.app_id = w.app_id or f.quickbooks_id = w.quickbooks_id))
 order by w.rank, w.seq
 limit $3

-- name: start_item
-- It goes.
update work_item
   set state = 'in_flight', version = version + 1, attempts = attempts + 1, holder = $3, code = null, message = null,
       retry_at = null, waits_for = null
 where tenant_id = $1 and sync_id = $2
returning *

-- name: held_items
-- What a holder has in flight.
select * from work_item
 where tenant_id = $1 and state = 'in_flight' and holder = $2 and awaiting_app_since is null
 order by rank, seq

-- name: in_flight_items
-- Everything in flight that waits for QuickBooks.
select * from work_item
 where tenant_id = $1 and state = 'in_flight' and awaiting_app_since is null
 order by rank, seq

-- name: hand_to
-- Another holder takes over what is in flight.
update work_item set holder = $3
 where sync_id = any($2::text[]) and (tenant_id = $1) is true and state = 'in_flight'
returning *

-- name: finish_item
-- A final state.
update work_item
   set state = $3, version = version + 1, code = $4, message = $5, quickbooks_id = coalesce($6, quickbooks_id),
       app_id = coalesce(app_id, $7), holder = null, in_doubt_since = null, awaiting_app_since = null,
       retry_at = null, waits_for = null, finished_at = $8
 where tenant_id = $1 and sync_id = $2
returning *

-- name: start_items
-- They go, with what will really be done.
update work_item w
   set state = 'in_flight', version = version + 1, attempts = attempts + 1, holder = $2, code = null, message = null,
       retry_at = null, waits_for = null, operation = d.operation,
       fields = array(select jsonb_array_elements_text(d.fields::jsonb))
  from unnest($3::text[], $4::text[], $5::text[]) as d (sync_id, operation, fields)
 where w.sync_id = d.sync_id and (w.tenant_id = $1) is true
returning w.*

-- name: get_items
-- Several syncs.
select * from work_item where sync_id = any($2::text[]) and (tenant_id = $1) is true

-- name: finish_items
-- Final states of several.
update work_item w
   set state = d.state, version = version + 1, code = d.code, message = d.message,
       quickbooks_id = coalesce(d.quickbooks_id, w.quickbooks_id), holder = null, in_doubt_since = null,
       awaiting_app_since = null, retry_at = null, waits_for = null, finished_at = $7
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       as d (sync_id, state, code, message, quickbooks_id)
 where w.sync_id = d.sync_id and (w.tenant_id = $1) is true
returning w.*

-- name: wait_item
-- It waits with a reason.
update work_item
   set state = 'waiting', version = version + 1, code = $3, message = $4, retry_at = $5, waits_for = $6,
       available_at = $7, holder = null, in_doubt_since = null
 where tenant_id = $1 and sync_id = $2
returning *

-- name: put_back_item
-- Nobody looked at it: pending again, no attempt charged.
update work_item
   set state = 'pending', version = version + 1, attempts = greatest(attempts - 1, 0), holder = null,
       in_doubt_since = null, available_at = $3
 where tenant_id = $1 and sync_id = $2
returning *

-- name: doubt_item
-- Its outcome is unknown.
update work_item
   set version = version + 1, in_doubt_since = coalesce(in_doubt_since, $3), code = 'QS-IN-DOUBT', message = $4
 where tenant_id = $1 and sync_id = $2
returning *

-- name: await_app
-- An import was handed to the app.
update work_item
   set version = version + 1, awaiting_app_since = $3, entity = $4, in_doubt_since = null
 where tenant_id = $1 and sync_id = $2
returning *

-- name: repeat_item
-- A stale version token: once more with the new one.
update work_item
   set state = 'pending', version = version + 1, repeats = repeats + 1, holder = null, in_doubt_since = null,
       available_at = $3
 where tenant_id = $1 and sync_id = $2
returning *

-- name: release_waiting
-- What waited for this entity may be tried again.
update work_item set available_at = $3
 where tenant_id = $1 and state = 'waiting' and waits_for = $2

-- name: release_waiting_many
-- What waited for any of these entities may be tried again.
update work_item set available_at = $3
 where tenant_id = $1 and state = 'waiting' and waits_for = any($2::text[])

-- name: silent_imports
-- Imports that the app did not answer since.
select * from work_item where tenant_id = $1 and state = 'in_flight' and awaiting_app_since < $2

-- name: has_work
-- Whether anything may go now or is in flight towards QuickBooks.
select exists (select 1 from work_item
                where tenant_id = $1
                  and ((state in ('pending', 'waiting') and available_at <= $2)
                       or (state = 'in_flight' and awaiting_app_since is null))) as work

-- name: count_open
-- How much is left, for true progress: what may go now or is in flight towards QuickBooks.
select count(*) as open from work_item
 where tenant_id = $1
   and ((state in ('pending', 'waiting') and available_at <= $2)
        or (state = 'in_flight' and awaiting_app_since is null))

-- name: tenants_with_work
-- Tenants of which something may go now.
select tenant_id, min(available_at) as since from work_item
 where state in ('pending', 'waiting') and available_at <= $1
 group by tenant_id
 order by since
 limit $2

-- name: tenants_in_flight
-- Tenants that have something in flight towards QuickBooks.
select distinct tenant_id from work_item where state = 'in_flight' and awaiting_app_since is null limit $1

-- name: list_work
-- The queue and its history in the order of approval, after a seq.
select * from work_item where tenant_id = $1 and seq > $2 order by seq limit $3

-- name: count_work
-- How many syncs there are.
select count(*) as total from work_item where tenant_id = $1

-- name: count_unfinished
-- How many syncs are not final yet.
select count(*) as open from work_item where tenant_id = $1 and state in ('pending', 'waiting', 'in_flight')

-- name: get_link
-- The link of an entity of the app.
select * from link where tenant_id = $1 and kind = $2 and app_id = $3

-- name: get_link_by_quickbooks
-- The link of a record of QuickBooks.
select * from link where tenant_id = $1 and kind = $2 and quickbooks_id = $3

-- name: links_of
-- The links of several entities of the app.
select l.* from unnest($2::text[], $3::text[]) as wanted (kind, app_id)
 cross join lateral (select * from link
                      where tenant_id = $1 and kind = wanted.kind and app_id = wanted.app_id limit 1) as l

-- name: links_of_quickbooks
-- The links of several records of QuickBooks.
select l.* from unnest($2::text[], $3::text[]) as wanted (kind, quickbooks_id)
 cross join lateral (select * from link
                      where tenant_id = $1 and kind = wanted.kind and quickbooks_id = wanted.quickbooks_id limit 1) as l

-- name: put_link
-- Make or move on a link.
insert into link (tenant_id, kind, app_id, quickbooks_id, version, token, sent, returned, sync_id, entity_seq,
                  create_sync_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (tenant_id, kind, app_id) do update
   set quickbooks_id = excluded.quickbooks_id, version = excluded.version, token = excluded.token,
       sent = excluded.sent, returned = excluded.returned, sync_id = excluded.sync_id,
       entity_seq = greatest(link.entity_seq, excluded.entity_seq),
       create_sync_id = coalesce(excluded.create_sync_id, link.create_sync_id), updated_at = now()
returning *

-- name: put_links
-- Make or move on several links.
insert into link (tenant_id, kind, app_id, quickbooks_id, version, token, sent, returned, sync_id, entity_seq,
                  create_sync_id)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::jsonb[], $8::jsonb[],
                         $9::text[], $10::bigint[], $11::text[])
on conflict (tenant_id, kind, app_id) do update
   set quickbooks_id = excluded.quickbooks_id, version = excluded.version, token = excluded.token,
       sent = excluded.sent, returned = excluded.returned, sync_id = excluded.sync_id,
       entity_seq = greatest(link.entity_seq, excluded.entity_seq),
       create_sync_id = coalesce(excluded.create_sync_id, link.create_sync_id), updated_at = now()

-- name: set_token
-- The version token moved without a change that matters.
update link set token = $4 where tenant_id = $1 and kind = $2 and quickbooks_id = $3

-- name: take_links
-- Some links of a tenant end; asked until there are none.
delete from link
 where tenant_id = $1 and (app_id, kind) in (select app_id, kind from link where tenant_id = $1 limit $2)
returning *

-- name: held_records
-- What QuickBooks was last seen to hold, after a key.
select kind, quickbooks_id from seen_entity
 where tenant_id = $1 and not deleted and (kind, quickbooks_id) > ($2, $3)
 order by kind, quickbooks_id
 limit $4

-- name: drop_seen
-- Forget what QuickBooks was seen to hold.
delete from seen_entity where tenant_id = $1

-- name: count_unsettled
-- Approved syncs that are not final.
select count(*) as unsettled from work_item where tenant_id = $1 and state in ('pending', 'waiting', 'in_flight')

-- name: drop_link
-- Forget that they belong together.
delete from link where tenant_id = $1 and kind = $2 and app_id = $3 returning *

-- name: list_links
-- All links, after a key.
select * from link
 where tenant_id = $1 and (kind, app_id) > ($2, $3)
 order by kind, app_id
 limit $4

-- name: count_links
-- How many links there are.
select count(*) as total from link where tenant_id = $1

-- name: get_seen
-- What QuickBooks was last seen to hold.
select * from seen_entity where tenant_id = $1 and kind = $2 and quickbooks_id = $3

-- name: seen_of
-- What QuickBooks was last seen to hold of several records.
select s.* from unnest($2::text[], $3::text[]) as wanted (kind, quickbooks_id)
 cross join lateral (select * from seen_entity
                      where tenant_id = $1 and kind = wanted.kind and quickbooks_id = wanted.quickbooks_id limit 1) as s

-- name: put_seen
-- Remember what QuickBooks holds.
insert into seen_entity (tenant_id, kind, quickbooks_id, version, token, entity, deleted)
select $1, * from unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::jsonb[], $7::boolean[])
on conflict (tenant_id, kind, quickbooks_id) do update
   set version = excluded.version, token = excluded.token, entity = excluded.entity, deleted = excluded.deleted,
       seen_at = now()

-- name: find_held
-- What QuickBooks holds under a name or number in several kinds, or under an id; with the record of the app it belongs to.
select s.*, l.app_id as linked_app_id
  from (select * from seen_entity where tenant_id = $1 and name_key = lower($3) and kind = any($2::text[])
        union
        select * from seen_entity where tenant_id = $1 and number_key = $3 and kind = any($2::text[])
        union
        select * from seen_entity where tenant_id = $1 and quickbooks_id = $4 and kind = any($2::text[])) s
  left join link l on l.tenant_id = $1 and l.quickbooks_id = s.quickbooks_id and l.kind = s.kind
 where not s.deleted
 order by s.kind <> $5, s.quickbooks_id
 limit 20

-- name: kinds_of_seen
-- Of which kinds records with this id were seen.
select kind from seen_entity where tenant_id = $1 and quickbooks_id = $2 and not deleted order by kind

-- name: put_look_up
-- QuickBooks itself is to be asked.
insert into look_up (tenant_id, command_id, kind, text, app_id, quickbooks_id, asked_at, available_at)
values ($1, $2, $3, $4, $5, $6, $7, $7)
on conflict do nothing

-- name: tell_look_up
-- Tell the loops of this service, at commit, that a look-up waits.
select pg_notify('lookup_' || current_schema(), $1)

-- name: open_look_ups
-- Look-ups of a tenant that QuickBooks was not asked for yet.
select * from look_up where tenant_id = $1 order by asked_at, command_id limit $2

-- name: tenants_with_look_ups
-- Tenants that have a look-up to be made now.
select distinct tenant_id from look_up where available_at <= $1 limit $2

-- name: take_look_ups
-- Take what is due of a tenant; it is due again later, should nobody answer it.
update look_up set available_at = $3, tries = tries + 1 where tenant_id = $1 and available_at <= $2
returning *

-- name: drop_look_up
-- It is answered.
delete from look_up where tenant_id = $1 and command_id = $2 returning command_id

-- name: erase_look_ups
-- Forget a tenant: its look-ups.
delete from look_up where tenant_id = $1

-- name: find_entry
-- The id of an entry of one of QuickBooks' lists by its name or full name.
select quickbooks_id from seen_entity
 where tenant_id = $1 and kind = $2 and not deleted and name_key = lower($3)
 order by quickbooks_id
 limit 1

-- name: seen_ids
-- Every record of a kind that is believed to exist, for finding deletions.
select quickbooks_id from seen_entity where tenant_id = $1 and kind = $2 and not deleted

-- name: put_pause
-- Send nothing more.
insert into pause (tenant_id, kind, by, why) values ($1, $2, $3, $4)
on conflict (tenant_id, kind) do update set by = excluded.by, why = excluded.why

-- name: drop_pause
-- Send again.
delete from pause where tenant_id = $1 and kind = $2

-- name: get_pauses
-- What is paused.
select kind, by, why from pause where tenant_id = $1 order by kind

-- name: put_tenant
-- What the wizard says of a tenant; only a higher version counts.
insert into tenant (tenant_id, version, name, plan, edition, paused, settings, mappings)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (tenant_id) do update
   set version = excluded.version, name = excluded.name, plan = excluded.plan, edition = excluded.edition,
       paused = excluded.paused, settings = excluded.settings, mappings = excluded.mappings
 where tenant.version < excluded.version
returning *

-- name: get_tenant
-- One tenant.
select * from tenant where tenant_id = $1

-- name: put_badge
-- How many review items wait; only a higher version counts.
insert into badge (tenant_id, version, waiting) values ($1, $2, $3)
on conflict (tenant_id) do update set version = excluded.version, waiting = excluded.waiting
 where badge.version < excluded.version

-- name: get_badge
-- How many review items wait.
select waiting from badge where tenant_id = $1

-- name: erase_badge
-- Forget a tenant: its badge.
delete from badge where tenant_id = $1

-- name: put_binding
-- Bind the tenant to its company, if it has none; fails where another tenant has it.
insert into binding (tenant_id, company_id) values ($1, $2)
on conflict (tenant_id) do nothing

-- name: rebind
-- Bind the tenant to another company on purpose.
insert into binding (tenant_id, company_id) values ($1, $2)
on conflict (tenant_id) do update set company_id = excluded.company_id, bound_at = now()

-- name: get_binding
-- The company the tenant is bound to.
select company_id from binding where tenant_id = $1

-- name: erase_tenant
-- Forget a tenant: its queue.
delete from work_item where tenant_id = $1

-- name: erase_links
-- Forget a tenant: its links.
delete from link where tenant_id = $1

-- name: erase_seen
-- Forget a tenant: what was seen in its QuickBooks.
delete from seen_entity where tenant_id = $1

-- name: erase_binding
-- Forget a tenant: its company.
delete from binding where tenant_id = $1

-- name: erase_pauses
-- Forget a tenant: its pauses.
delete from pause where tenant_id = $1

-- name: erase_lane
-- Forget a tenant: its lane.
delete from work_lane where tenant_id = $1

-- name: erase_row
-- Forget a tenant.
delete from tenant where tenant_id = $1
