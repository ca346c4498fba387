//! Accounts as rows.

use fieldbook_core::id::{UserId, WorkspaceId};
use rusqlite::{Connection, Row, params};

use super::{numbers, query};
use crate::{Account, Place, StoreError, Workspace};

/// The columns that [`parse_account`] takes, from accounts joined with their homes.
macro_rules! select_account {
    ($rest:literal) => {
        concat!(
            "select accounts.id, accounts.name, password_hash, workspaces.id, workspaces.name, members.role from accounts
             left join members on members.account = accounts.key and is_home = 1
             left join workspaces on workspaces.key = members.workspace ",
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
        home: parse_home(row)?,
    })
}

fn parse_home(row: &Row<'_>) -> Result<Option<Place>, StoreError> {
    let Some(role) = row.get(5)? else { return Ok(None) };
    Ok(Some(Place {
        workspace: parse_workspace(row, 3)?,
        role: numbers::parse(role)?,
    }))
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

pub(super) fn insert_account(connection: &Connection, account: &Account) -> Result<(), StoreError> {
    let name_key = name_key(&account.name);
    let sql = "select exists (select 1 from accounts where name_key = ?)";
    if query::number(connection, sql, [&name_key])? != 0 {
        return Err(StoreError::Taken("the name"));
    }
    let sql = "insert into accounts (id, name, name_key, password_hash) values (?, ?, ?, ?)";
    let values = params![account.id.0, account.name, name_key, account.password_hash];
    query::execute(connection, sql, values)?;
    let Some(home) = &account.home else { return Ok(()) };
    let sql = "insert into members (workspace, account, role, is_home)
         select workspaces.key, accounts.key, ?, 1 from workspaces, accounts where workspaces.id = ? and accounts.id = ?";
    let values = params![numbers::of(home.role), home.workspace.id.0, account.id.0];
    if !query::execute(connection, sql, values)? {
        return Err(StoreError::Conflict("there is no such workspace".into()));
    }
    Ok(())
}
