//! The first start: a workspace, and a link that makes the first account.

use fieldbook_core::id::WorkspaceId;
use fieldbook_store::{
    AuditAction, AuditEvent, Credential, Directory, Invitation, Store, StoreError, Workspace, WorkspaceRole,
};

use crate::audit;
use crate::auth::{Secret, fresh_bytes, now_ms};

/// Until whoever sets the server up chooses another name.
const FIRST_WORKSPACE: &str = "Fieldbook";
/// The set-up link is good until it is used: a server may wait for its first visitor.
const SETUP_LIFETIME_MS: i64 = 100 * 365 * 86_400_000;

/// The set-up link.
pub(super) struct Setup {
    /// What stands in it. The same at every start, so that a link that was printed once stays good, and so that there
    /// is never more than one.
    pub secret: Secret,
    /// Whether there is no account yet.
    pub is_open: bool,
}

/// Makes what a new data folder lacks.
pub(super) async fn prepare(store: &dyn Store) -> Result<Setup, StoreError> {
    let workspace = first_workspace(store).await?;
    let secret = Secret::from_bytes(&store.secret("setup_link", fresh_bytes()).await?);
    let is_open = store.count_sign_in_accounts().await? == 0;
    let now_ms = now_ms();
    if is_open && store.invitation(secret.hash(), now_ms).await?.is_none() {
        let invitation = Invitation {
            id: uuid::Uuid::new_v4(),
            secret_hash: secret.hash(),
            workspace,
            role: WorkspaceRole::Owner,
            expires_at_ms: now_ms + SETUP_LIFETIME_MS,
        };
        let event = AuditEvent {
            workspace: Some(invitation.workspace.id),
            detail: Some(invitation.role.as_str().to_owned()),
            ..audit::on_this_machine(AuditAction::Invited, Credential::CommandLine)
        };
        store.create_invitation(invitation, now_ms, event).await?;
    }
    Ok(Setup { secret, is_open })
}

/// The first workspace, which is made if there is none.
///
/// # Errors
/// What the store says.
pub(crate) async fn first_workspace(store: &(impl Directory + ?Sized)) -> Result<Workspace, StoreError> {
    if let Some(workspace) = store.first_workspace().await? {
        return Ok(workspace);
    }
    let workspace = Workspace {
        id: WorkspaceId(uuid::Uuid::new_v4()),
        name: FIRST_WORKSPACE.to_owned(),
    };
    store.create_workspace(workspace.clone()).await?;
    // `token` may have made one in the same moment: the first is whichever the store had first.
    Ok(store.first_workspace().await?.unwrap_or(workspace))
}
