-- What was done, by whom and to whom, under the names that they had then: so there are no references to other tables.
-- Entries are in the order in which they were written; the clock may have been set back in between.
create table audit_log (
    key integer primary key autoincrement,
    at_ms integer not null,
    -- Of which workspace; null for what belongs to none.
    workspace blob check (length(workspace) = 16),
    action text not null,
    actor_id text,
    actor_name text,
    -- By what the actor showed who they are.
    credential text not null,
    subject_id text,
    subject_name text,
    detail text,
    address text
);

create index audit_log_by_workspace on audit_log (workspace, key);
create index audit_log_of_refusals on audit_log (at_ms) where action = 'sign_in_refused';

create trigger audit_log_is_not_changed before update on audit_log
begin
    select raise(abort, 'the audit log is append-only');
end;

create trigger audit_log_is_not_deleted before delete on audit_log
begin
    select raise(abort, 'the audit log is append-only');
end;

-- `insert or replace` deletes without the trigger above.
create trigger audit_log_is_not_replaced before insert on audit_log
when exists (select 1 from audit_log where key = new.key)
begin
    select raise(abort, 'the audit log is append-only');
end;
