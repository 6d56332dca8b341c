-- The log's statements.

-- name: lock_tenant
-- Facts of one tenant are recorded one after the other: which sync is the latest of an entity then needs no luck.
select pg_advisory_xact_lock(hashtext('log.sync'), hashtext($1));

-- name: tenant_is_deleted
-- Whether the tenant is gone; what is still said about it is dropped.
select deleted_at is not null from tenant where tenant_id = $1;

-- name: insert_event
-- Keep what was said about a sync.
insert into sync_event (tenant_id, sync_id, message_id, verb, version, occurred_at, attempt, code, message, details, technical)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict do nothing;

-- name: read_sync
-- One sync as it is recorded.
select * from sync where tenant_id = $1 and sync_id = $2;

-- name: read_syncs
-- Several syncs as they are recorded.
select * from sync where tenant_id = $1 and sync_id = any($2::text[]) order by changed_at, sync_id;

-- name: write_sync
-- Record a sync; latest, bucket, cause and asked_at are kept by statements of their own.
insert into sync (tenant_id, sync_id, edition, direction, kind, operation, app_id, quickbooks_id, entity_key, label, amount,
                  party, party_name, entity, fields, entity_seq, resync_of, not_before, approved_by, approved_at, version,
                  state, state_group, attempt, code, message, retry_at, waits_for, in_doubt_since, awaiting_app_since,
                  warnings, cancelled_by, superseded_by, changed_at, linked_app_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
        $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)
on conflict (tenant_id, sync_id) do update
   set edition = excluded.edition, direction = excluded.direction, kind = excluded.kind, operation = excluded.operation,
       app_id = excluded.app_id, quickbooks_id = excluded.quickbooks_id, entity_key = excluded.entity_key,
       label = excluded.label, amount = excluded.amount, party = excluded.party, party_name = excluded.party_name,
       entity = excluded.entity, fields = excluded.fields, entity_seq = excluded.entity_seq,
       resync_of = excluded.resync_of, not_before = excluded.not_before, approved_by = excluded.approved_by,
       approved_at = excluded.approved_at, version = excluded.version, state = excluded.state,
       state_group = excluded.state_group, attempt = excluded.attempt, code = excluded.code, message = excluded.message,
       retry_at = excluded.retry_at, waits_for = excluded.waits_for, in_doubt_since = excluded.in_doubt_since,
       awaiting_app_since = excluded.awaiting_app_since, warnings = excluded.warnings,
       cancelled_by = excluded.cancelled_by, superseded_by = excluded.superseded_by, changed_at = excluded.changed_at,
       linked_app_id = excluded.linked_app_id;

-- name: delete_words
-- Forget by what a sync was found.
delete from sync_word where tenant_id = $1 and sync_id = $2 and word <> all($3::text[]);

-- name: insert_words
-- By what a sync is found.
insert into sync_word (tenant_id, word, sync_id) select $1, word, $2 from unnest($3::text[]) word on conflict do nothing;

-- name: app_id_of
-- The app's id of what QuickBooks calls so, if they were ever linked.
select app_id from link where tenant_id = $1 and kind = $2 and quickbooks_id = $3;

-- name: newest_of_entity
-- The latest sync of an entity: by the order of its approvals; one whose approval is not known yet counts as the newest.
select sync_id from sync where tenant_id = $1 and entity_key = $2
 order by entity_seq desc nulls first, sync_id desc
 limit 1;

-- name: unset_latest
-- These are not the latest of their entity any more, so they are not unsynced either.
update sync set latest = false, bucket = null, cause = null
 where tenant_id = $1 and entity_key = $2 and latest and sync_id <> $3;

-- name: set_latest
-- This is the latest sync of its entity.
update sync set latest = true where tenant_id = $1 and sync_id = $2 and not latest;

-- name: leave_latest
-- Before a sync gets another entity key it is nobody's latest.
update sync set latest = false, bucket = null, cause = null where tenant_id = $1 and sync_id = $2 and latest;

-- name: latest_of_entity
-- The latest sync of an entity.
select * from sync where tenant_id = $1 and entity_key = $2 and latest;

-- name: set_bucket
-- Where the latest sync of an entity is listed.
update sync set bucket = $3, cause = $4
 where tenant_id = $1 and sync_id = $2 and (bucket is distinct from $3 or cause is distinct from $4);

-- name: move_waiting
-- What waits for an entity follows it: it needs a person, or it moves by itself.
update sync set bucket = $3
 where tenant_id = $1 and waits_for = $2 and latest and state = 'waiting' and code = 'QS-WAITS-FOR'
   and asked_at is null and bucket is distinct from $3
returning entity_key;

-- name: rekey_candidates
-- Imports of a QuickBooks record that came before it was linked.
select sync_id, entity_key from sync where tenant_id = $1 and kind = $2 and quickbooks_id = $3;

-- name: close_request
-- The command was answered by a new approval.
update request set state = 'answered'
 where tenant_id = $1 and sync_id = $2 and action = 'resync' and state = 'open';

-- name: close_clear_requests
-- The link is gone, so every request to clear it is answered.
update request r set state = 'answered'
  from sync s
 where r.tenant_id = $1 and r.action = 'clear-id' and r.state = 'open'
   and s.tenant_id = r.tenant_id and s.sync_id = r.sync_id and s.entity_key = $2;

-- name: close_link_request
-- They were linked, as this command asked.
update request set state = 'answered' where tenant_id = $1 and command_id = $2 and state = 'open';

