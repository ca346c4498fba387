//! Who did what, to whom, from where and when. Nothing in it is ever changed or taken out.

use std::net::IpAddr;

use async_trait::async_trait;
use fieldbook_core::id::{DocumentId, GroupId, UserId, WorkspaceId};

use crate::{Account, StoreError};

/// Somebody or something, as it was called then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name; empty where there is none.
    pub name: String,
}

impl Named {
    /// A person.
    #[must_use]
    pub fn person(id: UserId, name: &str) -> Self {
        Self {
            id: id.to_string(),
            name: name.to_owned(),
        }
    }

    /// A group.
    #[must_use]
    pub fn group(id: GroupId, name: &str) -> Self {
        Self {
            id: id.to_string(),
            name: name.to_owned(),
        }
    }

    /// A document and its title.
    #[must_use]
    pub fn document(id: DocumentId, title: &str) -> Self {
        Self {
            id: id.to_string(),
            name: title.to_owned(),
        }
    }
}

impl From<&Account> for Named {
    fn from(account: &Account) -> Self {
        Self::person(account.id, &account.name)
    }
}

/// Declares words that stand in the store and in the API, once.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// As it is written.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            pub(crate) fn parse(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// What was done.
    AuditAction {
        /// The server's first account was made.
        SetUp = "set_up",
        /// Somebody signed in.
        SignedIn = "signed_in",
        /// Somebody tried to, in vain.
        SignInRefused = "sign_in_refused",
        /// Somebody signed out.
        SignedOut = "signed_out",
        /// A person's session was ended elsewhere than in its browser.
        SessionEnded = "session_ended",
        /// A person gave themselves another password.
        PasswordChanged = "password_changed",
        /// A link was made with which a person gives themselves another password.
        PasswordResetMade = "password_reset_made",
        /// A person gave themselves another password by such a link, which ended all their sessions.
        PasswordReset = "password_reset",
        /// An invitation was made.
        Invited = "invited",
        /// An invitation was made worth nothing.
        InvitationWithdrawn = "invitation_withdrawn",
        /// An invitation became an account.
        InvitationUsed = "invitation_used",
        /// A workspace was made.
        WorkspaceMade = "workspace_made",
        /// Somebody got a role in a workspace.
        MemberChanged = "member_changed",
        /// Somebody left a workspace, or was removed from it.
        MemberRemoved = "member_removed",
        /// A group was made.
        GroupMade = "group_made",
        /// A group got another name.
        GroupRenamed = "group_renamed",
        /// A group was deleted, and its grants with it.
        GroupDeleted = "group_deleted",
        /// Somebody was put into a group.
        GroupMemberAdded = "group_member_added",
        /// Somebody was taken out of a group.
        GroupMemberRemoved = "group_member_removed",
        /// A person or a group was granted a role on a document.
        Granted = "granted",
        /// What a person or a group was granted on a document was withdrawn.
        GrantWithdrawn = "grant_withdrawn",
        /// Who sees a document without a grant was changed.
        VisibilityChanged = "visibility_changed",
        /// A document was put away.
        DocumentArchived = "document_archived",
        /// A document was thrown away.
        DocumentTrashed = "document_trashed",
        /// A document was taken back into use.
        DocumentRestored = "document_restored",
        /// A document was deleted for ever.
        DocumentPurged = "document_purged",
        /// A token was made.
        TokenMade = "token_made",
        /// A document left the server as a file.
        DocumentExported = "document_exported",
    }
}

words! {
    /// By what somebody showed who they are.
    Credential {
        /// A name and a password.
        Password = "password",
        /// The secret of a link.
        Link = "link",
        /// A browser's session.
        Session = "session",
        /// A token that this server made.
        Token = "token",
        /// A token that another application made.
        ForeignToken = "foreign_token",
        /// The server itself, as its configuration says.
        Server = "server",
        /// The data folder: the command line.
        CommandLine = "command_line",
    }
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// When; milliseconds since 1970.
    pub at_ms: i64,
    /// In which workspace, if in one.
    pub workspace: Option<WorkspaceId>,
    /// What.
    pub action: AuditAction,
    /// Who did it; `None`: nobody whom the server knows.
    pub actor: Option<Named>,
    /// How they showed that.
    pub credential: Credential,
    /// Whom or what it was done to, if that is not the actor.
    pub subject: Option<Named>,
    /// More, for people: a role, a device.
    pub detail: Option<String>,
    /// From where; `None` on the machine itself.
    pub address: Option<IpAddr>,
}

/// An event in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Later ones have greater numbers.
    pub number: i64,
    /// What was done.
    pub event: AuditEvent,
}

/// The log of what was done. What changes something else in the store takes its event along, and writes both or neither.
#[async_trait]
pub trait AuditLog: Send + Sync + 'static {
    /// Writes down what changes nothing in the store.
    async fn record(&self, event: AuditEvent) -> Result<(), StoreError>;
    /// Writes down a sign-in that was refused, which anybody can cause as often as they like: once in each minute for
    /// the same subject and address, and `most_per_minute` for all together. `false`: it was left out.
    async fn record_refusal(&self, event: AuditEvent, most_per_minute: u32) -> Result<bool, StoreError>;
    /// The last `limit` entries before one (`None`: of all), the last first: those of a workspace and those that belong
    /// to none, or (`None`) all.
    async fn audit_log(
        &self,
        workspace: Option<WorkspaceId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError>;
}
