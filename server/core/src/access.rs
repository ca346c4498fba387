//! Who may do what. [`authorise`] decides, and nothing else does; who may is handed a [`Permit`].
//!
//! A person ([`Subject`]) has a [`Membership`] in each of their workspaces, and comes with a credential that may bound what
//! it can be used for ([`Bounds`]). A document ([`DocumentAccess`]) belongs to a workspace. Both are values that the caller
//! has read from the store; nothing here looks anything up.

mod decision;
mod document;
mod role;
mod subject;

pub use decision::{Action, Creation, Denied, Permit, Resource, authorise};
pub use document::{DocumentAccess, Grantee, State, Visibility};
pub use role::{Role, UnknownName, WorkspaceRole};
pub use subject::{Bounds, Documents, Membership, Subject};

#[cfg(test)]
mod table;
