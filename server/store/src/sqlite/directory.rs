//! [`Directory`] on SQLite.

use async_trait::async_trait;
use fieldbook_core::id::{DocumentId, UserId, WorkspaceId};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::SqliteStore;
use super::accounts::{
    AccountRow, insert_account, name_key, parse_account, parse_role, parse_workspace, role_number, select_account,
};
use super::documents::parse_id;
use super::error::damaged;
use crate::{Account, Directory, DocumentEntry, Invitation, SignInSession, StoreError, Workspace};

#[async_trait]
impl Directory for SqliteStore {
    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        if let Some(secret) = self.read_secret(name).await? {
            return Ok(secret);
        }
        let owned = name.to_owned();
        let write = self.writer.write(move |connection| {
            Box::pin(async move {
                // Another process may have been faster: then its secret stays.
                let query = sqlx::query("insert or ignore into secrets (name, bytes) values (?, ?)");
                query.bind(owned).bind(&fresh[..]).execute(connection).await?;
                Ok(true)
            })
        });
        write.await?;
        self.read_secret(name)
            .await?
            .ok_or_else(|| damaged("a secret that was just stored"))
    }

    async fn first_workspace(&self) -> Result<Option<Workspace>, StoreError> {
        let query = sqlx::query_as("select id, name from workspaces order by key limit 1");
        query
            .fetch_optional(&self.readers)
            .await?
            .map(parse_workspace)
            .transpose()
    }

    async fn create_workspace(&self, workspace: Workspace) -> Result<(), StoreError> {
        let write = self.writer.write(move |connection| {
            Box::pin(async move {
                let query = sqlx::query("insert into workspaces (id, name) values (?, ?)");
                query
                    .bind(&workspace.id.0.as_bytes()[..])
                    .bind(workspace.name)
                    .execute(connection)
                    .await?;
                Ok(true)
            })
        });
        write.await.map(|_| ())
    }

    async fn rename_workspace(&self, id: WorkspaceId, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        let write = self.writer.write(move |connection| {
            Box::pin(async move {
                let query = sqlx::query("update workspaces set name = ? where id = ?");
                let updated = query.bind(name).bind(&id.0.as_bytes()[..]).execute(connection).await?;
                Ok(updated.rows_affected() > 0)
            })
        });
        found(write.await?, "workspace")
    }

    async fn count_sign_in_accounts(&self) -> Result<u64, StoreError> {
        let query = sqlx::query_scalar("select count(*) from accounts where password_hash is not null");
        let count: i64 = query.fetch_one(&self.readers).await?;
        Ok(count.cast_unsigned())
    }

    async fn create_account(&self, account: Account) -> Result<(), StoreError> {
        let write = self.writer.write(move |connection| {
            Box::pin(async move { insert_account(connection, &account).await.map(|()| true) })
        });
        write.await.map(|_| ())
    }

    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let query = sqlx::query_as::<_, AccountRow>(select_account!("where name_key = ?")).bind(name_key(name));
        query
            .fetch_optional(&self.readers)
            .await?
            .map(parse_account)
            .transpose()
    }

    async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        let query = sqlx::query_as::<_, AccountRow>(select_account!("where accounts.id = ?"));
        query
            .bind(&id.0.as_bytes()[..])
            .fetch_optional(&self.readers)
            .await?
            .map(parse_account)
            .transpose()
    }

    async fn create_session(&self, session: SignInSession, now_ms: i64) -> Result<(), StoreError> {
        let write = self.writer.write(move |connection| {
            Box::pin(async move {
                let query = sqlx::query("delete from sessions where expires_at_ms <= ?");
                query.bind(now_ms).execute(&mut *connection).await?;
                let query = sqlx::query(
                    "insert into sessions (secret_hash, account, expires_at_ms)
                     select ?, key, ? from accounts where id = ?",
                );
                let query = query.bind(&session.secret_hash[..]).bind(session.expires_at_ms);
                let inserted = query.bind(&session.user.0.as_bytes()[..]).execute(connection).await?;
                Ok(inserted.rows_affected() > 0)
            })
        });
        found(write.await?, "account")
    }

    async fn session_account(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<Account>, StoreError> {
        let query = sqlx::query_as::<_, AccountRow>(select_account!(
            "join sessions on sessions.account = accounts.key where secret_hash = ? and expires_at_ms > ?"
        ));
        let row = query
            .bind(&secret_hash[..])
            .bind(now_ms)
            .fetch_optional(&self.readers)
            .await?;
        row.map(parse_account).transpose()
    }

    async fn delete_session(&self, secret_hash: [u8; 32]) -> Result<(), StoreError> {
        let write = self.writer.write(move |connection| {
            Box::pin(async move {
                let query = sqlx::query("delete from sessions where secret_hash = ?");
                query.bind(&secret_hash[..]).execute(connection).await?;
                Ok(true)
            })
        });
        write.await.map(|_| ())
    }

    async fn create_invitation(&self, invitation: Invitation, now_ms: i64) -> Result<(), StoreError> {
        let write = self.writer.write(move |connection| {
            Box::pin(async move {
                let query = sqlx::query("delete from invitations where expires_at_ms <= ?");
                query.bind(now_ms).execute(&mut *connection).await?;
                let query = sqlx::query(
                    "insert into invitations (secret_hash, workspace, role, expires_at_ms)
                     select ?, key, ?, ? from workspaces where id = ?",
                );
                let query = query
                    .bind(&invitation.secret_hash[..])
                    .bind(role_number(invitation.role));
                let query = query
                    .bind(invitation.expires_at_ms)
                    .bind(&invitation.workspace.id.0.as_bytes()[..]);
                Ok(query.execute(connection).await?.rows_affected() > 0)
            })
        });
        found(write.await?, "workspace")
    }

    async fn invitation(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<Invitation>, StoreError> {
        let query = sqlx::query_as::<_, (Vec<u8>, String, i64, i64)>(
            "select workspaces.id, workspaces.name, role, expires_at_ms from invitations
             join workspaces on workspaces.key = invitations.workspace
             where secret_hash = ? and expires_at_ms > ?",
        );
        let row = query
            .bind(&secret_hash[..])
            .bind(now_ms)
            .fetch_optional(&self.readers)
            .await?;
        let Some((workspace, name, role, expires_at_ms)) = row else {
            return Ok(None);
        };
        let (workspace, role) = (parse_workspace((workspace, name))?, parse_role(role)?);
        Ok(Some(Invitation {
            secret_hash,
            workspace,
            role,
            expires_at_ms,
        }))
    }

    async fn accept_invitation(
        &self,
        secret_hash: [u8; 32],
        account: Account,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let write = self
            .writer
            .write(move |connection| Box::pin(async move { accept(connection, secret_hash, &account, now_ms).await }));
        write.await
    }

    async fn list_documents(&self, workspace: WorkspaceId, archived: bool) -> Result<Vec<DocumentEntry>, StoreError> {
        let query = sqlx::query_as::<_, EntryRow>(select_entry!(
            "where workspaces.id = ? and (archived_at_ms is not null) = ?
             order by changed_at_ms desc, documents.key desc"
        ));
        let rows = query
            .bind(&workspace.0.as_bytes()[..])
            .bind(archived)
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(parse_entry).collect()
    }

    async fn document(&self, id: DocumentId) -> Result<Option<DocumentEntry>, StoreError> {
        let query = sqlx::query_as::<_, EntryRow>(select_entry!("where documents.id = ?"));
        query
            .bind(&id.as_bytes()[..])
            .fetch_optional(&self.readers)
            .await?
            .map(parse_entry)
            .transpose()
    }

    async fn set_archived(&self, id: DocumentId, archived_at_ms: Option<i64>) -> Result<(), StoreError> {
        let write = self.writer.write(move |connection| {
            Box::pin(async move {
                let query = sqlx::query("update documents set archived_at_ms = ? where id = ?");
                let updated = query
                    .bind(archived_at_ms)
                    .bind(&id.as_bytes()[..])
                    .execute(connection)
                    .await?;
                Ok(updated.rows_affected() > 0)
            })
        });
        found(write.await?, "document")
    }

    async fn set_summary(&self, id: DocumentId, title: Option<&str>, changed_at_ms: i64) -> Result<(), StoreError> {
        let title = title.map(str::to_owned);
        let write = self.writer.write(move |connection| {
            Box::pin(async move {
                let query =
                    sqlx::query("update documents set title = coalesce(?, title), changed_at_ms = ? where id = ?");
                let query = query.bind(title).bind(changed_at_ms).bind(&id.as_bytes()[..]);
                Ok(query.execute(connection).await?.rows_affected() > 0)
            })
        });
        found(write.await?, "document")
    }
}

impl SqliteStore {
    async fn read_secret(&self, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
        let query = sqlx::query_scalar::<_, Vec<u8>>("select bytes from secrets where name = ?").bind(name);
        let bytes = query.fetch_optional(&self.readers).await?;
        bytes
            .map(|bytes| bytes.try_into().map_err(|_| damaged("a secret")))
            .transpose()
    }
}

fn found(found: bool, what: &str) -> Result<(), StoreError> {
    if found {
        Ok(())
    } else {
        Err(StoreError::Conflict(format!("there is no such {what}")))
    }
}

/// An error undoes all of it, so that a name that is taken leaves the invitation good.
async fn accept(
    connection: &mut SqliteConnection,
    secret_hash: [u8; 32],
    account: &Account,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let query = sqlx::query_as::<_, (Vec<u8>, i64)>(
        "delete from invitations where secret_hash = ? and expires_at_ms > ?
         returning (select id from workspaces where key = workspace), role",
    );
    let used = query
        .bind(&secret_hash[..])
        .bind(now_ms)
        .fetch_optional(&mut *connection)
        .await?;
    let Some((workspace, role)) = used else {
        return Ok(false);
    };
    if workspace != account.workspace.id.0.as_bytes() || parse_role(role)? != account.role {
        return Err(StoreError::Conflict(
            "the invitation is for another workspace or role".into(),
        ));
    }
    insert_account(connection, account).await?;
    Ok(true)
}

/// The columns of [`EntryRow`].
macro_rules! select_entry {
    ($rest:literal) => {
        concat!(
            "select documents.id, workspaces.id, kind, title, accounts.name, created_at_ms, changed_at_ms,
                    archived_at_ms
             from documents
             join workspaces on workspaces.key = documents.workspace
             join accounts on accounts.key = documents.creator ",
            $rest
        )
    };
}
use select_entry;

type EntryRow = (Vec<u8>, Vec<u8>, Option<String>, String, String, i64, i64, Option<i64>);

fn parse_entry(row: EntryRow) -> Result<DocumentEntry, StoreError> {
    let (id, workspace, kind, title, created_by, created_at_ms, changed_at_ms, archived_at_ms) = row;
    Ok(DocumentEntry {
        id: parse_id(id)?,
        workspace: WorkspaceId(Uuid::from_slice(&workspace).map_err(damaged)?),
        kind,
        title,
        created_by,
        created_at_ms,
        changed_at_ms,
        archived_at_ms,
    })
}
