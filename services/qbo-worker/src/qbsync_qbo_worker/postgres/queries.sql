-- name: open_lease
-- Make sure that the tenant has a lease row.
insert into realm_lease (tenant_id) values ($1) on conflict do nothing

-- name: take_lease
-- Hold a realm until $3, unless another holds it or it rests after a 429. A holder that could not let go takes it again.
update realm_lease set holder = $2, fence = fence + 1, expires_at = $3
 where tenant_id = $1 and (expires_at < $4 or holder = $2) and not_before <= $4
returning fence

-- name: hold_lease
-- Whether it is still held; nobody can take it over until this transaction ends.
select fence from realm_lease where tenant_id = $1 and holder = $2 and fence = $3 for share

-- name: renew_lease
-- Hold it longer; no row means that it was lost.
update realm_lease set expires_at = $4
 where tenant_id = $1 and holder = $2 and fence = $3
returning fence

-- name: release_lease
-- Let it go; who waited longer is served first from now on.
update realm_lease set expires_at = '-infinity', served_at = $4 where tenant_id = $1 and holder = $2 and fence = $3

-- name: rest_realm
-- Send nothing before $2.
update realm_lease set not_before = greatest(not_before, $2) where tenant_id = $1

-- name: rests_until
-- Until when nothing may be sent.
select greatest(not_before, '2000-01-01Z') as until from realm_lease where tenant_id = $1

-- name: lock_rates
-- When the next call of each sort may go, and until when none; held until the transaction ends.
select rates, greatest(not_before, '2000-01-01Z') as not_before from realm_lease where tenant_id = $1 for no key update

-- name: read_rates
-- The same, for showing.
select rates, greatest(not_before, '2000-01-01Z') as not_before from realm_lease where tenant_id = $1

-- name: put_rates
-- A call takes its place, or the distances change.
update realm_lease set rates = $2 where tenant_id = $1

-- name: count_reading
-- One more call that Intuit meters.
insert into read_use (tenant_id, month, calls) values ($1, $2, $3)
on conflict (tenant_id, month) do update set calls = read_use.calls + excluded.calls

-- name: read_use
-- How many calls a company took in a month, and all companies together.
select coalesce(sum(calls) filter (where tenant_id = $1), 0)::bigint as company, coalesce(sum(calls), 0)::bigint as everyone
  from read_use where month = $2

-- name: erase_read_use
-- Forget a tenant: its readings.
delete from read_use where tenant_id = $1

-- name: report_worker
-- A worker is alive.
insert into worker (holder, seen_at) values ($1, $2) on conflict (holder) do update set seen_at = excluded.seen_at

-- name: forget_workers
-- Those that were not seen since $1 are gone.
delete from worker where seen_at < $1

-- name: worker_loads
-- How many companies each live worker holds.
select w.holder, count(l.tenant_id)::int as held from worker w
  left join realm_lease l on l.holder = w.holder and l.expires_at >= $1
 group by w.holder

-- name: due_tenants
-- Tenants that have work to send, something left behind in flight, or calls to settle; without $3. First those that
-- waited longest for a turn.
-- $4 is who asks: what it holds and does not work on ($3) is its own to take again.
select w.tenant_id from (
    select tenant_id, min(available_at) as since from work_item
     where state in ('pending', 'waiting') and available_at <= $1
     group by tenant_id
    union all
    select i.tenant_id, min(i.available_at) from work_item i
     where i.state = 'in_flight' and i.awaiting_app_since is null
       and not exists (select 1 from call o where o.tenant_id = i.tenant_id and o.sync_id = i.sync_id
                                              and o.state = 'open' and o.sends > 0)
     group by i.tenant_id
    union all
    select tenant_id, min(send_again_at) from call where state = 'open' and send_again_at <= $1 group by tenant_id
) w
  join connection c on c.tenant_id = w.tenant_id and c.state in ('connected', 'problem')
  left join realm_lease l on l.tenant_id = w.tenant_id
 where (coalesce(l.expires_at, '-infinity') < $1 or l.holder = $4) and coalesce(l.not_before, '-infinity') <= $1
   and w.tenant_id <> all($3::text[])
 group by w.tenant_id, l.served_at
 order by coalesce(l.served_at, '-infinity'), min(w.since)
 limit $2

-- name: tenants_awaiting_app
-- Tenants of which the app has imports to answer.
select distinct tenant_id from work_item where state = 'in_flight' and awaiting_app_since is not null order by tenant_id

-- name: add_calls
-- Store writes before they go out.
insert into call (requestid, tenant_id, sync_id, method, path, query, body, send_again_at, created_at)
select r.requestid, $1, r.sync_id, r.method, r.path, r.query::jsonb, r.body, $8, $9
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])
    as r(requestid, sync_id, method, path, query, body)

