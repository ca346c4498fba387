//! Names of what people may do, on the wire, in the API and in the store.

/// Not a name of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is one of {0}")]
pub struct UnknownName(pub(super) &'static str);

macro_rules! names {
    ($type:ident: $($variant:ident $name:literal),+; $all:literal) => {
        impl $type {
            /// All of them, the least first.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                let named = Self::ALL.iter().find(|each| each.as_str() == text);
                named.copied().ok_or(UnknownName($all))
            }
        }
    };
}
pub(super) use names;

/// What a person may do with a document. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, and writes comments.
    Commenter,
    /// Reads and writes.
    Editor,
    /// Says who else may, and deletes.
    Owner,
}

names!(Role: Viewer "viewer", Commenter "commenter", Editor "editor", Owner "owner"; "viewer, commenter, editor, owner");

impl Role {
    /// May this role change a document that is in use?
    #[must_use]
    pub fn may_write(self) -> bool {
        self >= Self::Editor
    }
}

/// What a person is in a workspace. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkspaceRole {
    /// Has the documents that they are granted, and no others.
    Guest,
    /// Has the workspace's documents, and makes new ones.
    Member,
    /// Looks after people, groups and settings.
    Admin,
    /// Also looks after admins and owners, and reads the audit log.
    Owner,
}

names!(WorkspaceRole: Guest "guest", Member "member", Admin "admin", Owner "owner"; "guest, member, admin, owner");
