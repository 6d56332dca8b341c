-- Readings are metered by Intuit: how many calls each company took, per calendar month (UTC; `month` is its first day).
create table read_use (
    tenant_id text   not null,
    month     date   not null,
    calls     bigint not null,
    primary key (tenant_id, month)
);
create index read_use_month on read_use (month);

-- Which workers are alive, so that they can share the companies evenly.
create table worker (
    holder  text primary key,
    seen_at timestamptz not null
);

-- What is settled is kept for a while, for support.
create index call_settled on call (settled_at) where state = 'settled';
