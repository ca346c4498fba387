//! What the API sends and takes. Times are milliseconds since 1970. A key that a body should not have is refused: it is
//! misspelt, or meant for another version.

pub(super) mod access;
pub(super) mod workspaces;

use fieldbook_core::access::Subject;
use fieldbook_store::DocumentEntry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::RoleName;
use crate::config::Trash;

/// Who is signed in, and where.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    user: User,
    role: RoleName,
    /// Their home among their workspaces; null if they are in none.
    workspace: Option<Workspace>,
    /// What this server's store is called in the sync protocol.
    storage_id: String,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
struct User {
    id: String,
    name: String,
}

/// A workspace: what people belong to and documents are in.
#[derive(Debug, Serialize, ToSchema)]
struct Workspace {
    id: String,
    name: String,
}

impl Session {
    pub(super) fn new(subject: &Subject, home: Option<fieldbook_store::Workspace>, storage_id: &str) -> Self {
        Self {
            user: User {
                id: subject.user.to_string(),
                name: subject.name.to_string(),
            },
            role: RoleName::at_home(subject),
            workspace: home.map(|home| Workspace {
                id: home.id.to_string(),
                name: home.name,
            }),
            storage_id: storage_id.to_owned(),
        }
    }
}

/// A password in place of another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    pub old: String,
    /// As long, and as hard to guess, as `[auth]` in the configuration says.
    pub new: String,
}

/// Where somebody is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Devices {
    pub devices: Vec<Device>,
}

/// A browser that is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    id: String,
    /// Whether it is the one that asks.
    is_current: bool,
    /// What the browser called itself when it signed in (`User-Agent`), shortened.
    user_agent: String,
    made_at: i64,
    /// To within a minute.
    seen_at: i64,
    expires_at: i64,
}

impl Device {
    pub(super) fn new(device: fieldbook_store::Device, current: fieldbook_store::SessionId) -> Self {
        Self {
            id: device.id.0.to_string(),
            is_current: device.id == current,
            user_agent: device.user_agent,
            made_at: device.made_at_ms,
            seen_at: device.seen_at_ms,
            expires_at: device.expires_at_ms,
        }
    }
}

/// A name and its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    pub name: String,
    pub password: String,
}

/// What a link leads to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Invitation {
    pub workspace: WorkspaceName,
    pub role: RoleName,
    /// Whether it makes the server's first account.
    pub setup: bool,
}

/// A workspace, as somebody sees it who is not in it yet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkspaceName {
    pub name: String,
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewAccount {
    /// 1 to 64 characters; nobody else may have it, however it is written.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// As long, and as hard to guess, as `[auth]` in the configuration says.
    pub password: String,
    /// What the workspace shall be called; with the first account only, ignored otherwise.
    #[schema(min_length = 1, max_length = 64)]
    pub workspace_name: Option<String>,
}

/// For whom a link shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInvitation {
    pub role: RoleName,
}

/// A link that makes one account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvitationLink {
    pub url: String,
    pub expires_at: i64,
}

/// A link with which its person gives themselves another password.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PasswordResetLink {
    pub url: String,
    pub expires_at: i64,
}

/// Whose password a link is for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PasswordReset {
    /// What they sign in with.
    pub name: String,
}

/// The password that they are to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetPassword {
    pub password: String,
}

/// What a document is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DocumentKind {
    /// The plan for one customer.
    AccountPlan,
    /// What to know about a piece of collateral.
    CollateralNote,
    /// A meeting.
    MeetingAgenda,
}

/// A row of the list of documents.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    /// For this API.
    #[schema(example = "3hw5tKTCPYpbvDXVSHuvQ95f2oS8")]
    id: String,
    /// For automerge-repo.
    #[schema(example = "automerge:3hw5tKTCPYpbvDXVSHuvQ95f2oS8")]
    url: String,
    /// `account_plan`, `collateral_note`, `meeting_agenda`; null for a document made by another sync client.
    kind: Option<String>,
    title: String,
    /// The name of whoever made it.
    created_by: String,
    created_at: i64,
    changed_at: i64,
    /// Null if it was not put away.
    archived_at: Option<i64>,
    /// Null if it is not in the trash.
    trashed_at: Option<i64>,
    /// When the server deletes it for ever, within the hour. Null if it is not in the trash, or stays there.
    purge_at: Option<i64>,
}

impl Document {
    pub(super) fn new(entry: DocumentEntry, trash: &Trash) -> Self {
        let id = entry.id.to_string();
        Self {
            url: format!("automerge:{id}"),
            id,
            kind: entry.kind,
            title: entry.title,
            created_by: entry.created_by,
            created_at: entry.created_at_ms,
            changed_at: entry.changed_at_ms,
            archived_at: entry.archived_at_ms,
            trashed_at: entry.trashed_at_ms,
            purge_at: entry.trashed_at_ms.and_then(|at_ms| trash.kept_until_ms(at_ms)),
        }
    }
}

/// Documents, the last changed first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentList {
    pub documents: Vec<Document>,
}

/// A document to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDocument {
    pub kind: DocumentKind,
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
}

/// Which documents to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DocumentFilter {
    /// `true`: those that were put away. `false`: those in use.
    #[serde(default)]
    pub archived: bool,
    /// `true`: those in the trash, whether they were put away before or not.
    #[serde(default)]
    pub trashed: bool,
}
