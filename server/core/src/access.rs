//! Who may do what with a document.

use crate::id::{UserId, WorkspaceId};

/// What a person may do, in a workspace and so with its documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes.
    Editor,
    /// Reads, writes, invites.
    Owner,
}

impl Role {
    /// Its name on the wire, in the API and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// May this role change a document?
    #[must_use]
    pub fn may_write(self) -> bool {
        self >= Self::Editor
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Viewer, Self::Editor, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

/// Not the name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is owner, editor or viewer")]
pub struct UnknownRole;

/// Who somebody is, as the server authenticated them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub user: UserId,
    /// Their name.
    pub name: std::sync::Arc<str>,
    /// Where they belong.
    pub workspace: WorkspaceId,
    /// What they may do there.
    pub role: Role,
}

/// What this person may do with a document of that workspace. `None`: it is none of their business.
#[must_use]
pub fn role_on(member: &Member, workspace: WorkspaceId) -> Option<Role> {
    (member.workspace == workspace).then_some(member.role)
}

/// May this person bring a new document into their workspace?
#[must_use]
pub fn may_create(member: &Member) -> bool {
    member.role.may_write()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_do_what() {
        let [here, elsewhere] = [1, 2].map(|n| WorkspaceId(uuid::Uuid::from_u128(n)));
        for (role, writes) in [(Role::Owner, true), (Role::Editor, true), (Role::Viewer, false)] {
            let member = Member {
                user: UserId(uuid::Uuid::nil()),
                name: "ann".into(),
                workspace: here,
                role,
            };
            assert_eq!(role_on(&member, here), Some(role));
            assert_eq!(role_on(&member, elsewhere), None);
            assert_eq!((role.may_write(), may_create(&member)), (writes, writes));
            assert_eq!(role.as_str().parse(), Ok(role));
        }
    }
}
