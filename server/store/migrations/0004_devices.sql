-- What a person is shown of their sessions, and what they end one by. When a session of before began is not known: it counts
-- from now.
alter table sessions add column id blob check (length(id) = 16);
alter table sessions add column made_at_ms integer not null default 0;
alter table sessions add column seen_at_ms integer not null default 0;
alter table sessions add column user_agent text not null default '';

update sessions set id = randomblob(16), made_at_ms = unixepoch() * 1000, seen_at_ms = unixepoch() * 1000;

create unique index sessions_by_id on sessions (id);
create index sessions_by_account on sessions (account, seen_at_ms);
