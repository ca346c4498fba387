//! [`Access`] on SQLite: people, workspaces and groups. What is about documents is in [`access`].

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use fieldbook_core::access::{
    Action, DocumentAccess, Grantee, Membership, Permit, Role, State, Subject, Visibility, WorkspaceRole,
};
use fieldbook_core::id::{DocumentId, GroupId, UserId, WorkspaceId};
use rusqlite::{Connection, Row, params};
use tokio::sync::oneshot;

use super::accounts::name_key;
use super::audit::append;
use super::directory::{found, insert_workspace};
use super::documents::parse_id;
use super::error::damaged;
use super::members::set_member;
use super::{SqliteStore, access, numbers, query};
use crate::{
    Access, AuditEvent, DocumentEntry, Grant, Group, Member, Memberships, Named, StoreError, Touched, Workspace,
    WorkspaceSettings,
};

#[async_trait]
impl Access for SqliteStore {
    async fn memberships(
        &self,
        user: UserId,
        claimed: Option<BTreeMap<WorkspaceId, WorkspaceRole>>,
    ) -> Result<Memberships, StoreError> {
        let read = self.readers.read(move |snapshot| match &claimed {
            None => stored(snapshot, user),
            Some(claimed) => vouched(snapshot, user, claimed),
        });
        read.await
    }

    async fn found_workspace(
        &self,
        permit: &Permit,
        workspace: Workspace,
        event: AuditEvent,
    ) -> Result<Touched, StoreError> {
        if permit.action() != Action::CreateWorkspace {
            return Err(not_permitted());
        }
        let founder = permit.user();
        let change = self.change(event, move |connection| {
            insert_workspace(connection, &workspace)?;
            set_member(
                connection,
                workspace.id,
                WorkspaceRole::Owner,
                founder,
                Some(WorkspaceRole::Owner),
            )
        });
        change.await
    }

    async fn members(&self, permit: &Permit) -> Result<Vec<Member>, StoreError> {
        let workspace = permitted(permit, Action::SeeMembers)?;
        let read = self.readers.read(move |snapshot| {
            let sql = "select accounts.id, accounts.name, members.role from members
                 join workspaces on workspaces.key = members.workspace
                 join accounts on accounts.key = members.account
                 where workspaces.id = ? order by name_key";
            query::all(snapshot, sql, [workspace.0], |row| {
                Ok(Member {
                    user: UserId(row.get(0)?),
                    name: row.get(1)?,
                    role: numbers::parse(row.get(2)?)?,
                })
            })
        });
        read.await
    }

    async fn groups(&self, permit: &Permit) -> Result<Vec<Group>, StoreError> {
        let workspace = permitted(permit, Action::SeeMembers)?;
        self.readers.read(move |snapshot| groups(snapshot, workspace)).await
    }

    async fn set_member(
        &self,
        permit: &Permit,
        user: UserId,
        role: Option<WorkspaceRole>,
        event: AuditEvent,
    ) -> Result<Touched, StoreError> {
        let (workspace, most) = match permit.action() {
            Action::ChangeMember(most) => (permitted(permit, permit.action())?, most),
            Action::Leave if user == permit.user() && role.is_none() => {
                (permitted(permit, Action::Leave)?, WorkspaceRole::Owner)
            }
            _ => return Err(not_permitted()),
        };
        self.change(event, move |connection| {
            set_member(connection, workspace, most, user, role)
        })
        .await
    }

    async fn set_settings(
        &self,
        permit: &Permit,
        settings: WorkspaceSettings,
        event: AuditEvent,
    ) -> Result<Touched, StoreError> {
        let workspace = permitted(permit, Action::ChangeSettings)?;
        let change = self.change(event, move |connection| {
            let sql = "update workspaces set default_role = ?, new_documents = ? where id = ?";
            let (role, visibility) = (settings.default_role, settings.new_documents);
            let values = params![numbers::of(role), numbers::of(visibility), workspace.0];
            found(query::execute(connection, sql, values)?, "workspace")?;
            everything_in(connection, workspace)
        });
        change.await
    }

