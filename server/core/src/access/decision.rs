//! The decision.

use std::collections::BTreeMap;

use super::{DocumentAccess, Documents, Grantee, Role, State, Subject, Visibility, WorkspaceRole};
use crate::id::{DocumentId, UserId, WorkspaceId};

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A document: read it, and see who else is there.
    Read,
    /// A document: write its comments.
    Comment,
    /// A document: write it.
    Write,
    /// A document: grant and take roles.
    Share,
    /// A document: show it to the workspace, or to nobody without a grant.
    ChangeVisibility,
    /// A document: put it away.
    Archive,
    /// A document: throw it away.
    Trash,
    /// A document: take it back into use.
    Restore,
    /// A document in the trash: delete it for ever.
    Purge,
    /// A document: begin another with what it says now. Where that goes is asked by itself ([`Action::CreateDocument`]).
    Duplicate,
    /// A document: see who wrote what.
    SeeAuthors,
    /// A workspace: know of it, and of oneself in it.
    SeeWorkspace,
    /// A workspace: leave it.
    Leave,
    /// A workspace: see its people and groups.
    SeeMembers,
    /// A workspace: make a document.
    CreateDocument,
    /// A workspace: invite somebody to be this.
    Invite(WorkspaceRole),
    /// A workspace: change or remove somebody. It is asked for what they were, and for what they are to be.
    ChangeMember(WorkspaceRole),
    /// A workspace: make a link with which somebody who is this gives themselves another password. Asked for each workspace in
    /// which they are: who has the link has the account.
    ResetPassword(WorkspaceRole),
    /// A workspace: make, change and delete groups.
    ManageGroups,
    /// A workspace: its name, and what it makes of documents.
    ChangeSettings,
    /// A workspace: read what was done in it.
    ReadAuditLog,
    /// The server: make a workspace.
    CreateWorkspace,
}

/// With what.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    /// A document, as it is.
    Document(DocumentId, &'a DocumentAccess),
    /// A workspace.
    Workspace(WorkspaceId),
    /// The server as a whole.
    Server,
}

/// That somebody may do something. [`authorise`] alone makes one, so who holds one has asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    user: UserId,
    action: Action,
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Document { id: DocumentId, role: Role },
    Workspace(WorkspaceId),
    Server,
}

impl Permit {
    /// Who may.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Do what.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// With which document; `None`: it is not about one.
    #[must_use]
    pub fn document(&self) -> Option<DocumentId> {
        match self.target {
            Target::Document { id, .. } => Some(id),
            _ => None,
        }
    }

    /// In which workspace; `None`: it is not about one.
    #[must_use]
    pub fn workspace(&self) -> Option<WorkspaceId> {
        match self.target {
            Target::Workspace(id) => Some(id),
            _ => None,
        }
    }

    /// What they may do to the document's content as it is: of one that is not in use, read. `None`: it is not about one.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        match self.target {
            Target::Document { role, .. } => Some(role),
            _ => None,
        }
    }
}

/// They may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// They are to be answered as if there were no such thing.
    #[error("there is no such thing")]
    NotFound,
    /// They may know of it, and not do this.
    #[error("not allowed")]
    Forbidden,
}

/// May they?
///
/// # Errors
/// [`Denied`], and how to say so.
pub fn authorise(subject: &Subject, action: Action, resource: &Resource<'_>) -> Result<Permit, Denied> {
    let (allowed, target) = match *resource {
        Resource::Document(id, access) => {
            let role = subject.role_on(id, access).ok_or(Denied::NotFound)?;
            let allowed = is_allowed(action, role, access.state);
            let role = if access.state == State::InUse {
                role
            } else {
                Role::Viewer
            };
            (allowed, Target::Document { id, role })
        }
        Resource::Workspace(id) => (is_allowed_in(subject, action, id)?, Target::Workspace(id)),
        Resource::Server => (may_on_server(subject, action), Target::Server),
    };
    if !allowed {
        return Err(Denied::Forbidden);
    }
    Ok(Permit {
        user: subject.user,
        action,
        target,
    })
}

