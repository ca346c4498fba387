-- Who may do what. Roles on documents: 0 viewer, 1 commenter, 2 editor, 3 owner. In a workspace: 0 guest, 1 member, 2 admin,
-- 3 owner. Visibility: 0 workspace, 1 private.

-- What members may do with documents that the workspace sees, and who sees a new one.
alter table workspaces add column default_role integer not null default 2 check (default_role between 0 and 3);
alter table workspaces add column new_documents integer not null default 0 check (new_documents between 0 and 1);

create table members (
    workspace integer not null references workspaces (key),
    account integer not null references accounts (key),
    role integer not null check (role between 0 and 3),
    -- Where documents go that the person brings without saying where: one of those in which they are.
    is_home integer not null default 0 check (is_home between 0 and 1),
    primary key (workspace, account)
) without rowid;

create index members_by_account on members (account);
create unique index homes on members (account) where is_home = 1;

create table groups (
    key integer primary key,
    id blob not null unique check (length(id) = 16),
    workspace integer not null references workspaces (key),
    name text not null,
    -- In lower case, all of Unicode.
    name_key text not null,
    unique (workspace, name_key)
);

create table group_members (
    "group" integer not null references groups (key) on delete cascade,
    account integer not null references accounts (key),
    primary key ("group", account)
) without rowid;

create index group_members_by_account on group_members (account);

create table user_grants (
    document integer not null references documents (key),
    account integer not null references accounts (key),
    role integer not null check (role between 0 and 3),
    primary key (document, account)
) without rowid;

create index user_grants_by_account on user_grants (account);

create table group_grants (
    document integer not null references documents (key),
    "group" integer not null references groups (key) on delete cascade,
    role integer not null check (role between 0 and 3),
    primary key (document, "group")
) without rowid;

create index group_grants_by_group on group_grants ("group");

alter table documents add column visibility integer not null default 0 check (visibility between 0 and 1);
alter table documents add column trashed_at_ms integer;
-- Its bytes are gone; the row stays, so that nobody brings it back.
alter table documents add column purged_at_ms integer;
-- 0 in use, 1 archived, 2 trashed, 3 purged
alter table documents add column state integer generated always as (case
    when purged_at_ms is not null then 3
    when trashed_at_ms is not null then 2
    when archived_at_ms is not null then 1
    else 0 end) virtual;

-- An owner stays one, an editor becomes a member, a viewer a guest who views what there is.
insert into members (workspace, account, role, is_home)
    select workspace, key, case role when 2 then 3 else role end, 1 from accounts;
insert into user_grants (document, account, role)
    select documents.key, accounts.key, 0 from documents
    join accounts on accounts.workspace = documents.workspace where accounts.role = 0;
-- Who made a document owns it, if they may write it still.
insert into user_grants (document, account, role)
    select documents.key, accounts.key, 3 from documents
    join accounts on accounts.key = documents.creator and accounts.workspace = documents.workspace
    where accounts.role > 0;

alter table accounts drop column workspace;
alter table accounts drop column role;

alter table invitations add column member_role integer not null default 0 check (member_role between 0 and 3);
update invitations set member_role = case role when 2 then 3 else role end;
alter table invitations drop column role;
alter table invitations rename column member_role to role;
