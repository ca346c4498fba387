-- What an invitation is called, by whoever withdraws it: it opens nothing.
alter table invitations add column id blob check (length(id) = 16);
update invitations set id = randomblob(16);
create unique index invitations_by_id on invitations (id);
