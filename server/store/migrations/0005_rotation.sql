-- A session's secret is exchanged now and then. The next one is offered to the browser, and takes the place of the old one when
-- it comes back; the old one is good for a little longer, since requests run side by side. Used later, somebody has a copy.
alter table sessions add column rotated_at_ms integer not null default 0;
alter table sessions add column next_hash blob check (length(next_hash) = 32);
alter table sessions add column next_at_ms integer not null default 0;
alter table sessions add column previous_hash blob check (length(previous_hash) = 32);
alter table sessions add column previous_until_ms integer not null default 0;

update sessions set rotated_at_ms = made_at_ms;

create unique index sessions_by_next on sessions (next_hash);
create unique index sessions_by_previous on sessions (previous_hash);
