-- Ids are raw bytes; times are milliseconds since 1970.

create table workspaces (
    key integer primary key,
    id blob not null unique check (length(id) = 16),
    name text not null
);

create table accounts (
    key integer primary key,
    id blob not null unique check (length(id) = 16),
    name text not null,
    -- The name in lower case (all of Unicode, which SQLite's own NOCASE is not).
    name_key text not null unique,
    password_hash text,
    workspace integer not null references workspaces (key),
    -- 0 viewer, 1 editor, 2 owner
    role integer not null check (role between 0 and 2)
);

create table secrets (
    name text primary key,
    bytes blob not null check (length(bytes) = 32)
) without rowid;

create table sessions (
    secret_hash blob primary key check (length(secret_hash) = 32),
    account integer not null references accounts (key),
    expires_at_ms integer not null
) without rowid;

create index sessions_by_expiry on sessions (expires_at_ms);

create table invitations (
    secret_hash blob primary key check (length(secret_hash) = 32),
    workspace integer not null references workspaces (key),
    role integer not null check (role between 0 and 2),
    expires_at_ms integer not null
) without rowid;

create table documents (
    key integer primary key,
    id blob not null unique check (length(id) = 16),
    workspace integer not null references workspaces (key),
    creator integer not null references accounts (key),
    kind text,
    title text not null,
    created_at_ms integer not null,
    changed_at_ms integer not null,
    archived_at_ms integer
);

create index documents_by_change on documents (workspace, changed_at_ms);

-- One row per change: the tail, and what is retained of the archive.
create table changes (
    document integer not null references documents (key),
    position integer not null check (position > 0),
    bytes blob not null,
    primary key (document, position)
) without rowid;

-- What is known of an archive; its bytes are in a table of their own, so that reading this row does not read them.
create table archives (
    document integer primary key references documents (key),
    position integer not null check (position > 0),
    heads blob not null,
    clock blob not null,
    size integer not null,
    retained_position integer not null,
    retained_heads blob not null,
    -- What must be known of its changes to say whether a new one is harmless.
    admission_index blob not null
);

create table archive_bytes (
    document integer primary key references documents (key),
    bytes blob not null
);

-- Which changes the archive contains, and where. Rows are written before the archive that contains them takes its place:
-- until then their position is greater than the archive's, and they do not count.
create table archived_changes (
    document integer not null references documents (key),
    hash blob not null check (length(hash) = 32),
    position integer not null,
    primary key (document, hash)
) without rowid;
