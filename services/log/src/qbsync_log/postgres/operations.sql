-- What operators see and do, over all tenants.

-- name: list_queues
-- Tenants with what waits, the longest queue first.
select t.tenant_id, t.name, t.edition, t.paused, coalesce(w.waiting, 0) as waiting, coalesce(w.needs_you, 0) as needs_you,
       oldest.changed_at as oldest, c.state, c.last_seen_at, c.next_expected_at, c.expires_at, c.code, c.message, c.company
  from tenant t
  left join (select tenant_id,
                    sum(n) filter (where scope = 'state' and starts_with(key, 'pending|')) as waiting,
                    sum(n) filter (where scope = 'unsynced' and starts_with(key, 'needs_you|')) as needs_you
               from tally where scope in ('state', 'unsynced') group by tenant_id) w using (tenant_id)
  left join lateral (select s.changed_at from sync s
                      where s.tenant_id = t.tenant_id and s.state_group = 'pending'
                      order by s.changed_at, s.sync_id limit 1) oldest on true
  left join connection c on c.tenant_id = t.tenant_id and c.edition = t.edition
 where t.deleted_at is null
 order by coalesce(w.waiting, 0) desc, coalesce(w.needs_you, 0) desc, t.tenant_id
 limit $1;

-- name: count_queues
-- The sums over all tenants.
select coalesce(sum(n) filter (where scope = 'state' and starts_with(key, 'pending|')), 0) as waiting,
       coalesce(sum(n) filter (where scope = 'unsynced' and starts_with(key, 'needs_you|')), 0) as needs_you,
       coalesce(sum(n) filter (where scope = 'unsynced' and starts_with(key, 'retries|')), 0) as retries
  from tally;

-- name: insert_letter
-- Keep a dead letter; one that failed again after a replay is open again.
insert into letter (tenant_id, service, consumer, event_id, stream, stream_seq, subject, headers, payload, reason, detail, deliveries, failed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (service, consumer, tenant_id, event_id) do update
   set state = 'open', reason = excluded.reason, detail = excluded.detail, deliveries = excluded.deliveries,
       failed_at = excluded.failed_at, stream_seq = excluded.stream_seq
 where letter.failed_at < excluded.failed_at;

-- name: list_letters
-- Those that wait for a decision, newest first.
select id, tenant_id, service, consumer, event_id, subject, reason, detail, deliveries, failed_at, replays
  from letter
 where state = 'open' and ($1::bigint is null or id < $1)
 order by id desc
 limit $2;

-- name: count_letters
-- How many wait for a decision; beyond 1,000 it does not matter.
select count(*) from (select from letter where state = 'open' limit 1000) counted;

-- name: read_letter
-- One that waits for a decision, with what it said, locked.
select * from letter where id = $1 and state = 'open' for update;

-- name: decide_letter
-- It was replayed or discarded.
update letter set state = $2, replays = $3, decided_at = $4, decided_by = $5, why = $6 where id = $1;

-- name: own_letter
-- The log's own row of the same dead letter.
select id from dead_letter
 where consumer = $1 and tenant_id = $2 and event_id = $3 and state in ('open', 'replayed');

-- name: list_audit
-- Who did what, newest first.
select tenant_id, occurred_at, by, action, subject_kind, app_id, sync_id, why from audit
 order by occurred_at desc, message_id desc
 limit $1;