-- name: refuse_request
-- The command was refused.
update request set state = 'refused', code = $3, answer = $4
 where tenant_id = $1 and command_id = $2 and state = 'open'
returning sync_id, action;

-- name: insert_request
-- Remember what was asked for; nothing comes back when the same is asked for already.
insert into request (tenant_id, command_id, sync_id, action, by, why, asked_at) values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
returning command_id;

-- name: expire_request
-- An answer that did not come in time does not block another try.
update request set state = 'refused', answer = 'No answer came in time.'
 where tenant_id = $1 and sync_id = $2 and action = $3 and state = 'open' and asked_at < $4;

-- name: overdue_requests
-- Commands whose answer did not come in time, over all tenants.
select tenant_id, command_id from request where state = 'open' and asked_at < $1 order by asked_at limit $2;

-- name: set_asked
-- Resync was pressed, or is answered.
update sync set asked_at = $3 where tenant_id = $1 and sync_id = $2 and asked_at is distinct from $3;

-- name: upsert_tenant
-- What the wizard says of a tenant; a deleted one stays deleted.
insert into tenant as t (tenant_id, version, name, plan, edition, paused, settings)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id) do update
   set version = excluded.version, name = excluded.name, plan = excluded.plan, edition = excluded.edition,
       paused = excluded.paused, settings = excluded.settings
 where t.version < excluded.version and t.deleted_at is null;

-- name: delete_tenant
-- Remember that a tenant is gone; its id is never used again.
insert into tenant (tenant_id, version, name, plan, edition, paused, settings, deleted_at)
values ($1, $2, '', '', 'desktop', false, '{}', $3)
on conflict (tenant_id) do update
   set version = excluded.version, name = '', settings = '{}', deleted_at = excluded.deleted_at;

-- name: erase_tenant
-- Erase all rows of a tenant that is gone.
with s as (delete from sync where tenant_id = $1), w as (delete from sync_word where tenant_id = $1),
     e as (delete from sync_event where tenant_id = $1), l as (delete from link where tenant_id = $1),
     c as (delete from connection where tenant_id = $1), x as (delete from session where tenant_id = $1),
     b as (delete from badge where tenant_id = $1), r as (delete from request where tenant_id = $1),
     a as (delete from audit where tenant_id = $1), k as (delete from look_up where tenant_id = $1)
delete from tally where tenant_id = $1;

-- name: upsert_connection
-- How a connection stands.
insert into connection as c (tenant_id, edition, version, state, company, last_seen_at, next_expected_at, expires_at, code, message, changed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (tenant_id, edition) do update
   set version = excluded.version, state = excluded.state, company = excluded.company,
       last_seen_at = excluded.last_seen_at, next_expected_at = excluded.next_expected_at,
       expires_at = excluded.expires_at, code = excluded.code, message = excluded.message, changed_at = excluded.changed_at
 where c.version < excluded.version;

-- name: upsert_session
-- The last session of the Web Connector.
insert into session as s (tenant_id, edition, version, session_id, started_at, ended_at, round_trips, succeeded, failed, result)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (tenant_id, edition) do update
   set version = excluded.version, session_id = excluded.session_id, started_at = excluded.started_at,
       ended_at = excluded.ended_at, round_trips = excluded.round_trips, succeeded = excluded.succeeded,
       failed = excluded.failed, result = excluded.result
 where s.version < excluded.version;

-- name: upsert_badge
-- How many review items wait in the Sync Wizard.
insert into badge as b (tenant_id, version, waiting, imports, exports) values ($1, $2, $3, $4, $5)
on conflict (tenant_id) do update
   set version = excluded.version, waiting = excluded.waiting, imports = excluded.imports, exports = excluded.exports
 where b.version < excluded.version;

-- name: upsert_link
-- A pair was linked or unlinked.
insert into link as l (tenant_id, kind, quickbooks_id, app_id, version, linked, changed_at, by, why)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (tenant_id, kind, quickbooks_id) do update
   set app_id = excluded.app_id, version = excluded.version, linked = excluded.linked, changed_at = excluded.changed_at,
       by = excluded.by, why = excluded.why
 where l.version < excluded.version
returning true;

-- name: current_link
-- The newest link of a record of the app, linked or cleared.
select quickbooks_id, linked, changed_at, by, why from link
 where tenant_id = $1 and kind = $2 and app_id = $3
 order by version desc
 limit 1;

-- name: linked_since
-- Whether the newest link of a record holds and is newer than a moment.
select linked and changed_at > $4 from link
 where tenant_id = $1 and kind = $2 and app_id = $3
 order by version desc
 limit 1;

-- name: insert_look_up
-- Somebody looks into QuickBooks.
insert into look_up (tenant_id, command_id, sync_id, text, asked_by, asked_at) values ($1, $2, $3, $4, $5, $6);

-- name: answer_look_up
-- What QuickBooks holds; once it answered itself, nothing else counts.
update look_up set answered_at = $3, pending = $4, source = $5, as_of = $6, message = $7, found = $8
 where tenant_id = $1 and command_id = $2 and pending;

-- name: latest_look_up
-- The newest look into QuickBooks for a sync.
select * from look_up where tenant_id = $1 and sync_id = $2 order by asked_at desc, command_id desc limit 1;

-- name: read_request
-- What became of a command.
select state, code, answer from request where tenant_id = $1 and command_id = $2;

-- name: insert_audit
-- Who did what.
insert into audit (tenant_id, message_id, occurred_at, speaker, by, action, subject_kind, app_id, sync_id, why, details)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict do nothing;
