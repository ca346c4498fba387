//! Who is in which workspace, and who may do what with which document.
//!
//! What changes something takes the [`Permit`] for it: it says what is changed, and by whom. One for another action is a
//! [`StoreError::Conflict`], as is a workspace, group, document or person that is not there.

use std::collections::BTreeMap;

use async_trait::async_trait;
use fieldbook_core::access::{
    DocumentAccess, Grantee, Membership, Permit, Role, State, Subject, Visibility, WorkspaceRole,
};
use fieldbook_core::id::{DocumentId, GroupId, UserId, WorkspaceId};

use crate::{AuditEvent, DocumentEntry, StoreError, Workspace};

/// The workspaces of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memberships {
    /// What they are in each.
    pub of: BTreeMap<WorkspaceId, Membership>,
    /// Where documents go that they bring without saying where. Who is somewhere has a home.
    pub home: Option<WorkspaceId>,
}

/// Somebody in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// What they are there.
    pub role: WorkspaceRole,
}

/// Some people of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Unique in the workspace without regard to case.
    pub name: String,
    /// Who is in it, by name.
    pub members: Vec<UserId>,
}

/// A role on a document that somebody was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// To whom.
    pub grantee: Grantee,
    /// The name of the person or group.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// What a workspace makes of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkspaceSettings {
    /// What members may do with documents that the workspace sees.
    pub default_role: Role,
    /// Who sees a new document.
    pub new_documents: Visibility,
}

/// What a change concerns: what was read of these before it is no longer true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Whose [`Access::memberships`].
    pub users: Vec<UserId>,
    /// Which [`Access::document_access`].
    pub documents: Vec<DocumentId>,
}

/// Memberships, groups, grants, and the states of documents. What takes an event writes it down if it was done, in the same
/// transaction.
#[async_trait]
pub trait Access: Send + Sync + 'static {
    /// A person's workspaces and groups. `claimed`: what somebody else vouches for in place of what is stored; of those
    /// workspaces that exist.
    async fn memberships(
        &self,
        user: UserId,
        claimed: Option<BTreeMap<WorkspaceId, WorkspaceRole>>,
    ) -> Result<Memberships, StoreError>;
    /// Makes a workspace that belongs to whoever the permit is for
    /// ([`Action::CreateWorkspace`](fieldbook_core::access::Action::CreateWorkspace)).
    async fn found_workspace(
        &self,
        permit: &Permit,
        workspace: Workspace,
        event: AuditEvent,
    ) -> Result<Touched, StoreError>;
    /// Who is in the workspace, by name ([`Action::SeeMembers`](fieldbook_core::access::Action::SeeMembers)).
    async fn members(&self, permit: &Permit) -> Result<Vec<Member>, StoreError>;
    /// Its groups, by name ([`Action::SeeMembers`](fieldbook_core::access::Action::SeeMembers)).
    async fn groups(&self, permit: &Permit) -> Result<Vec<Group>, StoreError>;
    /// Adds somebody, gives them another role, or (`None`) removes them, which ends their grants and memberships of groups
    /// there. [`Action::ChangeMember`](fieldbook_core::access::Action::ChangeMember) must name a role that is not below what
    /// they were and are to be; with [`Action::Leave`](fieldbook_core::access::Action::Leave) a person removes themselves. A
    /// workspace's last owner stays: [`StoreError::Conflict`].
    async fn set_member(
        &self,
        permit: &Permit,
        user: UserId,
        role: Option<WorkspaceRole>,
        event: AuditEvent,
    ) -> Result<Touched, StoreError>;
    /// Changes what the workspace makes of documents ([`Action::ChangeSettings`](fieldbook_core::access::Action)).
    async fn set_settings(
        &self,
        permit: &Permit,
        settings: WorkspaceSettings,
        event: AuditEvent,
    ) -> Result<Touched, StoreError>;
    /// Makes a group, or gives it another name ([`Action::ManageGroups`](fieldbook_core::access::Action)).
    /// [`StoreError::Taken`] if another has it.
    async fn put_group(&self, permit: &Permit, id: GroupId, name: &str, event: AuditEvent) -> Result<(), StoreError>;
    /// Deletes a group, which ends its grants ([`Action::ManageGroups`](fieldbook_core::access::Action)).
    async fn delete_group(&self, permit: &Permit, id: GroupId, event: AuditEvent) -> Result<Touched, StoreError>;
    /// Puts somebody who is in the workspace into a group, or takes them out
    /// ([`Action::ManageGroups`](fieldbook_core::access::Action)).
    async fn set_group_member(
        &self,
        permit: &Permit,
        id: GroupId,
        user: UserId,
        is_in: bool,
        event: AuditEvent,
    ) -> Result<Touched, StoreError>;

    /// Who may do what with a document. `None`: there is none, and never was.
    async fn document_access(&self, id: DocumentId) -> Result<Option<DocumentAccess>, StoreError>;
    /// The document's grants: people by name, then groups by name ([`Action::Read`](fieldbook_core::access::Action::Read)).
    async fn grants(&self, permit: &Permit) -> Result<Vec<Grant>, StoreError>;
    /// The documents in this state that somebody may read, the last changed first.
    async fn list_documents(&self, subject: &Subject, state: State) -> Result<Vec<DocumentEntry>, StoreError>;
    /// Grants a role to a person or group of the document's workspace, or (`None`) takes it
    /// ([`Action::Share`](fieldbook_core::access::Action)).
    async fn set_grant(
        &self,
        permit: &Permit,
        grantee: Grantee,
        role: Option<Role>,
        event: AuditEvent,
    ) -> Result<Touched, StoreError>;
    /// Changes who sees a document without a grant ([`Action::ChangeVisibility`](fieldbook_core::access::Action)).
    async fn set_visibility(
        &self,
        permit: &Permit,
        visibility: Visibility,
        event: AuditEvent,
    ) -> Result<Touched, StoreError>;
    /// Does what the permit is for: [`Action::Archive`](fieldbook_core::access::Action), `Trash`, `Restore` (into use), or
    /// `Purge`. A purged document has no bytes any more, and takes none. One that is in the state already stays as it is.
    async fn change_state(&self, permit: &Permit, now_ms: i64, event: AuditEvent) -> Result<Touched, StoreError>;
    /// Purges the document that has been in the trash for longest, if it was thrown away then or before. The event is
    /// written down as of that document and its workspace. `None`: there is none.
    async fn purge_oldest(
        &self,
        trashed_until_ms: i64,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<Option<Touched>, StoreError>;
}
