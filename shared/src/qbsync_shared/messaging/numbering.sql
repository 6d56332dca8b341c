-- The number of outbox rows in the order of commits, as before, but given to all rows of a transaction at once: the
-- first row's trigger numbers them, the others find it done. Rows of other transactions are numbered when they are seen.
create or replace function outbox_number() returns trigger language plpgsql set search_path from current as $$
begin
    perform from outbox where id = new.id and seq is not null;
    if found then
        return null;
    end if;
    perform pg_advisory_xact_lock(hashtext(tg_table_schema || '.outbox'), hashtext(new.tenant_id));
    update outbox o
       set seq = n.seq
      from (select id, nextval('outbox_order') as seq
              from (select id from outbox
                     where id >= new.id and seq is null and tenant_id = new.tenant_id
                     order by id) as waiting) as n
     where o.id = n.id;
    return null;
end $$;
