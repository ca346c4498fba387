//! Who may do what with documents, as rows; and the list of those that somebody may read.

use std::collections::BTreeMap;

use fieldbook_core::access::{Action, DocumentAccess, Documents, Grantee, Permit, Role, State, Subject, Visibility};
use fieldbook_core::id::{DocumentId, GroupId, UserId, WorkspaceId};
use rusqlite::{Connection, Row, named_params, params};

use super::directory::{found, parse_entry, select_entry};
use super::documents::{find_key, parse_id};
use super::{numbers, query};
use crate::{DocumentEntry, Grant, StoreError, Touched};

pub(super) fn read(connection: &Connection, id: DocumentId) -> Result<Option<DocumentAccess>, StoreError> {
    let sql = "select documents.key, workspaces.id, visibility, default_role, state from documents
         join workspaces on workspaces.key = documents.workspace where documents.id = ?";
    let found = query::first(connection, sql, [id.as_bytes()], |row| {
        let access = DocumentAccess {
            workspace: WorkspaceId(row.get(1)?),
            visibility: numbers::parse(row.get(2)?)?,
            default_role: numbers::parse(row.get(3)?)?,
            grants: BTreeMap::new(),
            state: numbers::parse(row.get(4)?)?,
        };
        Ok((row.get::<_, i64>(0)?, access))
    })?;
    let Some((key, mut access)) = found else {
        return Ok(None);
    };
    let sql = "select true, accounts.id, role from user_grants
             join accounts on accounts.key = user_grants.account where document = ?1
         union all select false, groups.id, role from group_grants
             join groups on groups.key = group_grants.\"group\" where document = ?1";
    let grants = query::all(connection, sql, [key], |row| {
        Ok((parse_grantee(row)?, numbers::parse(row.get(2)?)?))
    })?;
    access.grants.extend(grants);
    Ok(Some(access))
}

pub(super) fn grants(connection: &Connection, permit: &Permit) -> Result<Vec<Grant>, StoreError> {
    let (key, _) = permitted(connection, permit, Action::Read)?;
    let sql =
        "select true as of_person, accounts.id, accounts.name, name_key as sorted, user_grants.role from user_grants
             join accounts on accounts.key = user_grants.account where document = ?1
         union all select false, groups.id, groups.name, name_key, group_grants.role from group_grants
             join groups on groups.key = group_grants.\"group\" where document = ?1
         order by of_person desc, sorted";
    query::all(connection, sql, [key], |row| {
        Ok(Grant {
            grantee: parse_grantee(row)?,
            name: row.get(2)?,
            role: numbers::parse(row.get(4)?)?,
        })
    })
}

/// From the first two columns: whether it is a person, and the id.
fn parse_grantee(row: &Row<'_>) -> Result<Grantee, StoreError> {
    Ok(if row.get(0)? {
        Grantee::User(UserId(row.get(1)?))
    } else {
        Grantee::Group(GroupId(row.get(1)?))
    })
}

/// The rule of [`authorise`](fieldbook_core::access::authorise) for reading, in SQL; a test holds the two against each other.
/// A place is a workspace with the person's role there, the greatest role on a document, and whether they own it.
const READABLE: &str = select_entry!(
    "join json_each(:places) as place on workspaces.id = unhex(place.value ->> 0)
     where state = :state and coalesce(min(
         coalesce(
             (select role from user_grants
              where document = documents.key and account = (select key from accounts where id = :user)),
             (select max(role) from group_grants
              where document = documents.key and \"group\" in (
                  select groups.key from json_each(:groups)
                  join groups on groups.id = unhex(value) and groups.workspace = documents.workspace)),
             case when visibility = 0 and place.value ->> 1 = 1 then default_role
                  when visibility = 0 and place.value ->> 1 > 1 then 3 end),
         place.value ->> 2,
         case when :named is null then 3
              else (select value ->> 1 from json_each(:named) where unhex(value ->> 0) = documents.id) end),
         -1) >= case when state = 2 and not place.value ->> 3 then 3 else 0 end
     order by changed_at_ms desc, documents.key desc"
);

