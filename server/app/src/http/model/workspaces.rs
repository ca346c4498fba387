//! Workspaces, their people and groups.

use fieldbook_core::access::WorkspaceRole;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody is in a workspace. Each may do what those before it may.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WorkspaceRole)]
pub(in crate::http) enum WorkspaceRoleName {
    /// Has the documents that they are granted, and no others.
    Guest,
    /// Has the workspace's documents, and makes new ones.
    Member,
    /// Looks after people and groups.
    Admin,
    /// Also looks after admins and owners.
    Owner,
}

impl From<WorkspaceRole> for WorkspaceRoleName {
    fn from(role: WorkspaceRole) -> Self {
        match role {
            WorkspaceRole::Guest => Self::Guest,
            WorkspaceRole::Member => Self::Member,
            WorkspaceRole::Admin => Self::Admin,
            WorkspaceRole::Owner => Self::Owner,
        }
    }
}

impl From<WorkspaceRoleName> for WorkspaceRole {
    fn from(name: WorkspaceRoleName) -> Self {
        match name {
            WorkspaceRoleName::Guest => Self::Guest,
            WorkspaceRoleName::Member => Self::Member,
            WorkspaceRoleName::Admin => Self::Admin,
            WorkspaceRoleName::Owner => Self::Owner,
        }
    }
}

/// The workspaces of whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct WorkspaceList {
    pub workspaces: Vec<OwnWorkspace>,
}

/// A workspace, and what whoever asks is there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct OwnWorkspace {
    id: String,
    name: String,
    role: WorkspaceRoleName,
}

impl OwnWorkspace {
    pub(in crate::http) fn new(workspace: fieldbook_store::Workspace, role: WorkspaceRole) -> Self {
        Self {
            id: workspace.id.to_string(),
            name: workspace.name,
            role: role.into(),
        }
    }
}

/// What a workspace or a group shall be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewName {
    /// 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
}

/// The people of a workspace, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct MemberList {
    pub members: Vec<Member>,
}

/// Invitations that nobody has used yet.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct OpenInvitations {
    pub invitations: Vec<OpenInvitation>,
}

/// An invitation that nobody has used yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct OpenInvitation {
    id: String,
    /// What it makes somebody in the workspace.
    role: WorkspaceRoleName,
    expires_at: i64,
}

impl From<fieldbook_store::Invitation> for OpenInvitation {
    fn from(invitation: fieldbook_store::Invitation) -> Self {
        Self {
            id: invitation.id.to_string(),
            role: invitation.role.into(),
            expires_at: invitation.expires_at_ms,
        }
    }
}

/// Somebody in a workspace.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Member {
    id: String,
    name: String,
    role: WorkspaceRoleName,
}

impl From<fieldbook_store::Member> for Member {
    fn from(member: fieldbook_store::Member) -> Self {
        Self {
            id: member.user.to_string(),
            name: member.name,
            role: member.role.into(),
        }
    }
}

/// What somebody shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewMemberRole {
    pub role: WorkspaceRoleName,
}

/// The groups of a workspace, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct GroupList {
    pub groups: Vec<Group>,
}

/// Some people of a workspace.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Group {
    id: String,
    name: String,
    /// Ids of those who are in it.
    members: Vec<String>,
}

impl From<fieldbook_store::Group> for Group {
    fn from(group: fieldbook_store::Group) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name,
            members: group.members.iter().map(ToString::to_string).collect(),
        }
    }
}
