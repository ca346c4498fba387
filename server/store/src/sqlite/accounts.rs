//! Accounts as rows.

use fieldbook_core::id::{UserId, WorkspaceId};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::error::damaged;
use crate::{Account, Role, StoreError, Workspace};

/// The columns of [`AccountRow`], from accounts joined with their workspaces.
macro_rules! select_account {
    ($rest:literal) => {
        concat!(
            "select accounts.id, accounts.name, password_hash, workspaces.id, workspaces.name, role from accounts
             join workspaces on workspaces.key = accounts.workspace ",
            $rest
        )
    };
}
pub(super) use select_account;

pub(super) type AccountRow = (Vec<u8>, String, Option<String>, Vec<u8>, String, i64);

pub(super) fn parse_account(row: AccountRow) -> Result<Account, StoreError> {
    let (id, name, password_hash, workspace, workspace_name, role) = row;
    Ok(Account {
        id: UserId(Uuid::from_slice(&id).map_err(damaged)?),
        name,
        password_hash,
        workspace: parse_workspace((workspace, workspace_name))?,
        role: parse_role(role)?,
    })
}

pub(super) fn parse_workspace((id, name): (Vec<u8>, String)) -> Result<Workspace, StoreError> {
    Ok(Workspace {
        id: WorkspaceId(Uuid::from_slice(&id).map_err(damaged)?),
        name,
    })
}

/// All of Unicode, where SQLite's own comparison without case knows ASCII only.
pub(super) fn name_key(name: &str) -> String {
    name.to_lowercase()
}

pub(super) fn role_number(role: Role) -> i64 {
    match role {
        Role::Viewer => 0,
        Role::Editor => 1,
        Role::Owner => 2,
    }
}

pub(super) fn parse_role(number: i64) -> Result<Role, StoreError> {
    match number {
        0 => Ok(Role::Viewer),
        1 => Ok(Role::Editor),
        2 => Ok(Role::Owner),
        _ => Err(damaged("a role")),
    }
}

pub(super) async fn insert_account(connection: &mut SqliteConnection, account: &Account) -> Result<(), StoreError> {
    let taken: bool = sqlx::query_scalar("select exists (select 1 from accounts where name_key = ?)")
        .bind(name_key(&account.name))
        .fetch_one(&mut *connection)
        .await?;
    if taken {
        return Err(StoreError::Taken("the name"));
    }
    let inserted = sqlx::query(
        "insert into accounts (id, name, name_key, password_hash, workspace, role)
         select ?, ?, ?, ?, key, ? from workspaces where id = ?",
    )
    .bind(&account.id.0.as_bytes()[..])
    .bind(&account.name)
    .bind(name_key(&account.name))
    .bind(account.password_hash.as_deref())
    .bind(role_number(account.role))
    .bind(&account.workspace.id.0.as_bytes()[..])
    .execute(connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(StoreError::Conflict("there is no such workspace".into()));
    }
    Ok(())
}
