//! [`Directory`] on SQLite.

use async_trait::async_trait;
use fieldbook_core::id::{DocumentId, UserId, WorkspaceId};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::accounts::{insert_account, name_key, parse_account, parse_workspace, select_account};
use super::documents::{find_key, parse_id};
use super::error::damaged;
use super::{SqliteStore, numbers, query};
use crate::{Account, AuditEvent, Directory, DocumentEntry, Invitation, SignInSession, StoreError, Workspace};

#[async_trait]
impl Directory for SqliteStore {
    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        if let Some(secret) = self.read_secret(name).await? {
            return Ok(secret);
        }
        let owned = name.to_owned();
        let write = self.writer.write(move |connection| {
            // Another process may have been faster: then its secret stays.
            let sql = "insert or ignore into secrets (name, bytes) values (?, ?)";
            query::execute(connection, sql, params![owned, fresh])
        });
        write.await?;
        self.read_secret(name)
            .await?
            .ok_or_else(|| damaged("a secret that was just stored"))
    }

    async fn first_workspace(&self) -> Result<Option<Workspace>, StoreError> {
        let read = self.readers.read(|snapshot| {
            let sql = "select id, name from workspaces order by key limit 1";
            query::first(snapshot, sql, [], |row| parse_workspace(row, 0))
        });
        read.await
    }

    async fn workspace(&self, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = "select id, name from workspaces where id = ?";
            query::first(snapshot, sql, [id.0], |row| parse_workspace(row, 0))
        });
        read.await
    }

    async fn create_workspace(&self, workspace: Workspace) -> Result<(), StoreError> {
        let write = self
            .writer
            .write(move |connection| insert_workspace(connection, &workspace));
        write.await.map(|_| ())
    }

    async fn rename_workspace(&self, id: WorkspaceId, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        let write = self.writer.write(move |connection| {
            let sql = "update workspaces set name = ? where id = ?";
            query::execute(connection, sql, params![name, id.0])
        });
        found(write.await?, "workspace")
    }

    async fn count_sign_in_accounts(&self) -> Result<u64, StoreError> {
        let read = self.readers.read(|snapshot| {
            let sql = "select count(*) from accounts where password_hash is not null";
            query::number(snapshot, sql, [])
        });
        Ok(read.await?.cast_unsigned())
    }

    async fn create_account(&self, account: Account) -> Result<(), StoreError> {
        let write = self
            .writer
            .write(move |connection| insert_account(connection, &account).map(|()| true));
        write.await.map(|_| ())
    }

    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let key = name_key(name);
        let read = self
            .readers
            .read(move |snapshot| query::first(snapshot, select_account!("where name_key = ?"), [key], parse_account));
        read.await
    }

    async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = select_account!("where accounts.id = ?");
            query::first(snapshot, sql, [id.0], parse_account)
        });
        read.await
    }

    async fn create_session(&self, session: SignInSession, now_ms: i64, event: AuditEvent) -> Result<(), StoreError> {
        let write = self.write_audited(event, move |connection| {
            let sql = "delete from sessions where expires_at_ms <= ?";
            query::execute(connection, sql, [now_ms])?;
            let sql = "insert into sessions
                     (secret_hash, account, expires_at_ms, id, user_agent, made_at_ms, seen_at_ms, rotated_at_ms)
                 select ?1, key, ?2, ?3, ?4, ?5, ?5, ?5 from accounts where id = ?6";
            let values = params![
                session.secret_hash,
                session.expires_at_ms,
                session.id.0,
                session.user_agent,
                now_ms,
                session.user.0
            ];
            query::execute(connection, sql, values)
        });
        found(write.await?, "account")
    }

    async fn session_account(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<Account>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = select_account!(
                "join sessions on sessions.account = accounts.key where (secret_hash = ?1 or next_hash = ?1 or previous_hash = ?1) and expires_at_ms > ?2"
            );
            query::first(snapshot, sql, params![secret_hash, now_ms], parse_account)
        });
        read.await
    }

    async fn delete_session(&self, secret_hash: [u8; 32], event: AuditEvent) -> Result<(), StoreError> {
        let write = self.write_audited(event, move |connection| {
            let sql = "delete from sessions where secret_hash = ?1 or next_hash = ?1 or previous_hash = ?1";
            query::execute(connection, sql, [secret_hash])
        });
        write.await.map(|_| ())
    }

    async fn create_invitation(
        &self,
        invitation: Invitation,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<(), StoreError> {
        let write = self.write_audited(event, move |connection| {
            let sql = "delete from invitations where expires_at_ms <= ?";
            query::execute(connection, sql, [now_ms])?;
            let sql = "insert into invitations (secret_hash, workspace, role, expires_at_ms, id)
                 select ?, key, ?, ?, ? from workspaces where id = ?";
            let values = params![
                invitation.secret_hash,
                numbers::of(invitation.role),
                invitation.expires_at_ms,
                invitation.id,
                invitation.workspace.id.0
            ];
            query::execute(connection, sql, values)
        });
        found(write.await?, "workspace")
    }

    async fn invitation(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<Invitation>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = select_invitation!("where secret_hash = ? and expires_at_ms > ?");
            query::first(snapshot, sql, params![secret_hash, now_ms], parse_invitation)
        });
        read.await
    }

    async fn invitations(&self, workspace: WorkspaceId, now_ms: i64) -> Result<Vec<Invitation>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = select_invitation!("where workspaces.id = ? and expires_at_ms > ? order by expires_at_ms");
            query::all(snapshot, sql, params![workspace.0, now_ms], parse_invitation)
        });
        read.await
    }

    async fn withdraw_invitation(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        let write = self.write_audited(event, move |connection| {
            let sql = "delete from invitations
                 where id = ? and workspace = (select key from workspaces where id = ?)";
            query::execute(connection, sql, params![id, workspace.0])
        });
        write.await
    }

    async fn accept_invitation(
        &self,
        secret_hash: [u8; 32],
        account: Account,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        let write = self.write_audited(event, move |connection| {
            accept(connection, secret_hash, &account, now_ms)
        });
        write.await
    }

    async fn document(&self, id: DocumentId) -> Result<Option<DocumentEntry>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = select_entry!("where documents.id = ?");
            query::first(snapshot, sql, [id.as_bytes()], parse_entry)
        });
        read.await
    }

    async fn set_summary(
        &self,
        id: DocumentId,
        title: Option<&str>,
        changed_at_ms: i64,
        up_to: u64,
    ) -> Result<(), StoreError> {
        let title = title.map(str::to_owned);
        let write = self.writer.write(move |connection| {
            let sql = "update documents set title = coalesce(?1, title), changed_at_ms = ?2, summarised_up_to = ?3
                 where id = ?4 and summarised_up_to <= ?3 and purged_at_ms is null";
            let values = params![title, changed_at_ms, up_to.cast_signed(), id.as_bytes()];
            Ok(query::execute(connection, sql, values)? || find_key(connection, id)?.is_some())
        });
        found(write.await?, "document")
    }

    async fn behind_in_the_list(&self) -> Result<Vec<(DocumentId, u64)>, StoreError> {
        let read = self.readers.read(|snapshot| {
            let sql = "select id, last from (select id, summarised_up_to, coalesce(
                     (select max(position) from changes where document = key),
                     (select position from archives where document = key),
                     0) as last from documents)
                 where summarised_up_to < last";
            query::all(snapshot, sql, [], |row| {
                Ok((parse_id(row)?, row.get::<_, i64>(1)?.cast_unsigned()))
            })
        });
        read.await
    }
}

