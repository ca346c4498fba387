-- People whom another application knows and vouches for: who signed their tokens (iss), and what they are called there (sub).
create table external_accounts (
    issuer text not null,
    subject text not null,
    account integer not null references accounts (key),
    primary key (issuer, subject)
) without rowid;
