//! Who may do what with a document.

use fieldbook_core::access::{DocumentAccess, Grantee, Role, Visibility};
use fieldbook_store::Grant;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::DocumentRole;

/// Who sees a document without a grant.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Visibility)]
pub(in crate::http) enum VisibilityName {
    /// The workspace: its members as it says, its admins and owners as owners. Guests do not.
    Workspace,
    /// Nobody.
    Private,
}

impl From<Visibility> for VisibilityName {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Workspace => Self::Workspace,
            Visibility::Private => Self::Private,
        }
    }
}

impl From<VisibilityName> for Visibility {
    fn from(name: VisibilityName) -> Self {
        match name {
            VisibilityName::Workspace => Self::Workspace,
            VisibilityName::Private => Self::Private,
        }
    }
}

/// Who may do what with a document. A person has the role that they are granted by name; else the greatest of their groups'; else,
/// if the workspace sees the document, the role that it gives its members (its admins and owners own it).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Sharing {
    /// The document's workspace.
    workspace: String,
    visibility: VisibilityName,
    /// What the workspace's members may do without a grant, if it sees the document.
    default_role: DocumentRole,
    people: Vec<GrantEntry>,
    groups: Vec<GrantEntry>,
    /// What whoever asks may do with it as it is: read, if it is not in use.
    own_role: DocumentRole,
}

/// Somebody who was granted a role.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grant)]
struct GrantEntry {
    /// The person's or the group's.
    id: String,
    name: String,
    role: DocumentRole,
}

impl Sharing {
    pub(in crate::http) fn new(access: &DocumentAccess, grants: Vec<Grant>, own: Role) -> Self {
        let (mut people, mut groups) = (Vec::new(), Vec::new());
        for grant in grants {
            let (list, id) = match grant.grantee {
                Grantee::User(id) => (&mut people, id.to_string()),
                Grantee::Group(id) => (&mut groups, id.to_string()),
            };
            list.push(GrantEntry {
                id,
                name: grant.name,
                role: grant.role.into(),
            });
        }
        Self {
            workspace: access.workspace.to_string(),
            visibility: access.visibility.into(),
            default_role: access.default_role.into(),
            people,
            groups,
            own_role: own.into(),
        }
    }
}

/// Who shall see a document without a grant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewVisibility {
    pub visibility: VisibilityName,
}

/// What somebody shall be allowed to do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewGrant {
    pub role: DocumentRole,
}
