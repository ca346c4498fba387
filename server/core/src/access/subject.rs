//! Who somebody is, and how far their credential goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{DocumentAccess, Role, State, Visibility, WorkspaceRole};
use crate::id::{DocumentId, GroupId, UserId, WorkspaceId};

/// What a person is in one workspace, and what the workspace makes of new documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// What they are.
    pub role: WorkspaceRole,
    /// Their groups there.
    pub groups: BTreeSet<GroupId>,
    /// Who sees a new document.
    pub new_documents: Visibility,
    /// What members may do with documents that are visible to the workspace.
    pub default_role: Role,
}

impl Membership {
    /// In a workspace without groups or wishes.
    #[must_use]
    pub fn of(role: WorkspaceRole) -> Self {
        Self {
            role,
            groups: BTreeSet::new(),
            new_documents: Visibility::Workspace,
            default_role: Role::Editor,
        }
    }
}

/// Of which documents a credential may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Documents {
    /// All that its person has.
    #[default]
    Any,
    /// Those of its person's that are named, with this role at most.
    Only(BTreeMap<DocumentId, Role>),
    /// Those that are named, with this role, whether its person has them or not: whoever made the credential may say so.
    Granted(BTreeMap<DocumentId, Role>),
}

/// How far a credential goes, whatever its person may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The greatest role on a document.
    pub role: Role,
    /// The workspaces in which it may be used, and the greatest role on a document there; `None`: in all.
    pub workspaces: Option<BTreeMap<WorkspaceId, Role>>,
    /// Of which documents.
    pub documents: Documents,
}

impl Default for Bounds {
    /// As far as its person may go.
    fn default() -> Self {
        Self {
            role: Role::Owner,
            workspaces: None,
            documents: Documents::Any,
        }
    }
}

/// Who somebody is, as the server authenticated them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The person.
    pub user: UserId,
    /// Their name.
    pub name: Arc<str>,
    /// Their workspaces.
    pub memberships: BTreeMap<WorkspaceId, Membership>,
    /// When these were read, as whoever reads them counts; for who is not told of changes, 0.
    pub as_of: u64,
    /// The one to which a document belongs that they bring without saying where.
    pub home: Option<WorkspaceId>,
    /// How far the credential goes that they came with.
    pub bounds: Bounds,
}

impl Subject {
    /// Somebody of one workspace, with a credential for all that they may do.
    #[must_use]
    pub fn of(user: UserId, name: &str, workspace: WorkspaceId, role: WorkspaceRole) -> Self {
        Self {
            user,
            name: name.into(),
            memberships: BTreeMap::from([(workspace, Membership::of(role))]),
            as_of: 0,
            home: Some(workspace),
            bounds: Bounds::default(),
        }
    }

    /// Their place in a workspace and the greatest role on a document that the credential is good for there. `None`: they
    /// are not in it, or the credential is not for it.
    #[must_use]
    pub fn in_workspace(&self, workspace: WorkspaceId) -> Option<(&Membership, Role)> {
        let membership = self.memberships.get(&workspace)?;
        let most = match &self.bounds.workspaces {
            None => Role::Owner,
            Some(workspaces) => *workspaces.get(&workspace)?,
        };
        Some((membership, most.min(self.bounds.role)))
    }

    /// Their role on a document, within the bounds of the credential, while the document is in use. `None`: it is none of
    /// their business.
    fn role_in_use(&self, id: DocumentId, access: &DocumentAccess) -> Option<Role> {
        if let Documents::Granted(documents) = &self.bounds.documents {
            return documents.get(&id).map(|role| (*role).min(self.bounds.role));
        }
        let (membership, most) = self.in_workspace(access.workspace)?;
        let role = access.role_of(self.user, membership)?.min(most);
        match &self.bounds.documents {
            Documents::Only(documents) => documents.get(&id).map(|most| role.min(*most)),
            Documents::Any | Documents::Granted(_) => Some(role),
        }
    }

    /// Their role on a document as it is. What is in the trash is its owners' business, and that of the workspace's owners
    /// as far as they could see it before.
    pub(super) fn role_on(&self, id: DocumentId, access: &DocumentAccess) -> Option<Role> {
        let role = self.role_in_use(id, access)?;
        match access.state {
            State::InUse | State::Archived => Some(role),
            State::Trashed if role == Role::Owner || self.owns(access.workspace) => Some(Role::Owner),
            State::Trashed | State::Purged => None,
        }
    }

    /// An owner of the workspace, with a credential that is good for it.
    #[must_use]
    pub fn owns(&self, workspace: WorkspaceId) -> bool {
        self.bounds.documents == Documents::Any
            && self
                .in_workspace(workspace)
                .is_some_and(|(membership, most)| membership.role == WorkspaceRole::Owner && most == Role::Owner)
    }
}
