-- name: put_connector
-- Make a tenant's connector user; repeated, it gets another password and keeps everything else.
insert into connector (tenant_id, username, password_hash, password_set_at, password_set_by, owner_id, file_id)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id) do update
   set password_hash = excluded.password_hash, password_set_at = excluded.password_set_at,
       password_set_by = excluded.password_set_by, failures = 0, locked_until = null
returning *

-- name: get_connector
-- A tenant's connector.
select * from connector where tenant_id = $1

-- name: lock_connector
-- The same, held until the transaction ends: one session of a tenant opens after the other.
select * from connector where tenant_id = $1 for update

-- name: find_login
-- Whose user it is, and all that a poll without work needs to know.
select c.*, t.plan, t.paused, t.edition, t.settings,
       exists (select 1 from pause p where p.tenant_id = c.tenant_id and p.kind = '*') as held,
       exists (select 1 from session s where s.tenant_id = c.tenant_id and s.ended_at is null) as busy,
       exists (select 1 from message_set m
                where m.tenant_id = c.tenant_id and m.state in ('stored', 'out', 'doubt')) as unfinished,
       exists (select 1 from work_item w
                where w.tenant_id = c.tenant_id and w.state in ('pending', 'waiting') and w.available_at <= $2
                  and not exists (select 1 from pause p where p.tenant_id = w.tenant_id and p.kind = w.kind))
       or exists (select 1 from look_up q where q.tenant_id = c.tenant_id) as work
  from connector c left join tenant t using (tenant_id)
 where c.username = $1

-- name: count_failure
-- A wrong password; every fifth in a row locks the user for a while, each time longer.
update connector
   set failures = failures + 1,
       locked_until = case when (failures + 1) % 5 = 0
           then $2::timestamptz + least(power(2, (failures + 1) / 5), 30) * interval '1 minute' else locked_until end
 where tenant_id = $1
returning failures, locked_until

-- name: seen
-- The connector was here.
update connector
   set last_seen_at = $2, last_result = $3, connector_version = coalesce($4, connector_version), failures = 0,
       locked_until = null, told_at = case when $5 then $2 else told_at end
 where tenant_id = $1

-- name: set_state
-- How the connection stands.
update connector
   set state = $2, code = $3, message = $4, state_at = case when state is distinct from $2 then now() else state_at end
 where tenant_id = $1

-- name: set_bound
-- Bound to a company file.
update connector
   set company_file = $2, bound_at = coalesce(bound_at, $3), previous_owner_id = null, previous_file_id = null
 where tenant_id = $1

-- name: forget_name
-- The same file may come under another name.
update connector set company_file = null where tenant_id = $1

-- name: known_owners
-- Under which OwnerIDs the files of this installation are stamped.
select known_owners()

-- name: is_app_of_others
-- Whether another connection has this AppUniqueName.
select is_app_of_others($2, $1)

-- name: give_ids
-- Other ids for the connection. Those before stay known until the company file carries the new ones.
update connector
   set owner_id = $2, file_id = $3,
       previous_owner_id = case when $4 then coalesce(previous_owner_id, owner_id) end,
       previous_file_id = case when $4 then coalesce(previous_file_id, file_id) end
 where tenant_id = $1
returning *

-- name: new_books
-- Other books: nothing is known of them yet.
update connector
   set company_file = null, bound_at = null, facts = '{}', last_read_at = null, marker = 0, compare = null,
       compare_marker = null, seconds_per_write = null
 where tenant_id = $1

-- name: keep_links
-- Links that ended with the company they led to.
insert into link_history (tenant_id, file_id, kind, app_id, quickbooks_id, sync_id, ended_at)
select $1, $2, kind, app_id, quickbooks_id, sync_id, $7
  from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as ended (kind, app_id, quickbooks_id, sync_id)

-- name: erase_history
-- Forget a tenant: its former links.
delete from link_history where tenant_id = $1

-- name: is_file_of_others
-- Whether one of these FileIDs belongs to another tenant.
select is_file_of_others($2::text[], $1)

-- name: set_facts
-- What QuickBooks told of itself and the company.
update connector set facts = $2 where tenant_id = $1

-- name: read_lost
-- The answer to a reading did not arrive; the next readings ask for less at a time.
update connector set lost_reads = least(lost_reads + 1, 6) where tenant_id = $1

-- name: set_read
-- Everything was read.
update connector set last_read_at = $2, lost_reads = 0 where tenant_id = $1

-- name: set_speed
-- How long this QuickBooks takes for one write.
update connector set seconds_per_write = $2 where tenant_id = $1

-- name: set_qwc
-- What an admin chose for the .qwc file.
update connector set qwc = $2 where tenant_id = $1

