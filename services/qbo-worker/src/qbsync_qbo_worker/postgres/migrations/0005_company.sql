-- What a company's books ask of each document; read anew of those that are connected.
alter table connection add column country text;
alter table connection add column currency text;
alter table connection add column several_currencies boolean not null default false;
update connection set company_name = null;
