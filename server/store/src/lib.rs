//! Where documents and accounts are kept.
//!
//! [`DocumentStore`] holds the change logs, [`Directory`] holds people,
//! sessions and the list of documents, [`Access`] who may do what, [`Identities`] by what else people are known, [`AuditLog`]
//! what was done. [`sqlite`] implements all of them; one contract suite (`tests/contract/`) says what any implementation must do.

mod access;
mod audit;
mod directory;
mod document;
mod identities;
pub mod sqlite;

pub use access::{Access, Grant, Group, Member, Memberships, Touched, WorkspaceSettings};
pub use audit::{AuditAction, AuditEntry, AuditEvent, AuditLog, Credential, Named};
pub use directory::{Account, Directory, DocumentEntry, Invitation, Place, SignInSession, Workspace};
pub use document::{Archive, DocumentStore, NewDocument, StoredDocument};
pub use fieldbook_core::access::{Role, State, Visibility, WorkspaceRole};
pub use fieldbook_core::history::{ArchiveMeta, Placed, RetainedFrom};
pub use identities::{Device, ExternalId, Identities, PasswordReset, SecretState, SessionId};

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be read or written now (disk full, I/O error, locked, gone). Nothing of the call took effect, or
    /// all of it did and the same call again is harmless. Worth trying again.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// What is stored does not read back, which says nothing about what else is stored. Trying again helps only if the
    /// disk could not be read: SQLite tells of EIO as of damage.
    #[error("what is stored is damaged: {0}; restore it from a backup")]
    Damaged(String),
    /// What is stored contradicts the call (another change at that position, an archive that moved on). Trying again
    /// will not help.
    #[error("the store holds something else: {0}")]
    Conflict(String),
    /// A name that must be unique is taken.
    #[error("{0} is taken")]
    Taken(&'static str),
}

/// Everything that the server keeps.
pub trait Store: DocumentStore + Directory + Access + Identities + AuditLog {}
impl<T: DocumentStore + Directory + Access + Identities + AuditLog> Store for T {}