impl SqliteStore {
    async fn read_secret(&self, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
        let name = name.to_owned();
        let read = self.readers.read(move |snapshot| {
            let sql = "select bytes from secrets where name = ?";
            query::first(snapshot, sql, [name], |row| Ok(row.get(0)?))
        });
        read.await
    }
}

pub(super) fn insert_workspace(connection: &Connection, workspace: &Workspace) -> Result<bool, StoreError> {
    let sql = "insert into workspaces (id, name) values (?, ?)";
    query::execute(connection, sql, params![workspace.id.0, workspace.name])
}

pub(super) fn found(found: bool, what: &str) -> Result<(), StoreError> {
    if found {
        Ok(())
    } else {
        Err(StoreError::Conflict(format!("there is no such {what}")))
    }
}

/// An error undoes all of it, so that a name that is taken leaves the invitation good.
fn accept(connection: &Connection, secret_hash: [u8; 32], account: &Account, now_ms: i64) -> Result<bool, StoreError> {
    let sql = "delete from invitations where secret_hash = ? and expires_at_ms > ?
         returning (select id from workspaces where key = workspace), role";
    let used = query::first(connection, sql, params![secret_hash, now_ms], |row| {
        Ok((WorkspaceId(row.get(0)?), numbers::parse(row.get(1)?)?))
    })?;
    let Some(used) = used else {
        return Ok(false);
    };
    if account.home.as_ref().map(|home| (home.workspace.id, home.role)) != Some(used) {
        return Err(StoreError::Conflict(
            "the invitation is for another workspace or role".into(),
        ));
    }
    insert_account(connection, account)?;
    Ok(true)
}

/// The columns that [`parse_entry`] takes.
macro_rules! select_entry {
    ($rest:literal) => {
        concat!(
            "select documents.id, workspaces.id, kind, title, accounts.name, created_at_ms, changed_at_ms,
                    archived_at_ms, trashed_at_ms, visibility, state
             from documents
             join workspaces on workspaces.key = documents.workspace
             join accounts on accounts.key = documents.creator ",
            $rest
        )
    };
}
pub(super) use select_entry;

pub(super) fn parse_entry(row: &Row<'_>) -> Result<DocumentEntry, StoreError> {
    Ok(DocumentEntry {
        id: parse_id(row)?,
        workspace: WorkspaceId(row.get(1)?),
        kind: row.get(2)?,
        title: row.get(3)?,
        created_by: row.get(4)?,
        created_at_ms: row.get(5)?,
        changed_at_ms: row.get(6)?,
        archived_at_ms: row.get(7)?,
        trashed_at_ms: row.get(8)?,
        visibility: numbers::parse(row.get(9)?)?,
        state: numbers::parse(row.get(10)?)?,
    })
}

/// The columns that [`parse_invitation`] takes.
macro_rules! select_invitation {
    ($rest:literal) => {
        concat!(
            "select workspaces.id, workspaces.name, secret_hash, role, expires_at_ms, invitations.id from invitations
             join workspaces on workspaces.key = invitations.workspace ",
            $rest
        )
    };
}
use select_invitation;

fn parse_invitation(row: &Row<'_>) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        workspace: parse_workspace(row, 0)?,
        secret_hash: row.get(2)?,
        role: numbers::parse(row.get(3)?)?,
        expires_at_ms: row.get(4)?,
        id: row.get(5)?,
    })
}
