-- The wizard's statements. Each runs in a transaction of its tenant.

-- name: lock_tenant
-- Take the tenant's lane until the transaction ends, and read its settings.
select tenant_id, version, name, plan, edition, paused, settings, mappings, company, change_no, deleted_at
  from tenant where tenant_id = $1 for no key update;

-- name: get_tenant
-- One tenant.
select tenant_id, version, name, plan, edition, paused, settings, mappings, company, change_no, deleted_at
  from tenant where tenant_id = $1;

-- name: list_tenants
-- Tenants by id, for operators.
select tenant_id, version, name, plan, edition, paused, settings, mappings, company, change_no, deleted_at
  from tenant
 where deleted_at is null and ($1::text is null or tenant_id > $1)
 order by tenant_id limit $2;

-- name: count_tenants
-- How many there are.
select count(*) from tenant where deleted_at is null;

-- name: insert_tenant
-- A new tenant.
insert into tenant (tenant_id, name, plan, edition, paused, settings, mappings)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id) do nothing
returning version;

-- name: update_tenant
-- Other settings: one version up.
update tenant set version = version + 1, name = $2, plan = $3, edition = $4, paused = $5, settings = $6, mappings = $7,
       updated_at = now()
 where tenant_id = $1
returning version;

-- name: bury_tenant
-- Erase what it was; the id stays taken.
update tenant set version = version + 1, deleted_at = now(), name = '', settings = '{}', mappings = '[]', company = '{}'
 where tenant_id = $1
returning version;

-- name: has_open_syncs
-- Whether any sync is not final.
select exists (select from sync where tenant_id = $1 and state in ('pending', 'in_flight', 'waiting'));

-- name: has_links
-- Whether anything is linked.
select exists (select from link where tenant_id = $1 and not cleared);

-- name: put_company
-- What QuickBooks told of the company; only a higher version counts.
update tenant set company = $3, company_version = $2 where tenant_id = $1 and company_version < $2
returning tenant_id;

-- name: next_change
-- The number of this change; the tenant's row is locked.
update tenant set change_no = change_no + 1 where tenant_id = $1 returning change_no;

-- name: next_sync_seq
-- Places for approvals; the tenant's row is locked.
update tenant set sync_seq = sync_seq + $2 where tenant_id = $1 returning sync_seq;

-- name: take_badge
-- Remember the counts; a row comes back when they changed.
update tenant t set badge_version = badge_version + 1, badge_imports = c.imports, badge_exports = c.exports
  from (select coalesce(sum(count) filter (where direction = 'import'), 0)::bigint as imports,
               coalesce(sum(count) filter (where direction = 'export'), 0)::bigint as exports
          from tally where tenant_id = $1 and standing = 'waiting') c
 where t.tenant_id = $1 and (t.badge_imports, t.badge_exports) is distinct from (c.imports, c.exports)
returning t.badge_version, t.badge_imports, t.badge_exports;

-- name: get_badge
-- The counts as they were last told.
select badge_version, badge_imports, badge_exports from tenant where tenant_id = $1;

-- name: tallies
-- How many items stand on which list.
select standing, direction, count from tally where tenant_id = $1;

-- name: get_app_entity
-- A record of the app.
select kind, app_id, revision, entity, deleted, applied, applied_seq, import_sync_id, changed_at, received_at, replaced
  from app_entity where tenant_id = $1 and kind = $2 and app_id = $3;