-- name: add_batch
-- Store a batch before it goes out.
insert into batch (requestid, tenant_id, body, created_at) values ($1, $2, $3, $4) on conflict do nothing

-- name: due_calls
-- Calls whose outcome is not known and that may go (again), oldest first; of a batch all that are open.
select c.*, b.body as batch_body, b.created_at as batch_created_at
  from call c left join batch b on b.requestid = c.batch_id
 where c.tenant_id = $1 and c.state = 'open'
   and (c.send_again_at <= $2
        or exists (select 1 from call d where d.batch_id = c.batch_id and d.state = 'open' and d.send_again_at <= $2))
 order by c.created_at, c.requestid

-- name: unanswered
-- Syncs whose write went out, and whose outcome is not known.
select sync_id from call where tenant_id = $1 and state = 'open' and sends > 0

-- name: open_calls
-- Calls whose outcome is not known, without their bytes.
select requestid, sync_id, sends from call where tenant_id = $1 and state = 'open'

-- name: went_along
-- Syncs that went in a batch before and came back refused: they go alone.
select w.sync_id from unnest($2::text[]) w(sync_id)
 where exists (select 1 from call c where c.tenant_id = $1 and c.sync_id = w.sync_id
                                      and c.batch_id is not null and c.status = 400)

-- name: sent_call
-- It goes out (again); if nothing more is heard it goes once more at $3. No row: it was settled meanwhile.
update call set sends = sends + 1, send_again_at = $3 where tenant_id = $1 and requestid = $2 and state = 'open'
returning sends

-- name: sent_batch
-- Its members go out (again), under the bIds they have in it; at $5 once more. No row: all were settled meanwhile.
update call c set sends = sends + 1, send_again_at = $5, batch_id = $2, bid = m.bid
  from unnest($3::text[], $4::text[]) m(requestid, bid)
 where c.tenant_id = $1 and c.requestid = m.requestid and c.state = 'open'
returning c.requestid

-- name: calls_again
-- They go out once more at $3.
update call set send_again_at = $3 where tenant_id = $1 and requestid = any($2::text[])

-- name: settle_calls
-- Their outcome is known.
update call set state = 'settled', status = $3, intuit_tid = $4, settled_at = $5
 where tenant_id = $1 and requestid = any($2::text[])

-- name: purge_calls
-- Forget calls that were settled before $1, at most $2 at once.
delete from call where requestid in (select requestid from call where state = 'settled' and settled_at < $1 limit $2)

-- name: purge_batches
-- Forget batches of which no call is left, at most $2 at once.
delete from batch where requestid in (
    select b.requestid from batch b
     where b.created_at < $1 and not exists (select 1 from call c where c.batch_id = b.requestid) limit $2)

-- name: erase_calls
-- Forget a tenant: its calls.
delete from call where tenant_id = $1

-- name: erase_batches
-- Forget a tenant: its batches, after its calls.
delete from batch where tenant_id = $1

-- name: erase_connection
-- Forget a tenant: its connection.
delete from connection where tenant_id = $1

-- name: erase_lease
-- Forget a tenant: its lease.
delete from realm_lease where tenant_id = $1

-- name: erase_cursors
-- Forget a tenant: how far its changes were read.
delete from read_cursor where tenant_id = $1

-- name: erase_authorisations
-- Forget a tenant: authorisations under way.
delete from authorisation where tenant_id = $1

