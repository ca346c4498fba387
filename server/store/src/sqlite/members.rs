//! Who is in a workspace, as rows.

use fieldbook_core::access::WorkspaceRole;
use fieldbook_core::id::{DocumentId, UserId, WorkspaceId};
use rusqlite::{Connection, params};

use super::documents::parse_id;
use super::identities::end_password_resets;
use super::memberships::not_permitted;
use super::{numbers, query};
use crate::{StoreError, Touched};

/// `most`: neither what they were nor what they are to be is above it.
pub(super) fn set_member(
    connection: &Connection,
    workspace: WorkspaceId,
    most: WorkspaceRole,
    user: UserId,
    role: Option<WorkspaceRole>,
) -> Result<Touched, StoreError> {
    let sql =
        "select workspaces.key, accounts.key from workspaces, accounts where workspaces.id = ? and accounts.id = ?";
    let keys = query::first(connection, sql, params![workspace.0, user.0], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    })?;
    let keys = keys.ok_or_else(|| StoreError::Conflict("there is no such workspace or person".into()))?;
    let sql = "select role from members where workspace = ? and account = ?";
    let before = query::first(connection, sql, keys, |row| {
        numbers::parse::<WorkspaceRole>(row.get(0)?)
    })?;
    if before.max(role) > Some(most) {
        return Err(not_permitted());
    }
    if before != role {
        end_password_resets(connection, user)?;
    }
    let mut touched = Touched {
        users: vec![user],
        documents: Vec::new(),
    };
    match role {
        Some(role) => {
            let sql = "insert into members (workspace, account, role, is_home)
                 values (?1, ?2, ?3, not exists (select 1 from members where account = ?2))
                 on conflict (workspace, account) do update set role = excluded.role";
            query::execute(connection, sql, params![keys.0, keys.1, numbers::of(role)])?;
        }
        None => touched.documents = remove(connection, keys)?,
    }
    let sql = "select exists (select 1 from members where workspace = ? and role = 3)";
    if before == Some(WorkspaceRole::Owner) && query::number(connection, sql, [keys.0])? == 0 {
        return Err(StoreError::Conflict(
            "a workspace needs an owner; make somebody else one first".into(),
        ));
    }
    Ok(touched)
}

/// Says of which documents grants are gone.
fn remove(connection: &Connection, keys: (i64, i64)) -> Result<Vec<DocumentId>, StoreError> {
    let sql = "delete from user_grants
         where account = ?2 and document in (select key from documents where workspace = ?1)
         returning (select id from documents where key = document)";
    let documents = query::all(connection, sql, keys, parse_id)?;
    for sql in [
        "delete from group_members where account = ?2 and \"group\" in (select key from groups where workspace = ?1)",
        "delete from members where workspace = ?1 and account = ?2",
    ] {
        query::execute(connection, sql, keys)?;
    }
    let sql = "update members set is_home = 1 where account = ?1
         and workspace = (select min(workspace) from members where account = ?1)
         and not exists (select 1 from members where account = ?1 and is_home = 1)";
    query::execute(connection, sql, [keys.1])?;
    Ok(documents)
}
