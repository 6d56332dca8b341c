-- The statements of messaging. They run in the service's own schema.

-- name: insert_outbox
-- Say something when the caller's transaction commits.
insert into outbox (event_id, tenant_id, stream, subject, headers, payload)
select event_id, tenant_id, stream, subject, headers, payload
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::bytea[]) with ordinality
       as said (event_id, tenant_id, stream, subject, headers, payload, place)
 order by place;

-- name: insert_inbox
-- Note that this consumer handles these events; those come back that it has not handled before.
insert into inbox (consumer, tenant_id, event_id)
select $1, $2, event_id from unnest($3::text[]) as event_id
on conflict do nothing
returning event_id;

-- name: waiting_outbox
-- The next batch to publish, in the order of commits, without the tenants that cool down.
select seq, event_id, tenant_id, stream, subject, headers, payload, created_at
  from outbox
 where published_at is null and seq is not null and tenant_id <> all($2::text[])
 order by seq
 limit $1;

-- name: mark_published
-- These rows are on their stream.
update outbox set published_at = now() where seq = any($1::bigint[]) and published_at is null;

-- name: outbox_backlog
-- How many rows wait, and for how many seconds the oldest one has.
select count(*) as pending,
       coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as oldest_seconds
  from outbox
 where published_at is null;

-- name: purge_outbox
-- Forget what was published long ago, but keep the last word on each subject of the stream that keeps the last word.
delete from outbox o
 where o.published_at < now() - make_interval(days => $1::int)
   and not (o.stream = $2
            and not exists (select from outbox newer
                             where newer.stream = o.stream and newer.subject = o.subject and newer.seq > o.seq));

-- name: purge_inbox
-- Forget events that no stream and no dead letter can bring again.
delete from inbox where received_at < now() - make_interval(days => $1::int);

-- name: known_streams
-- The streams as the relay last saw them.
select stream, created_at from relay_state;

-- name: remember_stream
-- Keep when a stream was created.
insert into relay_state (stream, created_at) values ($1, $2)
on conflict (stream) do update set created_at = excluded.created_at;

-- name: republish_recent
-- Publish again what a stream held of the last days.
update outbox set published_at = null
 where stream = $1 and published_at is not null and created_at > now() - make_interval(days => $2::int);

-- name: republish_latest
-- Publish again the last word on each subject of a stream.
update outbox o set published_at = null
 where o.stream = $1 and o.published_at is not null
   and not exists (select from outbox newer
                    where newer.stream = o.stream and newer.subject = o.subject and newer.seq > o.seq);

-- name: republish_since
-- Publish again everything from a moment on.
update outbox set published_at = null
 where published_at is not null and created_at >= $1;

-- name: insert_dead_letter
-- Keep a message that could not be handled; one that fails again after a replay opens its row again.
insert into dead_letter (tenant_id, consumer, event_id, stream, stream_seq, subject, ce_type, headers, payload,
                         reason, detail, deliveries)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (consumer, tenant_id, event_id) do update
   set state = 'open', reason = excluded.reason, detail = excluded.detail, deliveries = excluded.deliveries,
       failed_at = now(), decided_at = null, decided_by = null
returning id, replays;

-- name: list_dead_letters
-- Those that wait for a decision, newest first.
select id, tenant_id, consumer, event_id, stream, stream_seq, subject, ce_type, reason, detail, deliveries,
       failed_at, state, replays
  from dead_letter
 where state in ('open', 'replayed') and ($1::bigint is null or id < $1)
 order by id desc
 limit $2;

-- name: read_dead_letter
-- One of them, locked, with what it said.
select id, tenant_id, consumer, event_id, stream, stream_seq, subject, ce_type, headers, payload, reason, detail,
       deliveries, failed_at, state, replays
  from dead_letter
 where id = $1
   for update;

-- name: decide_dead_letter
-- It was replayed or discarded.
update dead_letter set state = $2, replays = $3, decided_at = now(), decided_by = $4 where id = $1;

-- name: resolve_dead_letter
-- A replayed message has now been handled.
update dead_letter set state = 'resolved'
 where consumer = $1 and tenant_id = $2 and event_id = $3 and state in ('open', 'replayed');

-- name: erase_outbox
-- Forget what was said about a deleted tenant, except on the subject that says so.
delete from outbox where tenant_id = $1 and subject <> $2;

-- name: erase_inbox
-- Forget what was heard about a deleted tenant, except the event that is being handled.
delete from inbox where tenant_id = $1 and event_id is distinct from $2;

-- name: erase_dead_letters
-- Forget what could not be handled for a deleted tenant.
delete from dead_letter where tenant_id = $1;
