-- How often in a row the answer to a reading did not arrive: the next ones ask for less at a time.
alter table connector add column lost_reads int not null default 0;