-- name: put_app_entity
-- Store a record of the app.
insert into app_entity (tenant_id, kind, app_id, revision, entity, deleted, applied, applied_seq, import_sync_id,
                        changed_at, received_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (tenant_id, kind, app_id) do update
   set revision = excluded.revision, entity = excluded.entity, deleted = excluded.deleted,
       applied = excluded.applied, applied_seq = excluded.applied_seq, import_sync_id = excluded.import_sync_id,
       changed_at = excluded.changed_at, received_at = excluded.received_at;

-- name: known_app_entities
-- Which of these records of the app are known, with their names.
select e.kind, e.app_id, e.deleted, coalesce(e.entity ->> 'name', e.entity ->> 'number', e.app_id) as label
  from unnest($2::text[], $3::text[]) w(kind, app_id)
 cross join lateral (select * from app_entity
                      where tenant_id = $1 and kind = w.kind and app_id = w.app_id limit 1) as e;

-- name: list_app_entities
-- Records of the app by the time they were handed over.
select kind, app_id, revision, deleted, changed_at, received_at
  from app_entity
 where tenant_id = $1 and ($2::timestamptz is null or received_at >= $2)
   and ($3::timestamptz is null or (received_at, kind, app_id) > ($3, $4, $5))
 order by received_at, kind, app_id limit $6;

-- name: count_app_entities
-- How many of them.
select count(*) from app_entity where tenant_id = $1 and ($2::timestamptz is null or received_at >= $2);

-- name: get_quickbooks_entity
-- A record of QuickBooks.
select kind, quickbooks_id, version, entity, deleted, for_matching, changed_at
  from quickbooks_entity where tenant_id = $1 and kind = $2 and quickbooks_id = $3;

-- name: put_quickbooks_entity
-- Store a record of QuickBooks; only a higher version counts. Of a deleted one the last known content stays.
insert into quickbooks_entity as e (tenant_id, kind, quickbooks_id, version, entity, deleted, for_matching, changed_at,
                                    received_at)
values ($1, $2, $3, $4, coalesce($5::jsonb, '{}'), $6, $7, $8, $9)
on conflict (tenant_id, kind, quickbooks_id) do update
   set version = excluded.version, entity = coalesce($5::jsonb, e.entity), deleted = excluded.deleted,
       for_matching = excluded.for_matching, changed_at = excluded.changed_at, received_at = excluded.received_at
 where e.version < excluded.version
returning version;

-- name: drop_match_keys
-- Forget how a record was recognised.
delete from match_key where tenant_id = $1 and kind = $2 and side = $3 and id = $4;

-- name: put_match_keys
-- How a record can be recognised.
insert into match_key (tenant_id, kind, side, id, key)
select $1, $2, $3, $4, key from unnest($5::text[]) key
on conflict do nothing;

-- name: match_quickbooks
-- Unlinked records of QuickBooks that share a key.
select e.quickbooks_id as id, e.entity
  from quickbooks_entity e
 where e.tenant_id = $1 and e.kind = $2 and not e.deleted
   and e.quickbooks_id in (select m.id from unnest($3::text[]) w(key)
                    cross join lateral (select id from match_key
                                         where tenant_id = $1 and kind = $2 and side = 'q' and key = w.key limit 50) m)
   and not exists (select from link l where l.tenant_id = $1 and l.kind = $2 and l.quickbooks_id = e.quickbooks_id
                      and not l.cleared);

-- name: match_app
-- Unlinked records of the app that share a key.
select e.app_id as id, e.entity
  from app_entity e
 where e.tenant_id = $1 and e.kind = $2 and not e.deleted
   and e.app_id in (select m.id from unnest($3::text[]) w(key)
                    cross join lateral (select id from match_key
                                         where tenant_id = $1 and kind = $2 and side = 'a' and key = w.key limit 50) m)
   and not exists (select from link l where l.tenant_id = $1 and l.kind = $2 and l.app_id = e.app_id
                      and not l.cleared);

-- name: link_by_app
-- The link of a record of the app, with the place of the sync that wrote it.
select l.kind, l.app_id, l.quickbooks_id, l.version, l.sync_id, l.sent, l.returned, l.cleared, l.at,
       coalesce(s.seq, 0)::bigint as seq, coalesce(s.direction = 'import', false) as imported
  from link l left join sync s on s.tenant_id = l.tenant_id and s.sync_id = l.sync_id
 where l.tenant_id = $1 and l.kind = $2 and l.app_id = $3;

-- name: link_by_quickbooks
-- The link of a record of QuickBooks; one that holds comes before cleared ones.
select l.kind, l.app_id, l.quickbooks_id, l.version, l.sync_id, l.sent, l.returned, l.cleared, l.at,
       coalesce(s.seq, 0)::bigint as seq, coalesce(s.direction = 'import', false) as imported
  from link l left join sync s on s.tenant_id = l.tenant_id and s.sync_id = l.sync_id
 where l.tenant_id = $1 and l.kind = $2 and l.quickbooks_id = $3
 order by l.cleared, l.version desc limit 1;

-- name: put_link
-- Take over a link; only a higher version counts.
insert into link as l (tenant_id, kind, app_id, quickbooks_id, version, sync_id, sent, returned, cleared, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, false, $9)
on conflict (tenant_id, kind, app_id) do update
   set quickbooks_id = excluded.quickbooks_id, version = excluded.version, sync_id = excluded.sync_id,
       sent = excluded.sent, returned = excluded.returned, cleared = false, at = excluded.at
 where l.version < excluded.version
returning version;

-- name: clear_link
-- Note that a link was cleared; only a higher version counts.
insert into link as l (tenant_id, kind, app_id, quickbooks_id, version, cleared, at)
values ($1, $2, $3, $4, $5, true, $6)
on conflict (tenant_id, kind, app_id) do update
   set quickbooks_id = excluded.quickbooks_id, version = excluded.version, cleared = true, at = excluded.at,
       sync_id = null, sent = '{}', returned = '{}'
 where l.version < excluded.version
returning version;

-- name: latest_sync
-- The newest approval of an entity, by either of its ids.
select sync_id, seq, direction, kind, app_id, quickbooks_id, operation, state, entity, app_digest, quickbooks_digest,
       in_doubt_since, resynced, resync_of, settled_at, approval_id
  from ((select * from sync where tenant_id = $1 and kind = $2 and app_id = $3 order by seq desc limit 1)
        union all
        (select * from sync where tenant_id = $1 and kind = $2 and quickbooks_id = $4 order by seq desc limit 1)) s
 order by seq desc limit 1;

-- name: get_sync
-- One sync.
select sync_id, seq, direction, kind, app_id, quickbooks_id, operation, state, entity, fields, app_digest,
       quickbooks_digest, in_doubt_since, resynced, resync_of, settled_at, approval_id
  from sync where tenant_id = $1 and sync_id = $2;

-- name: insert_syncs
-- New approvals, all in one go.
insert into sync (tenant_id, sync_id, seq, direction, kind, app_id, quickbooks_id, operation, entity, fields,
                  base_version, depends_on, app_digest, quickbooks_digest, label, approval_id, resync_of, approved_by,
                  approved_at, not_before)
select $1, r.sync_id, r.seq, r.direction, r.kind, r.app_id, r.quickbooks_id, r.operation, r.entity, r.fields,
       r.base_version, r.depends_on, r.app_digest, r.quickbooks_digest, r.label, r.approval_id, r.resync_of, r.approved_by,
       r.approved_at, r.not_before
  from jsonb_to_recordset($2::jsonb) r(sync_id text, seq bigint, direction text, kind text, app_id text,
       quickbooks_id text, operation text, entity jsonb, fields text[], base_version bigint, depends_on jsonb,
       app_digest text, quickbooks_digest text, label text, approval_id text, resync_of text, approved_by text,
       approved_at timestamptz, not_before timestamptz)
on conflict (tenant_id, sync_id) do nothing;

-- name: put_sync_state
-- What the connector service told of a sync; only a higher version counts. Keeps what arrives before its cause.
insert into sync as s (tenant_id, sync_id, seq, version, state, direction, kind, app_id, quickbooks_id, operation, code,
                       message, in_doubt_since, awaiting_app_since, approved_at, settled_at)
values ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict (tenant_id, sync_id) do update
   set version = excluded.version, state = excluded.state, operation = excluded.operation,
       app_id = coalesce(excluded.app_id, s.app_id), quickbooks_id = coalesce(excluded.quickbooks_id, s.quickbooks_id),
       code = excluded.code, message = excluded.message, in_doubt_since = excluded.in_doubt_since,
       awaiting_app_since = excluded.awaiting_app_since, settled_at = excluded.settled_at
 where s.version < excluded.version
returning approval_id, app_id, quickbooks_id;

-- name: app_contents
-- What the app holds of these records.
select e.kind, e.app_id as id, e.entity, e.deleted
  from unnest($2::text[], $3::text[]) w(kind, id)
 cross join lateral (select * from app_entity
                      where tenant_id = $1 and kind = w.kind and app_id = w.id limit 1) as e;

-- name: quickbooks_contents
-- What QuickBooks holds of these records.
select e.kind, e.quickbooks_id as id, e.entity, e.deleted
  from unnest($2::text[], $3::text[]) w(kind, id)
 cross join lateral (select * from quickbooks_entity
                      where tenant_id = $1 and kind = w.kind and quickbooks_id = w.id limit 1) as e;

-- name: mark_resynced
-- The failed sync was answered: it no longer keeps its entity from review.
update sync set resynced = true where tenant_id = $1 and sync_id = $2;

-- name: list_approvals
-- Approved movements, newest first.
select sync_id, seq, kind, app_id, quickbooks_id, direction, operation, approved_at, approved_by, resync_of, state
  from sync
 where tenant_id = $1 and seq > 0 and ($2::bigint is null or seq < $2)
 order by seq desc limit $3;

-- name: count_approvals
-- How many there were.
select count(*) from sync where tenant_id = $1 and seq > 0;

-- name: get_item_by_ref
-- The item of an entity, and whether the entity is always skipped.
select i.item_id, i.standing, i.shown_digest, i.content, k.ref is not null as skipped
  from (select) one
  left join review_item i on i.tenant_id = $1 and i.kind = $2 and i.ref = $3
  left join always_skip k on k.tenant_id = $1 and k.kind = $2 and k.ref = $3;

-- name: insert_item
-- A new item.
insert into review_item (tenant_id, item_id, kind, ref, app_id, quickbooks_id, direction, operation, standing, place,
                         label, party, amount, document_date, search, shown, shown_digest, content, change_no,
                         changed_at, created_at, updated_at, party_ref)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21, $22);

