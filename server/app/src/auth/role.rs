//! Roles as they are written in tokens, in the API and on the command line.

use fieldbook_store::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person may do in a workspace: a viewer reads, an editor also writes, an owner also invites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub enum RoleName {
    /// Reads, writes, invites.
    Owner,
    /// Reads and writes.
    Editor,
    /// Reads.
    Viewer,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Editor => Self::Editor,
            Role::Viewer => Self::Viewer,
        }
    }
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Owner => Self::Owner,
            RoleName::Editor => Self::Editor,
            RoleName::Viewer => Self::Viewer,
        }
    }
}
