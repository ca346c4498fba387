//! Roles as they are written in tokens, in the API and on the command line.

use fieldbook_core::access::Subject;
use fieldbook_store::{Role, WorkspaceRole};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person may do with what their workspace shares, in one word: a viewer reads, an editor also writes, an owner also
/// invites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub enum RoleName {
    /// Reads. In an invitation: a guest, who sees what they are granted.
    Viewer,
    /// Reads and writes. In an invitation: a member.
    Editor,
    /// Reads, writes, invites.
    Owner,
}

impl RoleName {
    /// Of somebody at home.
    #[must_use]
    pub fn at_home(subject: &Subject) -> Self {
        let at_home = subject.home.and_then(|home| subject.in_workspace(home));
        let Some((membership, most)) = at_home else {
            return Self::Viewer;
        };
        let most = match most {
            Role::Owner => Self::Owner,
            Role::Editor => Self::Editor,
            Role::Commenter | Role::Viewer => Self::Viewer,
        };
        Self::from(membership.role).min(most)
    }
}

impl From<WorkspaceRole> for RoleName {
    fn from(role: WorkspaceRole) -> Self {
        match role {
            WorkspaceRole::Owner | WorkspaceRole::Admin => Self::Owner,
            WorkspaceRole::Member => Self::Editor,
            WorkspaceRole::Guest => Self::Viewer,
        }
    }
}

impl From<RoleName> for WorkspaceRole {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Owner => Self::Owner,
            RoleName::Editor => Self::Member,
            RoleName::Viewer => Self::Guest,
        }
    }
}

/// What somebody may do with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DocumentRole {
    /// Everything, and says who else may.
    Owner,
    /// Reads and writes.
    Editor,
    /// Reads, and writes comments.
    Commenter,
    /// Reads.
    Viewer,
}

impl From<DocumentRole> for Role {
    fn from(role: DocumentRole) -> Self {
        match role {
            DocumentRole::Owner => Self::Owner,
            DocumentRole::Editor => Self::Editor,
            DocumentRole::Commenter => Self::Commenter,
            DocumentRole::Viewer => Self::Viewer,
        }
    }
}

impl From<Role> for DocumentRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Editor => Self::Editor,
            Role::Commenter => Self::Commenter,
            Role::Viewer => Self::Viewer,
        }
    }
}