    async fn put_group(&self, permit: &Permit, id: GroupId, name: &str, event: AuditEvent) -> Result<(), StoreError> {
        let (workspace, name) = (permitted(permit, Action::ManageGroups)?, name.to_owned());
        let write = self.write_audited(event, move |connection| {
            let sql = "select exists (select 1 from groups join workspaces on workspaces.key = groups.workspace
                 where workspaces.id = ? and name_key = ? and groups.id != ?)";
            let key = name_key(&name);
            if query::number(connection, sql, params![workspace.0, key, id.0])? != 0 {
                return Err(StoreError::Taken("the name"));
            }
            let sql =
                "insert into groups (id, workspace, name, name_key) select ?, workspaces.key, ?, ? from workspaces
                 where id = ?
                 on conflict (id) do update set name = excluded.name, name_key = excluded.name_key
                 where workspace = excluded.workspace";
            query::execute(connection, sql, params![id.0, name, key, workspace.0])
        });
        found(write.await?, "workspace, or the group is another's")
    }

    async fn delete_group(&self, permit: &Permit, id: GroupId, event: AuditEvent) -> Result<Touched, StoreError> {
        let workspace = permitted(permit, Action::ManageGroups)?;
        let change = self.change(event, move |connection| {
            let touched = of_group(connection, id)?;
            // Its members and grants go with it.
            let sql = "delete from groups where id = ? and workspace = (select key from workspaces where id = ?)";
            found(
                query::execute(connection, sql, params![id.0, workspace.0])?,
                "group in this workspace",
            )?;
            Ok(touched)
        });
        change.await
    }

    async fn set_group_member(
        &self,
        permit: &Permit,
        id: GroupId,
        user: UserId,
        is_in: bool,
        event: AuditEvent,
    ) -> Result<Touched, StoreError> {
        let workspace = permitted(permit, Action::ManageGroups)?;
        let change = self.change(event, move |connection| {
            let sql = if is_in {
                "insert into group_members (\"group\", account)
                 select groups.key, accounts.key from groups
                 join members on members.workspace = groups.workspace
                 join accounts on accounts.key = members.account
                 join workspaces on workspaces.key = groups.workspace
                 where groups.id = ? and accounts.id = ? and workspaces.id = ?
                 on conflict do update set account = account"
            } else {
                "delete from group_members where \"group\" = (
                     select groups.key from groups join workspaces on workspaces.key = workspace
                     where groups.id = ?1 and workspaces.id = ?3)
                 and account = (select key from accounts where id = ?2)"
            };
            let changed = query::execute(connection, sql, params![id.0, user.0, workspace.0])?;
            found(changed || !is_in, "group or person in this workspace")?;
            Ok(about_user(user))
        });
        change.await
    }

    async fn document_access(&self, id: DocumentId) -> Result<Option<DocumentAccess>, StoreError> {
        self.readers.read(move |snapshot| access::read(snapshot, id)).await
    }

    async fn grants(&self, permit: &Permit) -> Result<Vec<Grant>, StoreError> {
        let permit = permit.clone();
        self.readers
            .read(move |snapshot| access::grants(snapshot, &permit))
            .await
    }

    async fn list_documents(&self, subject: &Subject, state: State) -> Result<Vec<DocumentEntry>, StoreError> {
        let subject = subject.clone();
        let read = self
            .readers
            .read(move |snapshot| access::list(snapshot, &subject, state));
        read.await
    }

    async fn set_grant(
        &self,
        permit: &Permit,
        grantee: Grantee,
        role: Option<Role>,
        event: AuditEvent,
    ) -> Result<Touched, StoreError> {
        let permit = permit.clone();
        self.change(event, move |connection| {
            access::set_grant(connection, &permit, grantee, role)
        })
        .await
    }

    async fn set_visibility(
        &self,
        permit: &Permit,
        visibility: Visibility,
        event: AuditEvent,
    ) -> Result<Touched, StoreError> {
        let permit = permit.clone();
        self.change(event, move |connection| {
            access::set_visibility(connection, &permit, visibility)
        })
        .await
    }

    async fn change_state(&self, permit: &Permit, now_ms: i64, event: AuditEvent) -> Result<Touched, StoreError> {
        let permit = permit.clone();
        self.change(event, move |connection| {
            access::change_state(connection, &permit, now_ms)
        })
        .await
    }

    async fn purge_oldest(
        &self,
        trashed_until_ms: i64,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<Option<Touched>, StoreError> {
        let (told, purged) = oneshot::channel();
        let write = self.writer.write(move |connection| {
            let Some((id, workspace)) = access::purge_oldest(connection, trashed_until_ms, now_ms)? else {
                return Ok(false);
            };
            let event = AuditEvent {
                workspace: Some(workspace),
                subject: Some(Named::document(id, "")),
                ..event
            };
            // Whoever asked may have gone.
            let _ = told.send(Touched {
                users: Vec::new(),
                documents: vec![id],
            });
            append(connection, &event)
        });
        if !write.await? {
            return Ok(None);
        }
        purged.await.map(Some).map_err(|_| damaged("what was purged"))
    }
}

impl SqliteStore {
    /// A write that says what it touches, and is in the log of what was done.
    async fn change(
        &self,
        event: AuditEvent,
        job: impl FnOnce(&Connection) -> Result<Touched, StoreError> + Send + 'static,
    ) -> Result<Touched, StoreError> {
        let (told, touched) = oneshot::channel();
        let write = self.write_audited(event, move |connection| {
            // Whoever asked may have gone.
            let _ = told.send(job(connection)?);
            Ok(true)
        });
        write.await?;
        touched.await.map_err(|_| damaged("what a change touches"))
    }
}

fn about_user(user: UserId) -> Touched {
    Touched {
        users: vec![user],
        documents: Vec::new(),
    }
}