-- name: tenant_of_ticket
-- Whose ticket it is.
select tenant_id from session where ticket = $1

-- name: lock_session
-- A session by its ticket, held until the transaction ends: its calls are done one after the other.
select * from session where tenant_id = $1 and ticket = $2 for update

-- name: lock_open_session
-- The session that is open, if any.
select * from session where tenant_id = $1 and ended_at is null for update

-- name: add_session
-- A session begins, and its transcript.
with opened as (
    insert into session (session_id, tenant_id, ticket, state, started_at, called_at, calls)
    values ($1, $2, $3, 'authenticated', $4, $4, 1)
)
insert into transcript (tenant_id, session_id, position, at, call, took_ms, note)
values ($2, $1, 1, $4, 'authenticate', 0, $5)

-- name: save_session
-- Where a session stands after a call, and the call in its transcript, as long as that is not endless.
with saved as (
    update session
       set state = $3, called_at = $4, ended_at = $5, sent_at = $6, round_trips = $7, sent = $8, received = $9,
           failed = $10, trouble = $11, plan = $12, answer = $13, answer_hash = $14, error = $15, result = $16,
           calls = calls + ($17::text is not null)::integer
     where tenant_id = $1 and session_id = $2
    returning calls
)
insert into transcript (tenant_id, session_id, position, at, call, took_ms, note)
select $1, $2, calls, $4, $17, $18, $19 from saved where $17::text is not null and calls <= 5000

-- name: get_session
-- One session.
select * from session where tenant_id = $1 and session_id = $2

-- name: transcript
-- The calls of a session, after a position.
select position, at, call, took_ms, note from transcript
 where tenant_id = $1 and session_id = $2 and position > $3
 order by position
 limit $4

-- name: forget_sessions
-- Old sessions, and those in which nothing happened after a shorter while, with their transcripts.
with old as (
    delete from session
     where ended_at < $1 or (ended_at < $2 and sent + received + failed = 0 and error is null)
    returning tenant_id, session_id
)
delete from transcript t using old where t.tenant_id = old.tenant_id and t.session_id = old.session_id

-- name: erase_transcripts
-- Forget a tenant: its transcripts.
delete from transcript where tenant_id = $1

-- name: last_sessions
-- The newest sessions.
select * from session where tenant_id = $1 order by started_at desc, session_id desc limit $2

-- name: silent_sessions
-- Sessions that were left without a word since.
select tenant_id, ticket from session where ended_at is null and called_at < $1 limit $2

-- name: add_set
-- Store a message set before anybody gets it.
insert into message_set (set_id, tenant_id, purpose, state, body, members, session_id, created_at)
values ($1, $2, $3, 'stored', $4, $5, $6, $7)

-- name: next_set
-- What must go next: first what is in doubt, then what was never handed out.
select * from message_set
 where tenant_id = $1 and state in ('stored', 'doubt') and not_in is distinct from $2
 order by (state = 'doubt') desc, position
 limit 1

-- name: count_sets
-- How many records wait in sets that are stored or in doubt.
select coalesce(sum(jsonb_array_length(members)), 0)::bigint as members, count(*) as sets,
       count(*) filter (where state = 'doubt') as doubted
  from message_set
 where tenant_id = $1 and state in ('stored', 'out', 'doubt') and not_in is distinct from $2

-- name: doubted_sets
-- The sets whose outcome is unknown, oldest first, with what they carry.
select set_id, sent_at, members from message_set
 where tenant_id = $1 and state = 'doubt'
 order by position
 limit $2

-- name: end_sets
-- The company file that they were for is the tenant's no more.
update message_set set state = 'cleared', answered_at = coalesce(answered_at, $2)
 where tenant_id = $1 and state <> 'cleared'

-- name: count_books
-- How much of the bound company is known: links by kind, and records that were read.
select kind, count(*) filter (where linked) as links, count(*) filter (where not linked) as records
  from (select kind, true as linked from link where tenant_id = $1
        union all
        select kind, false from seen_entity where tenant_id = $1 and not deleted) as known
 group by kind
 order by kind

-- name: get_set
-- One message set.
select * from message_set where tenant_id = $1 and set_id = $2

-- name: move_set
-- Where a message set stands.
update message_set
   set state = $3, session_id = $4, sent_at = coalesce($5, sent_at), answered_at = coalesce($6, answered_at), not_in = $7
 where tenant_id = $1 and set_id = $2

-- name: count_settled
-- How many sets QuickBooks still keeps a record of, although their outcome is known.
select count(*) filter (where state = 'settled' and purpose = 'write') as settled,
       count(*) filter (where state in ('out', 'doubt')) as open
  from message_set where tenant_id = $1 and state in ('settled', 'out', 'doubt')

