-- Up to which change the list's copy of the title is right. Behind the log: it has to be read again. What is there already
-- is taken for right: reading it anew would say that all documents had just been changed.
alter table documents add column summarised_up_to integer not null default 0;

update documents set summarised_up_to = coalesce(
    (select max(position) from changes where document = documents.key),
    (select position from archives where document = documents.key),
    0);
