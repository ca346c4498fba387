//! By what else than a name and a password people are known.

use async_trait::async_trait;

use fieldbook_core::id::UserId;
use uuid::Uuid;

use crate::{Account, AuditEvent, StoreError};

/// What another application calls somebody: the `iss` and `sub` of its tokens. Both are compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalId {
    /// Who vouches for them.
    pub issuer: String,
    /// What they are called there. Other issuers may call somebody else the same.
    pub subject: String,
}

/// What a browser's session is called. It opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its session.
    pub id: SessionId,
    /// What the browser called itself when it signed in.
    pub user_agent: String,
    /// When it signed in; milliseconds since 1970.
    pub made_at_ms: i64,
    /// When it was last heard of, about; milliseconds since 1970.
    pub seen_at_ms: i64,
    /// When it will be signed out; milliseconds since 1970.
    pub expires_at_ms: i64,
    /// Since when its secret is the same; milliseconds since 1970.
    pub rotated_at_ms: i64,
}

/// Which of a session's secrets one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// The one that is good.
    Current,
    /// The one that was offered to take its place.
    Next,
    /// The one before: good until then; milliseconds since 1970.
    Previous {
        /// Used later, somebody has a copy.
        until_ms: i64,
    },
}

/// A link with which somebody gives themselves another password. Only the SHA-256 of its secret is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordReset {
    /// SHA-256 of the link's secret.
    pub secret_hash: [u8; 32],
    /// Whose password.
    pub user: UserId,
    /// Who made it; `None`: whoever has the data folder.
    pub maker: Option<UserId>,
    /// Milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// Accounts of people who sign in elsewhere, and the sessions of people who sign in here. What takes an event writes it down
/// if it was done, in the same transaction.
#[async_trait]
pub trait Identities: Send + Sync + 'static {
    /// The account of somebody whom another application knows.
    async fn external_account(&self, id: &ExternalId) -> Result<Option<Account>, StoreError>;
    /// Makes their account, in one transaction with the mapping, and says whose it is: if they have one already (two
    /// first requests at once), that one, and `account` is not made. [`StoreError::Taken`] if its name is,
    /// [`StoreError::Conflict`] if there is no such workspace.
    async fn create_external_account(&self, id: &ExternalId, account: Account) -> Result<Account, StoreError>;

    /// The session that a secret belongs to, unless it expired, and which of its secrets it is. What follows from that is
    /// the caller's to do.
    async fn device(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<(Device, SecretState)>, StoreError>;
    /// Keeps a next secret for a session. `false`: there is one that was offered after `unless_after_ms`.
    async fn offer_secret(
        &self,
        id: SessionId,
        next_hash: [u8; 32],
        now_ms: i64,
        unless_after_ms: i64,
    ) -> Result<bool, StoreError>;
    /// The next secret came back: it takes the place of the current one, which is good until `previous_until_ms`. `false`:
    /// it is not the next one (any more).
    async fn take_secret(&self, next_hash: [u8; 32], now_ms: i64, previous_until_ms: i64) -> Result<bool, StoreError>;
    /// Somebody's sessions that have not expired, the last seen first.
    async fn devices(&self, user: UserId, now_ms: i64) -> Result<Vec<Device>, StoreError>;
    /// Notes that a session was heard of. What is noted of a later moment stays; one that is gone is none of our business.
    async fn touch_device(&self, id: SessionId, seen_at_ms: i64) -> Result<(), StoreError>;
    /// Gives an account another password in place of this one, both in the form of [`Account::password_hash`], and makes
    /// links for another worth nothing. `false`: there is no such account, or it has another password by now.
    async fn set_password(
        &self,
        user: UserId,
        before: Option<&str>,
        password_hash: &str,
        event: AuditEvent,
    ) -> Result<bool, StoreError>;
    /// Keeps a link in place of any that was made for the same person before; expired ones are dropped on the way. It ends when
    /// [`crate::Access::set_member`] changes what its person or its maker is anywhere.
    /// [`StoreError::Conflict`]: there is no such account, or another application vouches for it, so that it has no password.
    async fn create_password_reset(
        &self,
        reset: PasswordReset,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<(), StoreError>;
    /// Whose password a link is for, while it is good.
    async fn password_reset(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<Account>, StoreError>;
    /// Uses a link up: its person has this password from now on, in the form of [`Account::password_hash`], and is signed in
    /// nowhere. The sessions that this ended; `None`: it was no longer good.
    async fn use_password_reset(
        &self,
        secret_hash: [u8; 32],
        password_hash: &str,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<Option<Vec<SessionId>>, StoreError>;
    /// Ends one session of this user. `false`: they have none of this name.
    async fn end_session(&self, user: UserId, id: SessionId, event: AuditEvent) -> Result<bool, StoreError>;
}