fn everything_in(connection: &Connection, workspace: WorkspaceId) -> Result<Touched, StoreError> {
    let users = "select accounts.id from accounts join members on members.account = accounts.key
         join workspaces on workspaces.key = members.workspace where workspaces.id = ?";
    let documents = "select documents.id from documents
         join workspaces on workspaces.key = documents.workspace where workspaces.id = ? and purged_at_ms is null";
    Ok(Touched {
        users: query::all(connection, users, [workspace.0], |row| Ok(UserId(row.get(0)?)))?,
        documents: query::all(connection, documents, [workspace.0], parse_id)?,
    })
}

fn of_group(connection: &Connection, id: GroupId) -> Result<Touched, StoreError> {
    let users = "select accounts.id from accounts join group_members on group_members.account = accounts.key
         join groups on groups.key = group_members.\"group\" where groups.id = ?";
    let documents = "select documents.id from documents join group_grants on group_grants.document = documents.key
         join groups on groups.key = group_grants.\"group\" where groups.id = ?";
    Ok(Touched {
        users: query::all(connection, users, [id.0], |row| Ok(UserId(row.get(0)?)))?,
        documents: query::all(connection, documents, [id.0], parse_id)?,
    })
}

pub(super) fn not_permitted() -> StoreError {
    StoreError::Conflict("the permit is for something else".into())
}

/// The workspace that a permit for this is about.
fn permitted(permit: &Permit, action: Action) -> Result<WorkspaceId, StoreError> {
    let workspace = permit.workspace().filter(|_| permit.action() == action);
    workspace.ok_or_else(not_permitted)
}

/// From three columns.
fn parse_membership(row: &Row<'_>, role: WorkspaceRole, column: usize) -> Result<Membership, StoreError> {
    Ok(Membership {
        role,
        groups: BTreeSet::new(),
        default_role: numbers::parse(row.get(column)?)?,
        new_documents: numbers::parse(row.get(column + 1)?)?,
    })
}

fn stored(connection: &Connection, user: UserId) -> Result<Memberships, StoreError> {
    let sql = "select workspaces.id, members.role, is_home, default_role, new_documents from accounts
         join members on members.account = accounts.key
         join workspaces on workspaces.key = members.workspace
         where accounts.id = ?";
    let mut memberships = Memberships::default();
    let rows = query::all(connection, sql, [user.0], |row| {
        let membership = parse_membership(row, numbers::parse(row.get(1)?)?, 3)?;
        Ok((WorkspaceId(row.get(0)?), membership, row.get(2)?))
    })?;
    for (workspace, membership, is_home) in rows {
        if is_home {
            memberships.home = Some(workspace);
        }
        memberships.of.insert(workspace, membership);
    }
    join_groups(connection, user, &mut memberships)?;
    Ok(memberships)
}

fn vouched(
    connection: &Connection,
    user: UserId,
    claimed: &BTreeMap<WorkspaceId, WorkspaceRole>,
) -> Result<Memberships, StoreError> {
    let mut memberships = Memberships::default();
    for (workspace, role) in claimed {
        let sql = "select default_role, new_documents from workspaces where id = ?";
        let membership = query::first(connection, sql, [workspace.0], |row| parse_membership(row, *role, 0))?;
        memberships
            .of
            .extend(membership.map(|membership| (*workspace, membership)));
    }
    memberships.home = memberships.of.keys().next().copied();
    join_groups(connection, user, &mut memberships)?;
    Ok(memberships)
}

fn join_groups(connection: &Connection, user: UserId, memberships: &mut Memberships) -> Result<(), StoreError> {
    let sql = "select workspaces.id, groups.id from accounts
         join group_members on group_members.account = accounts.key
         join groups on groups.key = group_members.\"group\"
         join workspaces on workspaces.key = groups.workspace
         where accounts.id = ?";
    let rows = query::all(connection, sql, [user.0], |row| {
        Ok((WorkspaceId(row.get(0)?), GroupId(row.get(1)?)))
    })?;
    for (workspace, group) in rows {
        if let Some(membership) = memberships.of.get_mut(&workspace) {
            membership.groups.insert(group);
        }
    }
    Ok(())
}

fn groups(connection: &Connection, workspace: WorkspaceId) -> Result<Vec<Group>, StoreError> {
    let sql = "select groups.id, groups.name, accounts.id from groups
         join workspaces on workspaces.key = groups.workspace
         left join group_members on group_members.\"group\" = groups.key
         left join accounts on accounts.key = group_members.account
         where workspaces.id = ? order by groups.name_key, groups.key, accounts.name_key";
    let rows = query::all(connection, sql, [workspace.0], |row| {
        let member: Option<uuid::Uuid> = row.get(2)?;
        Ok((GroupId(row.get(0)?), row.get(1)?, member.map(UserId)))
    })?;
    let mut groups: Vec<Group> = Vec::new();
    for (id, name, member) in rows {
        if groups.last().is_none_or(|last| last.id != id) {
            groups.push(Group {
                id,
                name,
                members: Vec::new(),
            });
        }
        if let Some(last) = groups.last_mut() {
            last.members.extend(member);
        }
    }
    Ok(groups)
}
