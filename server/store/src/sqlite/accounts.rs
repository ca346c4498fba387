//! Accounts as rows.

use fieldbook_core::id::{UserId, WorkspaceId};
use rusqlite::{Connection, Row, params};

use super::error::damaged;
use super::query;
use crate::{Account, Role, StoreError, Workspace};

/// The columns that [`parse_account`] takes, from accounts joined with their workspaces.
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

pub(super) fn parse_account(row: &Row<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        id: UserId(row.get(0)?),
        name: row.get(1)?,
        password_hash: row.get(2)?,
        workspace: parse_workspace(row, 3)?,
        role: parse_role(row.get(5)?)?,
    })
}

/// From its id and, in the column after it, its name.
pub(super) fn parse_workspace(row: &Row<'_>, column: usize) -> Result<Workspace, StoreError> {
    Ok(Workspace {
        id: WorkspaceId(row.get(column)?),
        name: row.get(column + 1)?,
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

pub(super) fn insert_account(connection: &Connection, account: &Account) -> Result<(), StoreError> {
    let name_key = name_key(&account.name);
    let sql = "select exists (select 1 from accounts where name_key = ?)";
    if query::number(connection, sql, [&name_key])? != 0 {
        return Err(StoreError::Taken("the name"));
    }
    let sql = "insert into accounts (id, name, name_key, password_hash, workspace, role)
         select ?, ?, ?, ?, key, ? from workspaces where id = ?";
    let values = params![
        account.id.0,
        account.name,
        name_key,
        account.password_hash,
        role_number(account.role),
        account.workspace.id.0
    ];
    if !query::execute(connection, sql, values)? {
        return Err(StoreError::Conflict("there is no such workspace".into()));
    }
    Ok(())
}