/// The same for a credential that grants documents by itself.
const GRANTED: &str = select_entry!(
    "join json_each(:named) on documents.id = unhex(value ->> 0)
     where state = :state and (state != 2 or value ->> 1 = 3)
     order by changed_at_ms desc, documents.key desc"
);

pub(super) fn list(connection: &Connection, subject: &Subject, state: State) -> Result<Vec<DocumentEntry>, StoreError> {
    if state == State::Purged {
        return Ok(Vec::new());
    }
    let state = numbers::of(state);
    let named = match &subject.bounds.documents {
        Documents::Any => None,
        Documents::Only(documents) => Some(named(documents, Role::Owner)),
        Documents::Granted(documents) => {
            let values = named_params! { ":named": named(documents, subject.bounds.role), ":state": state };
            return query::all(connection, GRANTED, values, parse_entry);
        }
    };
    let (mut places, mut groups) = (Vec::new(), Vec::new());
    for workspace in subject.memberships.keys() {
        let Some((membership, most)) = subject.in_workspace(*workspace) else {
            continue;
        };
        let (role, most) = (numbers::of(membership.role), numbers::of(most));
        let owns = u8::from(subject.owns(*workspace));
        places.push(format!("[\"{}\",{role},{most},{owns}]", workspace.0.simple()));
        groups.extend(membership.groups.iter().map(|id| format!("\"{}\"", id.0.simple())));
    }
    let values = named_params! {
        ":places": array(&places), ":groups": array(&groups), ":named": named, ":user": subject.user.0, ":state": state,
    };
    query::all(connection, READABLE, values, parse_entry)
}

fn named(documents: &BTreeMap<DocumentId, Role>, most: Role) -> String {
    let entries = documents.iter().map(|(id, role)| {
        let id = uuid::Uuid::from_bytes(*id.as_bytes()).simple();
        format!("[\"{id}\",{}]", numbers::of((*role).min(most)))
    });
    array(&entries.collect::<Vec<_>>())
}

fn array(entries: &[String]) -> String {
    format!("[{}]", entries.join(","))
}

/// The key of the document that a permit for this is about, and that alone is touched.
fn permitted(connection: &Connection, permit: &Permit, action: Action) -> Result<(i64, Touched), StoreError> {
    let id = permit.document().filter(|_| permit.action() == action);
    let id = id.ok_or_else(|| StoreError::Conflict("the permit is for something else".into()))?;
    let key = find_key(connection, id)?.ok_or_else(|| StoreError::Conflict("there is no such document".into()))?;
    let touched = Touched {
        users: Vec::new(),
        documents: vec![id],
    };
    Ok((key, touched))
}

