//! By what else than a name and a password people are known.

use async_trait::async_trait;

use crate::{Account, StoreError};

/// What another application calls somebody: the `iss` and `sub` of its tokens. Both are compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalId {
    /// Who vouches for them.
    pub issuer: String,
    /// What they are called there. Other issuers may call somebody else the same.
    pub subject: String,
}

/// Accounts of people who sign in elsewhere.
#[async_trait]
pub trait Identities: Send + Sync + 'static {
    /// The account of somebody whom another application knows.
    async fn external_account(&self, id: &ExternalId) -> Result<Option<Account>, StoreError>;
    /// Makes their account, in one transaction with the mapping, and says whose it is: if they have one already (two
    /// first requests at once), that one, and `account` is not made. [`StoreError::Taken`] if its name is,
    /// [`StoreError::Conflict`] if there is no such workspace.
    async fn create_external_account(&self, id: &ExternalId, account: Account) -> Result<Account, StoreError>;
}
