//! People, their sessions, and the list of documents.

use async_trait::async_trait;
use fieldbook_core::access::{State, Visibility, WorkspaceRole};
use fieldbook_core::id::{DocumentId, UserId, WorkspaceId};
use uuid::Uuid;

use crate::{AuditEvent, SessionId, StoreError};

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name, as its people see it.
    pub name: String,
}

/// What somebody is in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub workspace: Workspace,
    /// What they are there.
    pub role: WorkspaceRole,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Unique without regard to case; what one signs in with and is shown as.
    pub name: String,
    /// Argon2id PHC string; `None` for people who only have tokens.
    pub password_hash: Option<String>,
    /// Their home, among their workspaces; `None`: they are in none.
    pub home: Option<Place>,
}

impl Account {
    /// Which workspace is their home.
    #[must_use]
    pub fn home_id(&self) -> Option<WorkspaceId> {
        self.home.as_ref().map(|home| home.workspace.id)
    }
}

/// A browser's session. Only the SHA-256 of its secret is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInSession {
    /// What it is called: it opens nothing.
    pub id: SessionId,
    /// SHA-256 of the cookie's value.
    pub secret_hash: [u8; 32],
    /// Whose it is.
    pub user: UserId,
    /// Milliseconds since 1970.
    pub expires_at_ms: i64,
    /// What the browser calls itself.
    pub user_agent: String,
}

/// A link that makes one account. Only the SHA-256 of its secret is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// What it is called: it opens nothing.
    pub id: Uuid,
    /// SHA-256 of the link's secret.
    pub secret_hash: [u8; 32],
    /// Into which workspace.
    pub workspace: Workspace,
    /// As what.
    pub role: WorkspaceRole,
    /// Milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// A row of the list of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentEntry {
    /// Its id.
    pub id: DocumentId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// See [`crate::NewDocument::kind`].
    pub kind: Option<String>,
    /// Copy of the title in the document.
    pub title: String,
    /// The creator's name.
    pub created_by: String,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// When its last change was stored; milliseconds since 1970.
    pub changed_at_ms: i64,
    /// Who sees it without a grant.
    pub visibility: Visibility,
    /// Where it is in its life.
    pub state: State,
    /// When it was put away, if it was; milliseconds since 1970.
    pub archived_at_ms: Option<i64>,
    /// When it was thrown away, if it was; milliseconds since 1970.
    pub trashed_at_ms: Option<i64>,
}

/// Accounts, sessions, invitations, and what the list says of documents. What names a workspace, account or document that does
/// not exist in order to change it is a [`StoreError::Conflict`]. What takes an event writes it down if it was done, in the same
/// transaction.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// 32 random bytes kept under a name (`token_key`, …): made from `fresh` at the first call, the same ever after.
    async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// The first workspace; `None` before the first start. One is made by [`Directory::create_workspace`].
    async fn first_workspace(&self) -> Result<Option<Workspace>, StoreError>;
    /// Finds a workspace.
    async fn workspace(&self, id: WorkspaceId) -> Result<Option<Workspace>, StoreError>;
    /// Makes a workspace.
    async fn create_workspace(&self, workspace: Workspace) -> Result<(), StoreError>;
    /// Gives a workspace another name.
    async fn rename_workspace(&self, id: WorkspaceId, name: &str) -> Result<(), StoreError>;

    /// How many accounts can sign in with a password. 0: set-up is not done yet.
    async fn count_sign_in_accounts(&self) -> Result<u64, StoreError>;
    /// Makes an account, and its place at home. [`StoreError::Taken`] if the name is.
    async fn create_account(&self, account: Account) -> Result<(), StoreError>;
    /// Finds by name, without regard to case.
    async fn account_by_name(&self, name: &str) -> Result<Option<Account>, StoreError>;
    /// Finds by id.
    async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError>;

    /// Keeps a session; expired ones are dropped on the way.
    async fn create_session(&self, session: SignInSession, now_ms: i64, event: AuditEvent) -> Result<(), StoreError>;
    /// Whose session it is, unless it expired. Any of its secrets finds it: [`crate::Identities::device`] says which it is.
    async fn session_account(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<Account>, StoreError>;
    /// Ends a session, if it is there.
    async fn delete_session(&self, secret_hash: [u8; 32], event: AuditEvent) -> Result<(), StoreError>;

    /// Keeps an invitation; expired ones are dropped on the way.
    async fn create_invitation(&self, invitation: Invitation, now_ms: i64, event: AuditEvent)
    -> Result<(), StoreError>;
    /// An invitation that is still good.
    async fn invitation(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<Invitation>, StoreError>;
    /// The invitations into a workspace that are still good, the one that expires first first.
    async fn invitations(&self, workspace: WorkspaceId, now_ms: i64) -> Result<Vec<Invitation>, StoreError>;
    /// Makes an invitation worth nothing. `false`: the workspace has none of this name (any more).
    async fn withdraw_invitation(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        event: AuditEvent,
    ) -> Result<bool, StoreError>;
    /// Uses an invitation up and makes the account, in one transaction. `false`: it was no longer good.
    /// [`StoreError::Taken`] if the name is, [`StoreError::Conflict`] if the account's home is not the
    /// invitation's (it stays good in both cases).
    async fn accept_invitation(
        &self,
        secret_hash: [u8; 32],
        account: Account,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<bool, StoreError>;

    /// One row of the list.
    async fn document(&self, id: DocumentId) -> Result<Option<DocumentEntry>, StoreError>;
    /// Updates what the list says of a document: the copy of its title (`None`: unchanged) and when it last changed, as
    /// of its change at `up_to`. What is known of a later one stays.
    async fn set_summary(
        &self,
        id: DocumentId,
        title: Option<&str>,
        changed_at_ms: i64,
        up_to: u64,
    ) -> Result<(), StoreError>;
    /// Documents with changes after those that [`Directory::set_summary`] knew of, and where their logs end.
    async fn behind_in_the_list(&self) -> Result<Vec<(DocumentId, u64)>, StoreError>;
}
