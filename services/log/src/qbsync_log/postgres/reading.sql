-- What pages and the API read besides lists of syncs.

-- name: read_tenant
-- A tenant that is not deleted.
select tenant_id, name, edition, paused, settings from tenant where tenant_id = $1 and deleted_at is null;

-- name: count_groups
-- The counts by state group and by bucket.
select scope, split_part(key, '|', 1) as first, sum(n) as n
  from tally
 where tenant_id = $1 and scope in ('state', 'unsynced') and n > 0
 group by 1, 2;

-- name: count_review
-- What waits in the Sync Wizard.
select waiting from badge where tenant_id = $1;

-- name: list_causes
-- The causes of a bucket with their counts, the oldest first.
select c.cause, c.n, c.total, oldest.changed_at as since, newest.changed_at as last
  from (select substr(key, length($2) + 2) as cause, n, total
          from tally
         where tenant_id = $1 and scope = 'unsynced' and n > 0 and starts_with(key, $2 || '|')) c
 cross join lateral (select s.changed_at from sync s
                      where s.tenant_id = $1 and s.bucket = $2 and s.cause = c.cause
                      order by s.changed_at, s.sync_id limit 1) oldest
 cross join lateral (select s.changed_at from sync s
                      where s.tenant_id = $1 and s.bucket = $2 and s.cause = c.cause
                      order by s.changed_at desc, s.sync_id desc limit 1) newest
 order by oldest.changed_at, c.cause
 limit $3;

-- name: read_connection
-- A connection and its last session.
select c.state, c.company, c.last_seen_at, c.next_expected_at, c.expires_at, c.code, c.message, c.changed_at,
       s.started_at, s.ended_at, s.round_trips, s.succeeded, s.failed, s.result
  from connection c
  left join session s on s.tenant_id = c.tenant_id and s.edition = c.edition
 where c.tenant_id = $1 and c.edition = $2;

-- name: seen_codes
-- How often each code stands on a sync of the tenant.
select key, n from tally where tenant_id = $1 and scope = 'code' and n > 0;

-- name: read_sync_with_names
-- One sync, with the names of what it is about and waits for.
select s.*, party.label as party_label, needed.label as waits_for_label, null::text as newest_state,
       null::timestamptz as newest_at
  from sync s
  left join sync party on party.tenant_id = s.tenant_id and party.entity_key = s.party and party.latest
  left join sync needed on needed.tenant_id = s.tenant_id and needed.entity_key = s.waits_for and needed.latest
 where s.tenant_id = $1 and s.sync_id = $2;

-- name: syncs_of_entity
-- The newest syncs of an entity.
select * from sync where tenant_id = $1 and entity_key = $2
 order by entity_seq desc nulls first, sync_id desc
 limit 50;

-- name: events_of_syncs
-- What was said about these syncs, newest first.
select sync_id, message_id, verb, version, occurred_at, attempt, code, message, details, technical
  from sync_event
 where tenant_id = $1 and sync_id = any($2::text[])
 order by occurred_at desc, version desc, message_id desc
 limit 1000;

-- name: requests_of_syncs
-- What people asked for on these syncs, newest first.
select command_id, sync_id, action, by, why, asked_at, state, code, answer from request
 where tenant_id = $1 and sync_id = any($2::text[])
 order by asked_at desc, command_id
 limit 200;

-- name: done_lately
-- Resyncs that arrived since a moment.
select s.*, party.label as party_label, null::text as waits_for_label, null::text as newest_state,
       null::timestamptz as newest_at
  from sync s
  left join sync party on party.tenant_id = s.tenant_id and party.entity_key = s.party and party.latest
 where s.tenant_id = $1 and s.latest and s.state = 'succeeded' and s.resync_of is not null and s.changed_at >= $2
   and s.bucket is null
 order by s.changed_at desc
 limit 20;

-- name: rows_of_causes
-- The oldest rows of each of these causes.
select s.*, party.label as party_label, needed.label as waits_for_label, null::text as newest_state, null::timestamptz as newest_at
  from unnest($3::text[]) with ordinality as wanted (cause, place)
 cross join lateral (select * from sync x
                      where x.tenant_id = $1 and x.bucket = $2 and x.cause = wanted.cause
                      order by x.changed_at, x.sync_id limit $4) s
  left join sync party on party.tenant_id = s.tenant_id and party.entity_key = s.party and party.latest
  left join sync needed on needed.tenant_id = s.tenant_id and needed.entity_key = s.waits_for and needed.latest
 order by wanted.place, s.changed_at, s.sync_id;

-- name: next_retries
-- What retries by itself, the next one first.
select s.*, party.label as party_label, needed.label as waits_for_label, null::text as newest_state, null::timestamptz as newest_at
  from (select * from sync where tenant_id = $1 and bucket = 'retries' order by retry_at, sync_id limit $2) s
  left join sync party on party.tenant_id = s.tenant_id and party.entity_key = s.party and party.latest
  left join sync needed on needed.tenant_id = s.tenant_id and needed.entity_key = s.waits_for and needed.latest
 order by s.retry_at, s.sync_id;