-- name: update_item
-- Something shown changed: one revision up.
update review_item
   set revision = revision + 1, app_id = $3, quickbooks_id = $4, direction = $5, operation = $6, standing = $7,
       place = $8, label = $9, party = $10, amount = $11, document_date = $12, search = $13, shown = $14,
       shown_digest = $15, content = $16, change_no = $17, changed_at = $18, updated_at = $19, party_ref = $20,
       decided_by = case when $7 = 'waiting' then null else decided_by end,
       decided_at = case when $7 = 'waiting' then null else decided_at end,
       kept_by = case when $7 = 'kept' then kept_by end
 where tenant_id = $1 and item_id = $2;

-- name: items_of_party
-- Items that belong to a customer, job, vendor or employee.
select kind, app_id, quickbooks_id from review_item where tenant_id = $1 and party_ref = $2 order by item_id limit 500;

-- name: delete_item
-- Nothing is to be reviewed any more.
delete from review_item where tenant_id = $1 and kind = $2 and ref = $3;

-- name: delete_items
-- These were approved.
delete from review_item where tenant_id = $1 and item_id = any($2::text[]);

-- name: get_items
-- These items.
select * from review_item where tenant_id = $1 and item_id = any($2::text[]);

-- name: list_section
-- What stands in one section of a list, in its order. The places are found in the narrow index alone.
select i.* from (
    select item_id from review_item
     where tenant_id = $1 and standing = $2 and direction = $3 and ($4::text is null or kind = $4)
       and ($5::text is null or found_by like $5 escape '\')
       and (place, item_id) > ($6::integer, $7)
     order by place, item_id limit $8) f
  join review_item i on i.tenant_id = $1 and i.item_id = f.item_id
 order by i.place, i.item_id;

-- name: count_items
-- How many match a filter, by section.
select direction, count(*) as count from review_item
 where tenant_id = $1 and standing = $2 and ($3::text is null or direction = $3) and ($4::text is null or kind = $4)
   and ($5::text is null or found_by like $5 escape '\')
 group by direction;

-- name: list_decided
-- Kept, cleared or skipped items, latest decision first.
select * from review_item
 where tenant_id = $1 and standing = $2
   and ($3::timestamptz is null or (decided_at, item_id) < ($3, $4))
 order by decided_at desc, item_id desc limit $5;

-- name: count_new
-- How many waiting rows appeared or changed after this number.
select count(*) from (select from review_item where tenant_id = $1 and standing = 'waiting' and change_no > $2 limit 1000) n;

-- name: scope_batch
-- Waiting rows inside a scope, in order of their ids.
select * from review_item
 where tenant_id = $1 and standing = 'waiting' and ($2::text is null or direction = $2)
   and ($3::text is null or kind = $3) and ($4::text is null or found_by like $4 escape '\')
   and ($5::bigint is null or change_no <= $5) and ($6::timestamptz is null or updated_at <= $6)
   and item_id <> all($7::text[]) and ($8::text[] is null or item_id = any($8))
   and (place, item_id) > ($9::integer, $10)
 order by place, item_id limit $11;

-- name: count_scope
-- How many rows a scope holds.
select count(*) from review_item
 where tenant_id = $1 and standing = 'waiting' and ($2::text is null or direction = $2)
   and ($3::text is null or kind = $3) and ($4::text is null or found_by like $4 escape '\')
   and ($5::bigint is null or change_no <= $5) and ($6::timestamptz is null or updated_at <= $6)
   and item_id <> all($7::text[]) and ($8::text[] is null or item_id = any($8));

-- name: set_aside
-- Keep or clear the waiting rows of a scope.
update review_item set standing = $9, decided_by = $10, decided_at = $11, kept_by = $12
 where tenant_id = $1 and standing = 'waiting' and ($2::text is null or direction = $2)
   and ($3::text is null or kind = $3) and ($4::text is null or found_by like $4 escape '\')
   and ($5::bigint is null or change_no <= $5) and ($6::timestamptz is null or updated_at <= $6)
   and item_id <> all($7::text[]) and ($8::text[] is null or item_id = any($8))
returning item_id;

-- name: return_items
-- Put items back on the list of what waits.
update review_item
   set standing = 'waiting', decided_by = null, decided_at = null, kept_by = null, change_no = $3, updated_at = $4
 where tenant_id = $1 and item_id = any($2::text[]) and standing in ('kept', 'cleared', 'skipped')
returning item_id, kind, ref, standing;

-- name: return_kept
-- Kept rows come back: those of one approval, or all that were kept before a moment.
update review_item
   set standing = 'waiting', decided_by = null, decided_at = null, kept_by = null, change_no = $4, updated_at = $5
 where tenant_id = $1 and standing = 'kept' and ($2::text is null or kept_by = $2)
   and ($3::timestamptz is null or decided_at <= $3)
returning item_id;

-- name: tenants_with_kept
-- Online tenants whose kept rows were kept before a moment.
select distinct i.tenant_id from review_item i join tenant t on t.tenant_id = i.tenant_id
 where i.standing = 'kept' and i.decided_at <= $1 and t.edition = 'online';

-- name: has_kept
-- Whether an approval keeps rows back.
select exists (select from review_item where tenant_id = $1 and standing = 'kept' and kept_by = $2);

-- name: skip_item
-- Never ask about this entity again.
update review_item set standing = 'skipped', decided_by = $3, decided_at = $4, kept_by = null
 where tenant_id = $1 and item_id = $2 and revision = $5
returning kind, ref, label;

-- name: put_skip
-- Remember that, whatever happens to the item.
insert into always_skip (tenant_id, kind, ref, label, by, at) values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, kind, ref) do nothing;

-- name: drop_skip
-- Ask about it again.
delete from always_skip where tenant_id = $1 and kind = $2 and ref = $3 returning ref;

-- name: move_skip
-- The entity got an app id.
update always_skip s set ref = $4
 where tenant_id = $1 and kind = $2 and ref = $3
   and not exists (select from always_skip o where o.tenant_id = $1 and o.kind = $2 and o.ref = $4);

-- name: list_skips
-- What is always skipped, latest first.
select kind, ref, label, by, at from always_skip
 where tenant_id = $1 and ($2::timestamptz is null or (at, kind, ref) < ($2, $3, $4))
 order by at desc, kind desc, ref desc limit $5;

-- name: count_skips
-- How many of them.
select count(*) from always_skip where tenant_id = $1;

-- name: insert_approval
-- One click of Approve.
insert into approval (tenant_id, approval_id, by, at, unchecked, job, running, total, held_until)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: advance_approval
-- How far it has come.
update approval set approved = approved + $3, changed = changed + $4, blocked = blocked + $5, job = $6, running = $7
 where tenant_id = $1 and approval_id = $2;

-- name: get_approval
-- One of them, locked.
select approval_id, by, at, unchecked, job, running, total, approved, changed, blocked, held_until, undone
  from approval where tenant_id = $1 and approval_id = $2 for update;

-- name: running_approvals
-- Large ones that are still at work, oldest first.
select tenant_id, approval_id from approval where running order by at limit 20;

-- name: approval_progress
-- How far the syncs of an approval are.
select count(*) as total,
       count(*) filter (where state = 'succeeded') as sent,
       count(*) filter (where state = 'failed') as failed,
       count(*) filter (where state = 'cancelled') as cancelled
  from sync where tenant_id = $1 and approval_id = $2;

-- name: latest_approvals
-- The last clicks of Approve.
select approval_id, by, at, unchecked, running, total, approved, changed, blocked, held_until, undone
  from approval where tenant_id = $1 and at >= $2 order by at desc limit $3;

-- name: approval_is_settled
-- Whether none of its syncs is open, and it has finished.
select not exists (select from sync where tenant_id = $1 and approval_id = $2
                      and state in ('pending', 'in_flight', 'waiting'))
   and not exists (select from approval where tenant_id = $1 and approval_id = $2 and running);

-- name: put_connection
-- The health of a connection; only a higher version counts.
insert into connection as c (tenant_id, edition, version, state, company, last_seen_at, next_expected_at, expires_at,
                             code, message)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (tenant_id) do update
   set edition = excluded.edition, version = excluded.version, state = excluded.state, company = excluded.company,
       last_seen_at = excluded.last_seen_at, next_expected_at = excluded.next_expected_at,
       expires_at = excluded.expires_at, code = excluded.code, message = excluded.message
 where c.edition <> excluded.edition or c.version < excluded.version;

-- name: put_session
-- When the last session ended; only a higher version counts.
insert into connection as c (tenant_id, edition, version, state, session_version, session_ended_at)
values ($1, $2, 0, 'connected', $3, $4)
on conflict (tenant_id) do update
   set session_version = excluded.session_version, session_ended_at = excluded.session_ended_at
 where c.session_version < excluded.session_version;

-- name: get_connection
-- The connection, for the strip.
select edition, state, company, last_seen_at, next_expected_at, expires_at, code, message, session_ended_at
  from connection where tenant_id = $1;

-- name: put_hand_over
-- An import that waits for the app; told again, its content may be newer.
insert into import_hand_over as h (tenant_id, sync_id, kind, quickbooks_id, app_id, entity, changed, deleted, handed_over_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (tenant_id, sync_id) do update
   set entity = excluded.entity, changed = excluded.changed, handed_over_at = excluded.handed_over_at
 where h.handed_over_at < excluded.handed_over_at;

-- name: settle_hand_over
-- Its sync is final.
update import_hand_over set settled = true where tenant_id = $1 and sync_id = $2;

-- name: get_hand_over
-- One of them, locked.
select sync_id, kind, quickbooks_id, app_id, entity, changed, deleted, handed_over_at, answer, settled
  from import_hand_over where tenant_id = $1 and sync_id = $2 for update;

-- name: answer_hand_over
-- What the app answered.
update import_hand_over set answer = $3 where tenant_id = $1 and sync_id = $2;

-- name: list_hand_overs
-- Imports that wait for the app's answer, oldest first.
select sync_id, kind, quickbooks_id, app_id, entity, changed, deleted, handed_over_at
  from import_hand_over
 where tenant_id = $1 and answer is null and not settled
   and ($2::timestamptz is null or (handed_over_at, sync_id) > ($2, $3))
 order by handed_over_at, sync_id limit $4;

-- name: count_hand_overs
-- How many of them.
select count(*) from import_hand_over where tenant_id = $1 and answer is null and not settled;

-- name: applied_by_app
-- Records that the app changed because of an import.
select kind, app_id from app_entity where tenant_id = $1 and import_sync_id = $2;

-- name: insert_resync_request
-- A Resync that waits for link.cleared.
insert into resync_request (tenant_id, command_id, sync_id, kind, app_id, by, at)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing;

-- name: take_resync_requests
-- The link was cleared: these may go.
delete from resync_request where tenant_id = $1 and kind = $2 and app_id = $3
returning command_id, sync_id, by;

-- name: drop_resync_requests
-- The Clear ID that they waited for was refused.
delete from resync_request where tenant_id = $1 and sync_id = $2 returning command_id;

-- name: dependency_states
-- How these records of the app stand: known, linked, in an open sync, failed, waiting for review.
select w.kind, w.app_id,
       coalesce(e.entity ->> 'name', e.entity ->> 'number', w.app_id) as label,
       e.app_id is not null and not e.deleted as known,
       exists (select from link l where l.tenant_id = $1 and l.kind = w.kind and l.app_id = w.app_id
                  and not l.cleared) as linked,
       (select s.state from sync s where s.tenant_id = $1 and s.kind = w.kind and s.app_id = w.app_id
         order by s.seq desc limit 1) as sync_state,
       i.item_id, i.standing
  from unnest($2::text[], $3::text[]) w(kind, app_id)
  left join app_entity e on e.tenant_id = $1 and e.kind = w.kind and e.app_id = w.app_id
  left join review_item i on i.tenant_id = $1 and i.kind = w.kind and i.ref = 'a:' || w.app_id;

-- name: count_failed
-- Entities whose latest sync failed; 1,000 stands for more.
select count(*) from (
    select from sync s
     where s.tenant_id = $1 and s.state = 'failed' and not s.resynced
       and not exists (select from link l where l.tenant_id = $1 and l.kind = s.kind and l.app_id = s.app_id
                          and not l.cleared and l.at > s.settled_at)
       and not exists (select from sync n where n.tenant_id = $1 and n.kind = s.kind and n.app_id = s.app_id
                          and n.seq > s.seq)
       and not exists (select from sync n where n.tenant_id = $1 and n.kind = s.kind
                          and n.quickbooks_id = s.quickbooks_id and n.seq > s.seq)
     limit 1000) f;

-- name: put_list_entry
-- An entry of one of QuickBooks' lists; only a higher version counts. What it was comes back.
with before as (select name, active, deleted from list_entry where tenant_id = $1 and kind = $2 and quickbooks_id = $3)
insert into list_entry as l (tenant_id, kind, quickbooks_id, version, name, active, deleted, entity)
values ($1, $2, $3, $4, $5, $6, $7, coalesce($8::jsonb, '{}'))
on conflict (tenant_id, kind, quickbooks_id) do update
   set version = excluded.version, deleted = excluded.deleted, active = excluded.active,
       name = case when excluded.deleted and excluded.name = '' then l.name else excluded.name end,
       entity = coalesce($8::jsonb, l.entity)
 where l.version < excluded.version
returning (select (name, active, deleted)::text from before) is distinct from (name, active, deleted)::text as changed;

-- name: lists_read
-- Which lists were read, and how many usable entries each has.
select kind, count(*) filter (where active and not deleted) as count from list_entry where tenant_id = $1 group by kind;

-- name: find_entries
-- Entries by name or id.
select l.kind, l.quickbooks_id, l.name, l.active, l.entity
  from unnest($2::text[], $3::text[], $4::text[]) w(kind, name, quickbooks_id)
  join list_entry l on l.tenant_id = $1 and l.kind = w.kind and not l.deleted
   and (lower(l.name) = lower(w.name) or l.quickbooks_id = w.quickbooks_id);

-- name: list_entries
-- A list for choosing from, by name.
select kind, quickbooks_id, name, active, entity from list_entry
 where tenant_id = $1 and kind = $2 and active and not deleted order by lower(name), quickbooks_id limit 5000;

-- name: put_words
-- Words that the app uses.
insert into app_word (tenant_id, kind, word, since)
select $1, w.kind, w.word, $4 from unnest($2::text[], $3::text[]) w(kind, word)
on conflict do nothing;

-- name: list_words
-- The words of the app with the entry of the same name, if there is one.
select w.word, l.quickbooks_id, l.name, l.active
  from app_word w
  left join lateral (select quickbooks_id, name, active from list_entry
                      where tenant_id = $1 and kind = $2 and lower(name) = lower(w.word) and not deleted
                      order by active desc limit 1) l on true
 where w.tenant_id = $1 and w.kind = $2 order by lower(w.word), w.word limit 2000;

-- name: item_choices
-- What an admin chose for these items.
select app_id, field, quickbooks_id, name from item_choice where tenant_id = $1 and app_id = any($2::text[]);

-- name: put_item_choice
-- An admin chose an entry for an item.
insert into item_choice (tenant_id, app_id, field, quickbooks_id, name) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, app_id, field) do update set quickbooks_id = excluded.quickbooks_id, name = excluded.name;

-- name: drop_item_choice
-- An admin took a choice back.
delete from item_choice where tenant_id = $1 and app_id = $2 and field = $3;

-- name: app_items
-- Items of the app that do not say this themselves: those without a choice first.
select e.app_id, e.entity ->> 'name' as name, e.entity ->> 'type' as type, c.quickbooks_id, c.name as chosen
  from app_entity e
  left join item_choice c on c.tenant_id = $1 and c.app_id = e.app_id and c.field = $2
 where e.tenant_id = $1 and e.kind = 'item' and not e.deleted and not e.entity ? $2
   and ($3::text is null or lower(e.entity ->> 'name') like $3 escape '\')
 order by c.app_id is not null, lower(e.entity ->> 'name'), e.app_id limit $4 offset $5;

-- name: keep_replaced
-- Somebody accepted other texts for what QuickBooks Desktop cannot store.
update app_entity set replaced = replaced || $4::jsonb where tenant_id = $1 and kind = $2 and app_id = $3;

-- name: same_number
-- Another record with the same number: one of the app, or one of QuickBooks that belongs to another.
select coalesce(a.entity ->> 'number', q.entity ->> 'number') as number, m.side,
       coalesce(a.entity ->> 'date', q.entity ->> 'date') as date
  from match_key m
  left join app_entity a on m.side = 'a' and a.tenant_id = $1 and a.kind = $2 and a.app_id = m.id and not a.deleted
  left join quickbooks_entity q on m.side = 'q' and q.tenant_id = $1 and q.kind = $2 and q.quickbooks_id = m.id
        and not q.deleted
 where m.tenant_id = $1 and m.kind = $2 and m.key = $3
   and case m.side when 'a' then m.id <> $4 and a.app_id is not null
       else q.quickbooks_id is not null and exists (select from link l where l.tenant_id = $1 and l.kind = $2
            and l.quickbooks_id = m.id and not l.cleared and l.app_id <> $4) end
 order by m.side, m.id limit 1;

-- name: settled_by
-- Payments in QuickBooks that were applied to this document.
select p.number from (
    select coalesce(e.entity ->> 'number', e.app_id) as number
      from app_entity e
     where e.tenant_id = $1 and e.kind = 'payment' and not e.deleted
       and e.entity -> 'applied' @> jsonb_build_array(jsonb_build_object('invoice', jsonb_build_object('app_id', $2::text)))
       and exists (select from link l where l.tenant_id = $1 and l.kind = 'payment' and l.app_id = e.app_id
                      and not l.cleared)
    union
    select coalesce(e.entity ->> 'number', e.quickbooks_id)
      from quickbooks_entity e
     where e.tenant_id = $1 and e.kind = 'payment' and not e.deleted
       and e.entity -> 'applied' @> jsonb_build_array(jsonb_build_object('invoice',
               jsonb_build_object('quickbooks_id', $3::text)))
       and not exists (select from link l join app_entity a on a.tenant_id = $1 and a.kind = 'payment'
                          and a.app_id = l.app_id
                        where l.tenant_id = $1 and l.kind = 'payment' and l.quickbooks_id = e.quickbooks_id
                          and not l.cleared)
) p order by 1 limit 4;

-- name: ask_recheck
-- Look at all that waits again, from the beginning, when things have calmed down.
update tenant set recheck_due = $2, recheck_after = '' where tenant_id = $1;

-- name: due_rechecks
-- Tenants whose waiting items are to be looked at again.
select tenant_id, recheck_after from tenant where recheck_due <= $1 and deleted_at is null order by recheck_due limit 20;

-- name: recheck_batch
-- The next items to look at.
select item_id, kind, app_id, quickbooks_id from review_item where tenant_id = $1 and item_id > $2
 order by item_id limit $3;

-- name: recheck_done
-- How far it has come; at the end nothing is due.
update tenant set recheck_after = $2, recheck_due = case when $3 then recheck_due end
 where tenant_id = $1 and recheck_after = $4;

-- name: held_syncs
-- What an approval still holds back.
select sync_id from sync
 where tenant_id = $1 and approval_id = $2 and state = 'pending' and not_before > $3 order by seq;

-- name: stop_job
-- A large approval goes no further.
update approval set running = false, job = null, undone = true where tenant_id = $1 and approval_id = $2;

-- name: rule_batch
-- Rows that wait since a number of change, for the rules.
select * from review_item
 where tenant_id = $1 and standing = 'waiting' and change_no > $2 and (change_no, item_id) > ($3, $4)
 order by change_no, item_id limit $5;

-- name: tenants_with_rules
-- Tenants where something goes without review.
select tenant_id, ruled_no, change_no from tenant
 where deleted_at is null and jsonb_typeof(settings -> 'auto_approve') = 'array'
   and jsonb_array_length(settings -> 'auto_approve') > 0 and ($1 or change_no > ruled_no)
 order by tenant_id;

-- name: rules_followed
-- All that waited up to this change was looked at.
update tenant set ruled_no = $2 where tenant_id = $1 and ruled_no < $2;

-- name: drop_matches
-- What a record of the app was probably the same as.
delete from match where tenant_id = $1 and kind = $2 and app_id = $3;

-- name: put_matches
-- The records of QuickBooks that a record of the app is probably the same as, for its waiting item.
insert into match (tenant_id, kind, app_id, item_id, quickbooks_id, label, confidence, same)
select $1, $2, $3, i.item_id, m.quickbooks_id, m.label, m.confidence, m.same
  from review_item i, jsonb_to_recordset($5::jsonb) m(quickbooks_id text, label text, confidence smallint, same text)
 where i.tenant_id = $1 and i.kind = $2 and i.ref = $4;

-- name: has_matches
-- Whether anything may be matched.
select exists (select from match where tenant_id = $1);

-- name: list_matches
-- Waiting rows of the app with the one record of QuickBooks that is by far the most probable, the surest first.
select m.item_id, m.kind, m.app_id, m.quickbooks_id, m.label as other_label, m.confidence, m.same, i.label, i.revision,
       i.change_no
  from (select m.*, rank() over mine as my_rank, count(*) over (partition by item_id, confidence) as my_equals,
               rank() over theirs as their_rank,
               count(*) over (partition by kind, quickbooks_id, confidence) as their_equals
          from match m where tenant_id = $1
        window mine as (partition by item_id order by confidence desc),
               theirs as (partition by kind, quickbooks_id order by confidence desc)) m
  join review_item i on i.tenant_id = $1 and i.item_id = m.item_id and i.standing = 'waiting'
 where m.my_rank = 1 and m.my_equals = 1 and m.their_rank = 1 and m.their_equals = 1 and m.confidence >= $2
   and ($3::bigint is null or i.change_no <= $3)
   and ($4::smallint is null or (-m.confidence, m.item_id) > (-$4, $5))
 order by -m.confidence, m.item_id
 limit $6;

-- name: count_matches
-- How many of them there are at each confidence, and how many rows have several that are as probable.
select m.confidence, count(*) filter (where clear) as n, count(distinct m.item_id) filter (where not clear) as unclear
  from (select m.item_id, m.confidence, rank() over mine as my_rank,
               count(*) over (partition by item_id, confidence) = 1 and rank() over theirs = 1
               and count(*) over (partition by kind, quickbooks_id, confidence) = 1 as clear
          from match m where tenant_id = $1
        window mine as (partition by item_id order by confidence desc),
               theirs as (partition by kind, quickbooks_id order by confidence desc)) m
  join review_item i on i.tenant_id = $1 and i.item_id = m.item_id and i.standing = 'waiting'
 where m.my_rank = 1
 group by m.confidence
 order by m.confidence desc;
