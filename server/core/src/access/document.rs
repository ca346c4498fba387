//! What a document says about who may do what with it.

use std::collections::BTreeMap;

use super::role::{UnknownName, names};
use super::{Membership, Role, WorkspaceRole};
use crate::id::{GroupId, UserId, WorkspaceId};

/// Who sees a document without a grant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// The workspace's members, as far as the workspace says.
    #[default]
    Workspace,
    /// Nobody: not even its admins and owners.
    Private,
}

names!(Visibility: Workspace "workspace", Private "private"; "workspace, private");

/// Where a document is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is read and written.
    #[default]
    InUse,
    /// It is read.
    Archived,
    /// It waits to be restored or purged. Its owners see it.
    Trashed,
    /// Its bytes are gone. Its id is kept, so that no client brings it back.
    Purged,
}

names!(State: InUse "in_use", Archived "archived", Trashed "trashed", Purged "purged";
    "in_use, archived, trashed, purged");

/// To whom a role is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grantee {
    /// A person.
    User(UserId),
    /// A group of the document's workspace.
    Group(GroupId),
}

/// Who may do what with one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentAccess {
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// Who sees it without a grant.
    pub visibility: Visibility,
    /// What the workspace's members may do with its documents that they see so.
    pub default_role: Role,
    /// Who may do what by name. A grant counts while the person is in the workspace.
    pub grants: BTreeMap<Grantee, Role>,
    /// Where it is in its life.
    pub state: State,
}

impl DocumentAccess {
    /// The role of somebody who is in the document's workspace, whatever their credential and the document's state. `None`:
    /// the document is none of their business.
    pub(super) fn role_of(&self, user: UserId, membership: &Membership) -> Option<Role> {
        let by_name = self.grants.get(&Grantee::User(user));
        let by_groups = || {
            let groups = membership.groups.iter().copied().map(Grantee::Group);
            groups.filter_map(|group| self.grants.get(&group)).max()
        };
        if let Some(role) = by_name.or_else(by_groups) {
            return Some(*role);
        }
        match (self.visibility, membership.role) {
            (Visibility::Private, _) | (_, WorkspaceRole::Guest) => None,
            (Visibility::Workspace, WorkspaceRole::Member) => Some(self.default_role),
            (Visibility::Workspace, WorkspaceRole::Admin | WorkspaceRole::Owner) => Some(Role::Owner),
        }
    }
}