pub(super) fn set_grant(
    connection: &Connection,
    permit: &Permit,
    grantee: Grantee,
    role: Option<Role>,
) -> Result<Touched, StoreError> {
    let (key, touched) = permitted(connection, permit, Action::Share)?;
    let (id, take, give) = match grantee {
        Grantee::User(id) => (
            id.0,
            "delete from user_grants where document = ?1 and account = (select key from accounts where id = ?2)",
            "insert into user_grants (document, account, role)
             select documents.key, accounts.key, ?3 from documents
             join members on members.workspace = documents.workspace
             join accounts on accounts.key = members.account
             where documents.key = ?1 and accounts.id = ?2
             on conflict (document, account) do update set role = excluded.role",
        ),
        Grantee::Group(id) => (
            id.0,
            "delete from group_grants where document = ?1 and \"group\" = (select key from groups where id = ?2)",
            "insert into group_grants (document, \"group\", role)
             select documents.key, groups.key, ?3 from documents
             join groups on groups.workspace = documents.workspace
             where documents.key = ?1 and groups.id = ?2
             on conflict (document, \"group\") do update set role = excluded.role",
        ),
    };
    match role {
        None => drop(query::execute(connection, take, params![key, id])?),
        Some(role) => {
            let given = query::execute(connection, give, params![key, id, numbers::of(role)])?;
            found(given, "person or group in the document's workspace")?;
        }
    }
    check_owned(connection, key)?;
    Ok(touched)
}

pub(super) fn set_visibility(
    connection: &Connection,
    permit: &Permit,
    visibility: Visibility,
) -> Result<Touched, StoreError> {
    let (key, touched) = permitted(connection, permit, Action::ChangeVisibility)?;
    let sql = "update documents set visibility = ? where key = ?";
    query::execute(connection, sql, params![numbers::of(visibility), key])?;
    check_owned(connection, key)?;
    Ok(touched)
}

/// A private document that nobody owns by name could not be shared, deleted or shown to anybody any more.
fn check_owned(connection: &Connection, key: i64) -> Result<(), StoreError> {
    let sql = "select visibility = 0
             or exists (select 1 from user_grants where document = key and role = 3)
             or exists (select 1 from group_grants where document = key and role = 3)
         from documents where key = ?";
    if query::number(connection, sql, [key])? == 0 {
        return Err(StoreError::Conflict(
            "a private document needs an owner by name; grant somebody that role first".into(),
        ));
    }
    Ok(())
}

pub(super) fn change_state(connection: &Connection, permit: &Permit, now_ms: i64) -> Result<Touched, StoreError> {
    let action = permit.action();
    let (key, touched) = permitted(connection, permit, action)?;
    let sql = match action {
        Action::Archive => "update documents set archived_at_ms = coalesce(archived_at_ms, ?2) where key = ?1",
        Action::Trash => "update documents set trashed_at_ms = coalesce(trashed_at_ms, ?2) where key = ?1",
        Action::Restore => "update documents set archived_at_ms = null, trashed_at_ms = null where key = ?1 and ?2",
        Action::Purge => {
            purge(connection, key, now_ms)?;
            return Ok(touched);
        }
        _ => return Err(StoreError::Conflict("the permit is for something else".into())),
    };
    query::execute(connection, sql, params![key, now_ms])?;
    Ok(touched)
}

/// The document that has been in the trash for longest, if it was thrown away then or before, and its workspace: purged.
pub(super) fn purge_oldest(
    connection: &Connection,
    trashed_until_ms: i64,
    now_ms: i64,
) -> Result<Option<(DocumentId, WorkspaceId)>, StoreError> {
    let sql = "select documents.id, documents.key, workspaces.id from documents
         join workspaces on workspaces.key = documents.workspace
         where trashed_at_ms is not null and purged_at_ms is null and trashed_at_ms <= ?
         order by trashed_at_ms limit 1";
    let oldest = query::first(connection, sql, [trashed_until_ms], |row| {
        Ok((parse_id(row)?, row.get::<_, i64>(1)?, WorkspaceId(row.get(2)?)))
    })?;
    let Some((id, key, workspace)) = oldest else {
        return Ok(None);
    };
    purge(connection, key, now_ms)?;
    Ok(Some((id, workspace)))
}

/// Its bytes, its names and whose it was go; its id stays.
fn purge(connection: &Connection, key: i64, now_ms: i64) -> Result<(), StoreError> {
    let sql = "update documents set purged_at_ms = ?, title = '', kind = null, summarised_up_to = 0
         where key = ? and trashed_at_ms is not null";
    if !query::execute(connection, sql, params![now_ms, key])? {
        return Err(StoreError::Conflict("it is not in the trash any more".into()));
    }
    for sql in [
        "delete from changes where document = ?",
        "delete from archives where document = ?",
        "delete from archive_bytes where document = ?",
        "delete from archived_changes where document = ?",
        "delete from user_grants where document = ?",
        "delete from group_grants where document = ?",
    ] {
        query::execute(connection, sql, [key])?;
    }
    Ok(())
}
