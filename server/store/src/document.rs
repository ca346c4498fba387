//! Change logs: what a document is made of.
//!
//! A document's changes are numbered 1, 2, 3 … in the order in which the server admitted them (its *positions*). The
//! *archive* is one compressed automerge document that holds every change up to `ArchiveMeta::position`; the *tail* is
//! the changes after it, one row each. The last changes that the archive already contains are *retained* for a while as
//! rows of their own, so that a client that was away briefly gets a few changes and not the whole document.

use async_trait::async_trait;
use automerge::ChangeHash;
use bytes::Bytes;
use fieldbook_core::access::{Creation, DocumentAccess};
use fieldbook_core::history::{ArchiveMeta, Placed};
use fieldbook_core::id::DocumentId;

use crate::StoreError;

/// A new archive, to take the place of the old one and of the tail up to its position.
#[derive(Debug, Clone)]
pub struct Archive {
    /// What is known of it. `meta.retained` names what stays at hand as rows; rows before it are deleted.
    pub meta: ArchiveMeta,
    /// A saved automerge document (one document chunk).
    pub bytes: Bytes,
    /// Every change that the archive holds and that the previous archive did not.
    pub added: Vec<Placed>,
}

/// Whose a document is and what the list says of it, said when its first change is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDocument {
    /// Whose it is, and who makes it: they own it.
    pub creation: Creation,
    /// `account_plan`, `collateral_note`, `meeting_agenda`, or `None` for what a stock client made.
    pub kind: Option<String>,
    /// Copy of the title in the document.
    pub title: String,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
}

/// What a room needs to begin; the archive's bytes are not read.
#[derive(Debug, Clone)]
pub struct StoredDocument {
    /// Who may do what with it.
    pub access: DocumentAccess,
    /// The archive, if there has been a compaction.
    pub archive: Option<ArchiveMeta>,
    /// The changes after the archive, in order; the first is at `archive.position + 1` (or 1).
    pub tail: Vec<Bytes>,
    /// The last change that [`crate::Directory::set_summary`] knew of.
    pub summarised_up_to: u64,
}

/// The change logs of all documents. Each call may be [`StoreError::Unavailable`], or [`StoreError::Damaged`] for what
/// it reads of its own document.
#[async_trait]
pub trait DocumentStore: Send + Sync + 'static {
    /// What a room needs to begin. `None`: no such document.
    async fn load(&self, id: DocumentId) -> Result<Option<StoredDocument>, StoreError>;

    /// Appends changes at `first_position`, and returns when they are durable: committed, and synced to the disk.
    /// Calls that wait at the same time are committed together. With `new`, the document is made in the same
    /// transaction if it does not exist yet. The same changes at the same positions again are a success (and what goes
    /// beyond them is appended), as long as these positions are at hand as rows. A [`StoreError::Conflict`], of which
    /// nothing takes effect, are: other changes at these positions, a gap before `first_position`, a document that does
    /// not exist without `new`, one that was purged, and a workspace or creator in `new` that do not exist.
    async fn append(
        &self,
        id: DocumentId,
        new: Option<NewDocument>,
        first_position: u64,
        changes: Vec<Bytes>,
    ) -> Result<(), StoreError>;

    /// The archive's bytes and its position. `None`: there is no archive.
    async fn read_archive(&self, id: DocumentId) -> Result<Option<(u64, Bytes)>, StoreError>;

    /// The retained changes, in order: the first is at `archive.retained.position`, the last at `archive.position`.
    async fn read_retained(&self, id: DocumentId) -> Result<Vec<Bytes>, StoreError>;

    /// The rows at positions `after + 1 ..= up_to`, in order, as far as the log goes. [`StoreError::Conflict`] if the
    /// first of them are in the archive and no longer at hand as rows.
    async fn read_changes(&self, id: DocumentId, after: u64, up_to: u64) -> Result<Vec<Bytes>, StoreError>;

    /// Those of `hashes` that the archive contains, in any order.
    async fn find_archived(&self, id: DocumentId, hashes: &[ChangeHash]) -> Result<Vec<Placed>, StoreError>;

    /// Puts a new archive in the place of the one at `previous` (0: none) and deletes the rows before
    /// `archive.meta.retained.position`, all in one transaction (the hash index may be filled in steps before it).
    /// Appends by others go on between those steps. The very archive that is in place already is a success; a
    /// [`StoreError::Conflict`], of which nothing can be seen, are: another `previous`, an archive beyond the log's end,
    /// retained rows that are gone, and `added` or `meta.bytes` of another length than the rest says.
    async fn replace_archive(&self, id: DocumentId, previous: u64, archive: Archive) -> Result<(), StoreError>;

    /// Every document's id, for `verify`.
    async fn document_ids(&self) -> Result<Vec<DocumentId>, StoreError>;
}