-- name: add_authorisation
-- Remember what an authorisation must bring back.
insert into authorisation (state_hash, tenant_id, cookie_hash, verifier, by, next, ends_links, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: take_authorisation
-- Use it, once; one that is older than $2 is worth nothing.
delete from authorisation where state_hash = $1 and created_at > $2
returning tenant_id, cookie_hash, verifier, by, next, ends_links

-- name: purge_authorisations
-- Forget those that never came back.
delete from authorisation where created_at < $1

-- name: get_connection
-- A tenant's connection.
select * from connection where tenant_id = $1

-- name: lock_connection
-- The same, held until the transaction ends: one refresh at a time over all replicas.
select * from connection where tenant_id = $1 for update

-- name: connect
-- A person connected the tenant to a company.
insert into connection (tenant_id, state, realm_id, access_token, access_expires_at, refresh_token,
    refresh_expires_at, hard_expires_at, refreshed_at, connected_by, connected_at, last_seen_at)
values ($1, 'connected', $2, $3, $4, $5, $6, $7, $8, $9, $8, $8)
on conflict (tenant_id) do update
   set version = connection.version + 1, state = 'connected', realm_id = excluded.realm_id,
       access_token = excluded.access_token, access_expires_at = excluded.access_expires_at,
       refresh_token = excluded.refresh_token, refresh_expires_at = excluded.refresh_expires_at,
       hard_expires_at = excluded.hard_expires_at, refreshed_at = excluded.refreshed_at,
       connected_by = excluded.connected_by, connected_at = excluded.connected_at,
       last_seen_at = excluded.last_seen_at, code = null, message = null, intuit_tid = null
returning *

-- name: keep_tokens
-- New tokens, durable before they are used.
update connection
   set version = version + 1, access_token = $2, access_expires_at = $3, refresh_token = $4, refresh_expires_at = $5,
       hard_expires_at = coalesce($6, hard_expires_at), refreshed_at = $7, last_seen_at = $7
 where tenant_id = $1
returning *

-- name: set_state
-- The connection stands differently.
update connection set version = version + 1, state = $2, code = $3, message = $4, intuit_tid = $5 where tenant_id = $1
returning *

-- name: reseal
-- The same tokens, encrypted with another key.
update connection set access_token = $2, refresh_token = $3 where tenant_id = $1

-- name: to_keep
-- Tenants whose tokens nobody renewed since $1, or whose connection ends before $2 and nobody was told.
select tenant_id from connection
 where state in ('connected', 'problem', 'paused') and refresh_token is not null
   and (refreshed_at <= $1 or (state = 'connected' and code is null and hard_expires_at <= $2))
 order by refreshed_at

-- name: connected_to
-- The tenant that is connected to a company.
select tenant_id from connection where realm_id = $1

-- name: drop_tokens
-- Disconnected: nothing that could sign a call is kept.
update connection
   set version = version + 1, state = $2, access_token = null, refresh_token = null, access_expires_at = null,
       refresh_expires_at = null, hard_expires_at = null, code = $3, message = $4, intuit_tid = null
 where tenant_id = $1
returning *

-- name: set_company
-- What the company is called.
update connection set version = version + 1, company_name = $2, last_seen_at = $3,
       country = $4, currency = $5, several_currencies = $6 where tenant_id = $1
returning *

-- name: connected_tenants
-- Tenants whose QuickBooks may be read now.
select c.tenant_id from connection c
  left join realm_lease l on l.tenant_id = c.tenant_id
 where c.state in ('connected', 'problem') and coalesce(l.not_before, '-infinity') <= $1
 order by c.tenant_id

-- name: get_cursor
-- How far a resource was read.
select since from read_cursor where tenant_id = $1 and resource = $2

-- name: put_cursor
-- It was read up to here.
insert into read_cursor (tenant_id, resource, since) values ($1, $2, $3)
on conflict (tenant_id, resource) do update set since = excluded.since

-- name: count_doubts
-- How many syncs are in doubt.
select count(*) as doubts from work_item
 where tenant_id = $1 and state = 'in_flight' and in_doubt_since is not null

-- name: company
-- What its books ask of each document.
select c.country, c.currency, c.several_currencies,
       (select s.quickbooks_id from seen_entity s
         where s.tenant_id = $1 and s.kind = 'tax_code' and not s.deleted
           and s.entity ->> 'taxable' = 'false' and coalesce(s.entity ->> 'active', 'true') = 'true'
         order by s.quickbooks_id limit 1) as non_taxable
  from connection c where c.tenant_id = $1

-- name: keep_links
-- Links that ended with the company they led to.
insert into link_history (tenant_id, realm_id, kind, app_id, quickbooks_id, sync_id, ended_at)
select $1, $2, kind, app_id, quickbooks_id, sync_id, $7
  from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as ended (kind, app_id, quickbooks_id, sync_id)

-- name: erase_history
-- Forget a tenant: its former links.
delete from link_history where tenant_id = $1

-- name: leave_realm
-- The tenant gets another company: nothing of the former one stands on its row.
update connection
   set realm_id = null, company_name = null, country = null, currency = null, several_currencies = false
 where tenant_id = $1

-- name: count_links
-- How many links a tenant has.
select count(*) as links from link where tenant_id = $1

-- name: bound_to
-- The tenant that a company belongs to.
select tenant_id from binding where company_id = $1

-- name: last_refusals
-- The last calls that QuickBooks refused.
select c.settled_at, c.status, c.intuit_tid, w.sync_id, w.kind, w.code, w.message,
       coalesce(w.entity ->> 'number', w.entity ->> 'name', w.app_id, w.quickbooks_id) as name
  from call c left join work_item w on w.tenant_id = c.tenant_id and w.sync_id = c.sync_id
 where c.tenant_id = $1 and c.status >= 400 and c.settled_at is not null
 order by c.settled_at desc limit $2

-- name: last_change
-- The newest change of a record that was read.
select max(since) as since from read_cursor where tenant_id = $1
