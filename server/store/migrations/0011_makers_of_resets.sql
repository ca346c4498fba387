-- Who made a link for another password: it is worth nothing once they are something else, as once its person is.
alter table password_resets add column maker integer references accounts (key);