-- name: clear_settled
-- QuickBooks forgot them all.
update message_set set state = 'cleared' where tenant_id = $1 and state = 'settled'

-- name: forget_sets
-- Old sets whose outcome is known.
delete from message_set where state in ('settled', 'cleared') and answered_at < $1

-- name: get_cursors
-- How far each list was read.
select name, watermark, moved_at, quiet_at from import_cursor where tenant_id = $1

-- name: put_cursor
-- A list was read up to here.
insert into import_cursor as c (tenant_id, name, watermark, moved_at) values ($1, $2, $3, $4)
on conflict (tenant_id, name) do update
   set watermark = greatest(c.watermark, excluded.watermark),
       moved_at = case when excluded.watermark > c.watermark then excluded.moved_at else c.moved_at end,
       quiet_at = case when excluded.watermark > c.watermark then null when $5 then $4 else c.quiet_at end

-- name: drop_cursors
-- Read everything again.
delete from import_cursor where tenant_id = $1

-- name: seen_tokens
-- Version tokens of records as last seen.
select s.quickbooks_id, s.token from unnest($2::text[], $3::text[]) as wanted (kind, quickbooks_id)
 cross join lateral (select * from seen_entity
                      where tenant_id = $1 and kind = wanted.kind and quickbooks_id = wanted.quickbooks_id limit 1) as s
 where not s.deleted and s.token is not null

-- name: erase_comparison
-- Forget a tenant: what was compared.
delete from comparison where tenant_id = $1

-- name: erase_connector
-- Forget a tenant: its connector user.
delete from connector where tenant_id = $1

-- name: erase_sessions
-- Forget a tenant: its sessions.
delete from session where tenant_id = $1

-- name: erase_sets
-- Forget a tenant: its message sets.
delete from message_set where tenant_id = $1

-- name: waiting
-- How many approved syncs wait for the connector, and what is paused.
select (select count(*) from work_item w
         where w.tenant_id = $1 and w.state in ('pending', 'waiting', 'in_flight')) as waiting,
       array(select p.kind from pause p where p.tenant_id = $1 order by p.kind) as paused

-- name: tenants_awaiting_app
-- Tenants that have handed an import to their app.
select distinct tenant_id from work_item where state = 'in_flight' and awaiting_app_since is not null

-- name: set_marker
-- The company file holds at least this run marker now.
update connector set marker = greatest(marker, $2) where tenant_id = $1

-- name: begin_comparison
-- The file is older than the links: nothing is sent until it was compared.
update connector set compare = 'running', compare_marker = $2 where tenant_id = $1

-- name: open_comparison
-- Compared; an admin decides.
update connector set compare = 'open' where tenant_id = $1

-- name: end_comparison
-- These are the books from now on; with $2 as the marker that they hold.
update connector set compare = null, compare_marker = null, marker = coalesce($2, marker) where tenant_id = $1

-- name: forget_findings
-- A new comparison begins.
delete from comparison where tenant_id = $1

-- name: links_to_compare
-- Linked records that QuickBooks is believed to hold, after a key.
select l.kind, l.app_id, l.quickbooks_id, l.token,
       coalesce(l.sent ->> 'name', l.sent ->> 'number', l.returned ->> 'name', l.returned ->> 'number', l.app_id) as label
  from link l
  left join seen_entity s on s.tenant_id = l.tenant_id and s.kind = l.kind and s.quickbooks_id = l.quickbooks_id
 where l.tenant_id = $1 and (l.kind, l.app_id) > ($2, $3) and not coalesce(s.deleted, false)
 order by l.kind, l.app_id
 limit $4

-- name: add_finding
-- A record that is missing or older in the company file.
insert into comparison (tenant_id, kind, app_id, quickbooks_id, label, finding, token, entity, found_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict do nothing

-- name: findings
-- What was found, after a key.
select * from comparison
 where tenant_id = $1 and (kind, app_id) > ($2, $3)
 order by kind, app_id
 limit $4

-- name: count_findings
-- What was found, per kind and finding.
select kind, finding, count(*) as records, count(*) filter (where choice is null) as undecided,
       (array_agg(label order by label))[1:5] as examples
  from comparison where tenant_id = $1
 group by kind, finding
 order by finding, kind

-- name: undecided
-- Records of a group that nobody decided about, held until the transaction ends.
select * from comparison
 where tenant_id = $1 and finding = $2 and ($3::text is null or kind = $3) and choice is null
 order by kind, app_id
   for update

-- name: choose
-- What an admin chose for a record.
update comparison set choice = $4 where tenant_id = $1 and kind = $2 and app_id = $3
