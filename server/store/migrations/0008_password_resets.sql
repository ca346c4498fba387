-- Links with which people give themselves another password. A person has one at most: a new one takes the place of the old.
create table password_resets (
    account integer primary key references accounts (key),
    secret_hash blob not null unique check (length(secret_hash) = 32),
    expires_at_ms integer not null
);