fn is_allowed(action: Action, role: Role, state: State) -> bool {
    match action {
        Action::Read | Action::SeeAuthors => true,
        Action::Duplicate => state != State::Trashed,
        Action::Comment => state == State::InUse && role >= Role::Commenter,
        Action::Write => state == State::InUse && role >= Role::Editor,
        Action::Archive => state != State::Trashed && role >= Role::Editor,
        Action::Restore => role >= Role::Editor,
        Action::Share | Action::ChangeVisibility => state != State::Trashed && role == Role::Owner,
        Action::Trash => role == Role::Owner,
        Action::Purge => state == State::Trashed && role == Role::Owner,
        _ => false,
    }
}

fn is_allowed_in(subject: &Subject, action: Action, workspace: WorkspaceId) -> Result<bool, Denied> {
    let (membership, most) = subject.in_workspace(workspace).ok_or(Denied::NotFound)?;
    let role = membership.role;
    let for_any_document = subject.bounds.documents == Documents::Any;
    // A credential that does not go as far as its person with documents is for documents alone.
    let is_whole = for_any_document && most == Role::Owner;
    Ok(match action {
        Action::SeeWorkspace => true,
        Action::Leave => is_whole,
        Action::SeeMembers => role >= WorkspaceRole::Member && for_any_document,
        Action::CreateDocument => role >= WorkspaceRole::Member && for_any_document && most.may_write(),
        Action::Invite(other) | Action::ChangeMember(other) | Action::ResetPassword(other) => {
            is_whole && role >= WorkspaceRole::Admin && role >= other
        }
        Action::ManageGroups | Action::ChangeSettings => is_whole && role >= WorkspaceRole::Admin,
        Action::ReadAuditLog => is_whole && role == WorkspaceRole::Owner,
        _ => false,
    })
}

/// Who owns a workspace may make others.
fn may_on_server(subject: &Subject, action: Action) -> bool {
    action == Action::CreateWorkspace
        && subject
            .memberships
            .keys()
            .any(|workspace| is_allowed_in(subject, Action::ReadAuditLog, *workspace) == Ok(true))
}

/// A document that somebody may make. Only who may has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Creation {
    workspace: WorkspaceId,
    creator: UserId,
    visibility: Visibility,
    default_role: Role,
}

impl Creation {
    /// In a workspace, as it wishes; its maker owns it.
    ///
    /// # Errors
    /// [`Denied`], and how to say so.
    pub fn of(subject: &Subject, workspace: WorkspaceId) -> Result<Self, Denied> {
        let permit = authorise(subject, Action::CreateDocument, &Resource::Workspace(workspace))?;
        let membership = subject.memberships.get(&workspace).ok_or(Denied::NotFound)?;
        Ok(Self {
            workspace,
            creator: permit.user,
            visibility: membership.new_documents,
            default_role: membership.default_role,
        })
    }

    /// In the workspace of somebody who does not say where: their only one, or the one that is their home.
    ///
    /// # Errors
    /// [`Denied`]: they may not, or have no such workspace.
    pub fn at_home(subject: &Subject) -> Result<Self, Denied> {
        let mut workspaces = subject.memberships.keys();
        let home = match (workspaces.next(), workspaces.next()) {
            (Some(only), None) => Some(*only),
            _ => subject.home,
        };
        Self::of(subject, home.ok_or(Denied::NotFound)?)
    }

    /// Whose it will be.
    #[must_use]
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// Who makes it.
    #[must_use]
    pub fn creator(&self) -> UserId {
        self.creator
    }

    /// Who will see it without a grant.
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        self.visibility
    }

    /// Who may do what with it, once it is there.
    #[must_use]
    pub fn access(&self) -> DocumentAccess {
        DocumentAccess {
            workspace: self.workspace,
            visibility: self.visibility,
            default_role: self.default_role,
            grants: BTreeMap::from([(Grantee::User(self.creator), Role::Owner)]),
            state: State::InUse,
        }
    }
}
